"""The command line: the same engine without a window.

Answers go to standard output, everything about them to standard error, so that output pipes well. Exit codes: 0 done, 1 a
check or an assertion failed, 2 wrong usage or settings, 3 a measurement is invalid, 4 a provider or key could not serve, 130
interrupted.
"""

from __future__ import annotations

import argparse
import asyncio
import errno
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from aiconsole import __version__, cache_command, chat_command, profile_command
from aiconsole.alerts import command as alerts_command
from aiconsole.bench.arguments import add_commands
from aiconsole.command_arguments import Parser
from aiconsole.domain.errors import AllFailed, ConfigError, ConsoleError, ProviderError
from aiconsole.jobs import command as jobs_command
from aiconsole.streams import drop_output, reader_left

if TYPE_CHECKING:
    from aiconsole.domain.models import ModelInfo, ProviderState
    from aiconsole.engine import Engine

DONE: Final = 0
CHECK_FAILED: Final = 1
USAGE: Final = 2
TROUBLE: Final = 4
INTERRUPTED: Final = 130

Command = Callable[["Engine", argparse.Namespace], Awaitable[int]]


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code; messages for the person have been printed.

    Raises:
        OSError: nobody reads the output any more (`reader_left`).
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.command is None:
        parser.print_help()
        return USAGE
    try:
        code = _drill(options) if options.command == "drill" else asyncio.run(_run(options))
        if sys.stdout is not None:
            sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        _tell("Interrupted.")
        return INTERRUPTED
    except ConfigError as error:
        _tell_error(error)
        return USAGE
    except ConsoleError as error:
        _tell_error(error)
        return TROUBLE
    except OSError as error:
        if reader_left(error):
            raise
        drop_output()
        _tell(f"{error.filename or 'The output'} cannot be written: {error.strerror or error}.")
        _tell("Free some space on the disk, check the rights, or send it elsewhere.")
        return USAGE


def _port_words(error: OSError | OverflowError) -> str:
    """Why a port cannot be used; for the usual reasons, `os.strerror` has no words on Windows."""
    if not isinstance(error, OSError) or not error.errno:
        return "it is no port"
    usual = {errno.EADDRINUSE: "Address already in use", errno.EACCES: "Permission denied"}
    return usual.get(error.errno) or os.strerror(error.errno)


def _drill(options: argparse.Namespace) -> int:
    from aiconsole.drill.command import drill
    from aiconsole.drill.lapse import LapseLoop

    with asyncio.Runner(loop_factory=lambda: LapseLoop(options.scale)) as runner:
        return runner.run(drill(options, _say))


async def _run(options: argparse.Namespace) -> int:
    if options.command == "simulate":
        from aiconsole.simulator.command import serve

        try:
            await serve(options.port, options.seed, fast=options.fast, say=_say)
        except (OSError, OverflowError) as error:
            if isinstance(error, OSError) and reader_left(error):
                raise
            why = _port_words(error)
            advice = "Give another with --port; 0 takes a free one."
            raise ConfigError(f"Port {options.port} cannot be used: {why}.", advice=advice) from error
        return DONE
    from aiconsole.engine import Engine

    async with Engine.open(home=options.home, demo=options.demo or None) as engine:
        for problem in engine.setting_problems:
            _tell(f"settings.toml: {problem}")
        if hasattr(options, "kind") and not getattr(options, "quick", False):
            from aiconsole.bench.command import run_bench

            return await run_bench(engine.bench, options, _say, _tell)
        command: Command = getattr(options, "run", _check)
        return await command(engine, options)


