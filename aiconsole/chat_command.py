"""``aiconsole chat``: ask once, and print the answer as it comes."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiconsole.command_arguments import amount_or_none, count
from aiconsole.domain.errors import ConfigError
from aiconsole.streams import read_text

if TYPE_CHECKING:
    from aiconsole.domain.chat import ChatRequest, ChatResult
    from aiconsole.engine import Engine


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what may be asked, and how."""
    parser.add_argument(
        "prompt", nargs="*", help="what to ask; standard input is added, or is the prompt if there is none"
    )
    parser.add_argument("--model", "-m", default="", help="provider/model, a model name, or a route")
    parser.add_argument("--system", "-s", default="", help="the system prompt")
    parser.add_argument(
        "--file", "-f", action="append", default=[], metavar="F", help="attach an image, a PDF or a text file"
    )
    parser.add_argument(
        "--temperature", type=amount_or_none, metavar="T", help="0 for the likeliest answer, more for variety"
    )
    parser.add_argument("--max-tokens", type=count, metavar="N", help="limit of output tokens")
    parser.add_argument(
        "--cache",
        choices=("default", "on", "fresh", "off"),
        default="default",
        help="kept answers: as the settings say; at any temperature; never, but keep the new one; not at all",
    )
    parser.add_argument("--no-stream", action="store_true", help="wait for the whole answer")


async def run(
    engine: Engine, options: argparse.Namespace, tell: Callable[[str], None], json: Callable[[Any], None]
) -> None:
    """Ask, print the answer as it comes, and say with ``tell`` what there is to say about it.

    Raises:
        ConfigError: there is nothing to ask, or the model's name says nothing.
        ProviderError: see `Router.complete`.
    """
    request = await asyncio.to_thread(_request, engine.default_model(), options)
    if not request.model:
        raise ConfigError(
            "No model is named, and no provider has a key.",
            advice="Keep a key with `aiconsole keys set groq`, name a model with --model, or try it with --demo.",
        )
    if options.no_stream or options.json:
        result = await engine.complete(request)
        if options.json:
            json(result)
            return
        _write(f"{result.text}\n")
    else:
        result = await _print_stream(engine, request, tell)
    for warning in result.warnings:
        tell(f"Note: {warning}")
    if sys.stderr.isatty():
        tell(_footer(result))


def _request(default_model: str, options: argparse.Namespace) -> ChatRequest:
    from aiconsole.chat.attachments import read_attachment
    from aiconsole.domain.chat import ChatRequest
    from aiconsole.domain.messages import Message, Part, TextPart

    words = " ".join(options.prompt)
    piped = "" if sys.stdin is None or sys.stdin.isatty() else read_text(sys.stdin)
    text = "\n\n".join(part for part in (words, piped.strip("\n")) if part)
    if not text.strip() and not options.file:
        raise ConfigError("There is nothing to ask.", advice='Give a prompt: aiconsole chat "..."')
    parts: list[Part] = [read_attachment(Path(name)) for name in options.file]
    content = text if not parts else (*parts, *((TextPart(text),) if text else ()))
    system = (Message.system(options.system),) if options.system else ()
    return ChatRequest(
        model=options.model or default_model,
        messages=(*system, Message("user", content)),
        temperature=options.temperature,
        max_tokens=options.max_tokens,
        cache=options.cache,
    )


async def _print_stream(engine: Engine, request: ChatRequest, tell: Callable[[str], None]) -> ChatResult:
    from aiconsole.domain.chat import Continued, Failed, Finished, TextDelta

    result: ChatResult | None = None
    printed = False
    try:
        async with aclosing(engine.stream(request)) as events:
            async for event in events:
                if isinstance(event, TextDelta):
                    _write(event.text)
                    printed = printed or bool(event.text)
                elif isinstance(event, Failed):
                    tell(f"{event.provider} failed ({event.error.kind}).")
                elif isinstance(event, Continued):
                    if event.mode == "restart" and printed:
                        _write("\n")
                    went = "begins anew" if event.mode == "restart" else "goes on"
                    tell(f"{event.after} broke off ({event.error_kind}); {event.provider} {went}.")
                elif isinstance(event, Finished):
                    result = event.result
    finally:
        if printed:
            _write("\n")
    if result is None:
        raise AssertionError("a stream that ends well ends with Finished")
    return result


def _footer(result: ChatResult) -> str:
    parts = [f"{result.provider}/{result.model}"]
    if result.simulated:
        parts.append("simulated")
    if result.cached is not None:
        from aiconsole.cache.words import cached_words

        parts.append(cached_words(result.cached))
    if result.timing.ttft_ms is not None:
        parts.append(f"first token {result.timing.ttft_ms:.0f} ms")
    parts.append(f"{result.timing.duration_ms / 1000:.2f} s")
    if result.usage.total is not None:
        parts.append(f"{result.usage.prompt or 0} + {result.usage.completion or 0} tokens")
    if result.cost is not None:
        parts.append(f"${result.cost.usd:.2g}" if result.cost.usd < 0.01 else f"${result.cost.usd:.2f}")
    return " · ".join(parts)


def _write(text: str) -> None:
    if sys.stdout is not None:
        sys.stdout.write(text)
        sys.stdout.flush()
