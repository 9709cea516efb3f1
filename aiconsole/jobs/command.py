"""``aiconsole jobs``: the background jobs without a window, also from the system's own cron."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from aiconsole.command_arguments import count
from aiconsole.printing import Print, Table, when

if TYPE_CHECKING:
    from aiconsole.domain.events import JobChanged
    from aiconsole.domain.jobs import JobRun, JobView
    from aiconsole.engine import Engine
    from aiconsole.jobs.backup import Backup
    from aiconsole.jobs.scheduler import Scheduler

GOOD: Final = 0
FAILED: Final = 1


def add_arguments(parser: argparse.ArgumentParser, shared: argparse.ArgumentParser, command: object) -> None:
    """Give ``parser`` the actions; ``shared`` has the options that every command takes, ``command`` is what is run."""
    parser.set_defaults(run=command)
    actions = parser.add_subparsers(dest="action", metavar="action", required=True)
    actions.add_parser("list", parents=[shared], help="when each job runs, and how it went the last time")
    run = actions.add_parser(
        "run", parents=[shared], help="run jobs now, or keep running what is due until interrupted"
    )
    run.add_argument("job", nargs="*", help="these jobs, now")
    run.add_argument("--all", action="store_true", help="all jobs that are switched on, whenever they are due")
    run.add_argument("--once", action="store_true", help="with --all: each of them once, now, and then end")
    run.add_argument("--due", action="store_true", help="with --once: only those that are due")
    for action, words in (("pause", "let a job not run by itself"), ("resume", "let it run by itself again")):
        actions.add_parser(action, parents=[shared], help=words).add_argument("job")
    history = actions.add_parser("history", parents=[shared], help="the last runs, with output and error")
    history.add_argument("job", nargs="?", help="of this job only")
    history.add_argument("--limit", type=count, default=20, metavar="N", help="how many runs (20)")
    actions.add_parser("backups", parents=[shared], help="list the backups of the configuration")
    restore = actions.add_parser("restore", parents=[shared], help="put a backup of the configuration back in place")
    restore.add_argument("backup", help="its name, as listed by `aiconsole jobs backups`")


async def run(engine: Engine, options: argparse.Namespace, table: Table, tell: Print, print_json: Print) -> int:
    """Do what was asked: 0 where it went well, 1 where a job did not.

    Raises:
        ConfigError: there is no job or backup of that name, or another console has the database open.
        StoreError: the database cannot be used.
    """
    jobs = await engine.open_jobs(by_itself=options.action == "run" and options.all and not options.once)
    scheduler = jobs.scheduler
    if options.action == "list":
        if options.json:
            print_json(scheduler.views())
        else:
            table(("NAME", "STATE", "SCHEDULE", "NEXT", "LAST"), [_view_row(view) for view in scheduler.views()])
    elif options.action == "run":
        return await _run(engine, scheduler, options, tell, print_json)
    elif options.action == "pause":
        await scheduler.pause(options.job)
        tell(f"{options.job} does not run by itself any more.")
    elif options.action == "resume":
        await scheduler.resume(options.job)
        tell(f"{options.job} runs by itself again, next at {when(scheduler.view(options.job).next_at)}.")
    elif options.action == "history":
        _print_history(await scheduler.history(options.job, options.limit), options.json, table, print_json)
    elif options.action == "backups":
        _print_backups(await asyncio.to_thread(jobs.backup.backups), options.json, table, tell, print_json)
    else:
        for line in await jobs.restore(options.backup):
            tell(line)
        tell(f"{options.backup} is in place.")
    return GOOD


def _print_backups(backups: Sequence[Backup], as_json: bool, table: Table, tell: Print, print_json: Print) -> None:
    if as_json:
        print_json(backups)
    elif backups:
        rows = [(each.name, when(each.created_at), each.problem or each.reason or "ok") for each in backups]
        table(("NAME", "MADE", "STATE"), rows)
    else:
        tell("There is no backup yet. `aiconsole jobs run backup` makes one once there are settings of your own.")


async def _run(
    engine: Engine, scheduler: Scheduler, options: argparse.Namespace, tell: Print, print_json: Print
) -> int:
    from aiconsole.domain.errors import ConfigError
    from aiconsole.domain.events import JobChanged

    if bool(options.job) == options.all:
        raise ConfigError("Name jobs to run, or give --all.", advice="See `aiconsole jobs list`.")
    if not options.json:
        engine.bus.subscribe(
            lambda event: _tell_step(event, tell) if isinstance(event, JobChanged) else None, JobChanged
        )
    if options.all:
        await engine.open_alerts()
    if options.all and not options.once:
        tell("Running what is due, until interrupted.")
        await asyncio.Event().wait()
    names = options.job or [view.name for view in scheduler.views() if view.state not in ("off", "paused")]
    done: list[JobRun] = []
    for name in names:
        if options.due and not await scheduler.run_due(name):
            continue
        if not options.due:
            await scheduler.run_now(name)
        ended = await scheduler.finished(name)
        if ended is not None:
            done.append(ended)
    if options.json:
        print_json(done)
    return GOOD if all(each.result == "succeeded" for each in done) else FAILED


def _tell_step(event: JobChanged, tell: Print) -> None:
    if event.step == "progress":
        tell(f"  {event.message}")
        return
    took = "" if event.duration_ms is None else f" after {_span(event.duration_ms)}"
    tell(f"{event.job}: {event.step}{took}. {event.message}".rstrip())


def _print_history(runs: Sequence[JobRun], as_json: bool, table: Table, print_json: Print) -> None:
    if as_json:
        print_json(runs)
        return
    rows = [
        (
            str(each.number),
            each.job,
            when(each.started_at),
            each.cause,
            _result(each),
            "" if each.duration_ms is None else _span(each.duration_ms),
            each.message,
        )
        for each in runs
    ]
    table(("RUN", "JOB", "BEGAN", "CAUSE", "RESULT", "TOOK", "WORDS"), rows)


def _view_row(view: JobView) -> tuple[str, ...]:
    last = view.last
    told = "never" if last is None else f"{_result(last)}, {when(last.started_at)}"
    return (view.name, view.state, view.schedule, when(view.next_at), told)


def _result(run: JobRun) -> str:
    return f"{run.result or 'running'}{', needs a look' if run.found else ''}"


def _span(ms: float) -> str:
    return f"{ms:.0f} ms" if ms < 1000 else f"{ms / 1000:.1f} s"