def _parser() -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = Parser(
        prog="aiconsole",
        description="An operations console for LLM providers. `python main.py` opens the window.",
        epilog="Exit codes: 0 done, 1 a check or an assertion failed, 2 wrong usage or settings, 3 a measurement is invalid, "
        "4 a provider or key could not serve, 130 interrupted.",
    )
    parser.add_argument("--version", "-V", action="version", version=f"aiconsole {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="command")
    # Taken before and after the command: what is not given sets nothing, so that neither place undoes the other.
    shared = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    for taker in (parser, shared):
        taker.add_argument(
            "--home", metavar="DIR", help="keep settings, database and logs in DIR (or in AICONSOLE_HOME)"
        )
        taker.add_argument("--demo", action="store_true", help="talk to the built-in simulated providers")
        taker.add_argument("--json", action="store_true", help="print JSON")

    chat = commands.add_parser("chat", parents=[shared], help="ask once and print the answer")
    chat_command.add_arguments(chat)
    chat.set_defaults(run=_chat)

    models = commands.add_parser("models", parents=[shared], help="list models with context length and prices")
    models.add_argument("provider", nargs="?", help="of this provider only")
    models.set_defaults(run=_models)

    providers = commands.add_parser("providers", parents=[shared], help="list providers and whether they have a key")
    providers.set_defaults(run=_providers)

    add_commands(commands, shared)

    _add_keys(commands, shared)

    cache = commands.add_parser("cache", parents=[shared], help="look into the response cache, or remove from it")
    cache_command.add_arguments(cache, shared)
    cache.set_defaults(run=_cache)

    profile = commands.add_parser("profile", parents=[shared], help="switch between sets of settings")
    profile_command.add_arguments(profile, shared)
    profile.set_defaults(run=_profile)

    jobs_command.add_arguments(
        commands.add_parser("jobs", parents=[shared], help="background jobs, and backups of settings"), shared, _jobs
    )

    alerts_command.add_arguments(
        commands.add_parser("alerts", parents=[shared], help="alerts, their rules, and the channels they are sent to"),
        shared,
        _alerts,
    )

    simulate = commands.add_parser("simulate", help="run the seven simulated providers on a loopback port")
    simulate.add_argument("--port", type=int, default=8787, help="0 takes a free one")
    simulate.add_argument("--seed", type=int, default=0, help="all chance comes from it")
    simulate.add_argument("--fast", action="store_true", help="answer at once instead of at a lifelike pace")

    drill = commands.add_parser(
        "drill", parents=[shared], help="put a route of simulated providers under faults and tell how it copes"
    )
    drill.add_argument("--scenario", action="append", default=[], metavar="NAME", help="this one only; may be repeated")
    drill.add_argument("--seed", type=int, default=0, help="all chance comes from it")
    drill.add_argument(
        "--scale",
        type=_scale,
        default=0.0,
        metavar="F",
        help="how long waiting takes: 1 real time, 0.1 a tenth of it, 0 (the default) skips it",
    )
    drill.add_argument("--list", action="store_true", help="only list the scenarios")
    return parser


def _add_keys(commands: Any, shared: argparse.ArgumentParser) -> None:
    keys = commands.add_parser("keys", parents=[shared], help="list, set or remove providers' keys")
    keys_commands = keys.add_subparsers(dest="keys_command", metavar="action", required=True)
    keys_list = keys_commands.add_parser("list", parents=[shared], help="say where each key comes from")
    keys_list.set_defaults(run=_keys_list)
    keys_set = keys_commands.add_parser("set", parents=[shared], help="keep a key in the system's keyring")
    keys_set.add_argument("provider")
    keys_set.set_defaults(run=_keys_set)
    keys_remove = keys_commands.add_parser("remove", parents=[shared], help="forget a key")
    keys_remove.add_argument("provider")
    keys_remove.set_defaults(run=_keys_remove)


def _scale(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError("give a number from 0 to 1")
    return value


async def _chat(engine: Engine, options: argparse.Namespace) -> int:
    await chat_command.run(engine, options, _tell, _print_json)
    return DONE


async def _models(engine: Engine, options: argparse.Namespace) -> int:
    await engine.keys_read()
    if options.provider is None and not any(state.usable for state in engine.providers()):
        raise _no_key()
    models = await engine.models(options.provider)
    if options.json:
        _print_json(models)
    elif models:
        _print_table(("MODEL", "CONTEXT", "IN $/M", "OUT $/M"), [_model_row(info) for info in models])
    for provider, error in engine.catalogue.failures.items():
        if options.provider in (None, provider):
            _tell(f"{provider}: {error.message}")
    return DONE if models or not engine.catalogue.failures else TROUBLE


def _model_row(info: ModelInfo) -> tuple[str, ...]:
    prices = info.prices
    return (
        f"{info.provider}/{info.id}",
        "" if info.context_tokens is None else f"{info.context_tokens:,}",
        "" if prices is None or prices.prompt is None else f"{prices.prompt:g}",
        "" if prices is None or prices.completion is None else f"{prices.completion:g}",
    )


async def _providers(engine: Engine, options: argparse.Namespace) -> int:
    await engine.keys_read()
    states = engine.providers()
    if options.json:
        _print_json(states)
        return DONE
    rows = [(state.name, state.label, _key_words(state), state.base_url) for state in states]
    _print_table(("NAME", "PROVIDER", "KEY", "BASE URL"), rows)
    return DONE


def _key_words(state: ProviderState) -> str:
    if state.trouble:
        return state.trouble
    if not state.enabled:
        return "switched off"
    if state.simulated:
        return "simulated"
    if state.key_source is not None:
        return {"keyring": "in the keyring", "environment": f"from {state.key_variable}", "session": "this run"}[
            state.key_source
        ]
    return "missing" if state.key_needed else "not needed"


async def _check(engine: Engine, options: argparse.Namespace) -> int:
    """``check --quick``: only whether key and service work."""
    await engine.keys_read()
    usable = [state.name for state in engine.providers() if state.usable]
    names = [*options.names, *options.provider] or usable
    if not names:
        raise _no_key()
    results = await asyncio.gather(*(engine.probe(name) for name in names))
    if options.json:
        _print_json(results)
    else:
        rows = [
            (result.provider, "ok" if result.ok else "FAILED", f"{result.latency_ms:.0f} ms", result.detail)
            for result in results
        ]
        _print_table(("NAME", "RESULT", "TIME", "DETAIL"), rows)
    return DONE if all(result.ok for result in results) else CHECK_FAILED


def _no_key() -> ConfigError:
    return ConfigError("No provider has a key yet.", advice="Set one with `aiconsole keys set NAME`, or try --demo.")


async def _cache(engine: Engine, options: argparse.Namespace) -> int:
    await cache_command.run(engine, options, _print_table, _tell, _print_json)
    return DONE


async def _profile(engine: Engine, options: argparse.Namespace) -> int:
    await profile_command.run(engine, options, _print_table, _say, _print_json)
    return DONE


async def _jobs(engine: Engine, options: argparse.Namespace) -> int:
    return await jobs_command.run(engine, options, _print_table, _tell, _print_json)


async def _alerts(engine: Engine, options: argparse.Namespace) -> int:
    return await alerts_command.run(engine, options, _print_table, _say, _print_json)


async def _keys_list(engine: Engine, options: argparse.Namespace) -> int:
    await engine.keys_read()
    states = engine.providers()
    if options.json:
        _print_json({state.name: state.key_source for state in states})
        return DONE
    _print_table(("NAME", "KEY", "VARIABLE"), [(s.name, _key_words(s), s.key_variable or "") for s in states])
    backend = engine.keys.backend_state()
    _tell(f"{backend.words} {backend.advice}".strip())
    return DONE


async def _keys_set(engine: Engine, options: argparse.Namespace) -> int:
    _state(engine, options.provider)
    if sys.stdin.isatty():
        import getpass

        value = await asyncio.to_thread(getpass.getpass, f"Key for {options.provider} (not shown): ")
    else:
        value = await asyncio.to_thread(sys.stdin.readline)
    await engine.set_key(options.provider, value, "keyring")
    _tell(f"The key for {options.provider} is kept in the keyring.")
    return DONE


async def _keys_remove(engine: Engine, options: argparse.Namespace) -> int:
    await engine.keys_read()
    state = _state(engine, options.provider)
    if await engine.remove_key(options.provider):
        _tell(f"The key for {options.provider} is removed.")
        return DONE
    _tell(f"No key for {options.provider} is kept in the keyring; nothing was removed.")
    if state.key_source == "environment":
        _tell(f"It comes from {state.key_variable}; take it out of the environment.")
    return TROUBLE


def _state(engine: Engine, name: str) -> ProviderState:
    for state in engine.providers():
        if state.name == name:
            return state
    raise ConfigError(f"There is no provider called “{name}”.", advice="See `aiconsole providers`.")


def _print_json(value: Any) -> None:
    print(msgspec.json.format(msgspec.json.encode(value)).decode())


def _print_table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    table = [head, *rows]
    widths = [max(len(row[column]) for row in table) for column in range(len(head))]
    for row in table:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _say(words: str) -> None:
    print(words, flush=True)


def _tell(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


def _tell_error(error: ConsoleError) -> None:
    if isinstance(error, AllFailed):
        _tell(f"All {len(error.attempts)} candidates failed:")
        for attempt in error.attempts:
            _tell(f"  {attempt.provider}/{attempt.model}: {attempt.message} {attempt.advice} ({attempt.kind})")
        return
    whom = "/".join(part for part in (getattr(error, "provider", ""), getattr(error, "model", "")) if part)
    _tell(f"{whom}: {error.message}" if whom else error.message)
    if isinstance(error, ProviderError):
        told = [f"kind: {error.kind}"]
        told += [f"status {error.status}"] if error.status else []
        told += [f"request {error.request_id}"] if error.request_id else []
        _tell(f"({', '.join(told)})")
    if error.advice:
        _tell(error.advice)
