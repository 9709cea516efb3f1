"""``aiconsole cache``: what is in the response cache, and taking things out of it."""

from __future__ import annotations

import argparse
import string
from typing import TYPE_CHECKING, Final

from aiconsole.cache.words import age_words, usd_words
from aiconsole.command_arguments import amount_or_none, count
from aiconsole.domain.errors import ConfigError
from aiconsole.printing import Print, Table

if TYPE_CHECKING:
    from aiconsole.cache.entry import CacheStats, EntryInfo
    from aiconsole.engine import Engine

_KEY_DIGITS: Final = 8
"""So many digits of an entry's key are enough to name it."""


def add_arguments(parser: argparse.ArgumentParser, shared: argparse.ArgumentParser) -> None:
    """Declare the actions of the command."""
    actions = parser.add_subparsers(dest="cache_command", metavar="action", required=True)
    actions.add_parser("stats", parents=[shared], help="hits, sizes and savings")
    listing = actions.add_parser("list", parents=[shared], help="the entries, without content")
    listing.add_argument("--sort", choices=("size", "hits", "age", "saved"), default="size")
    listing.add_argument("--limit", type=count, default=50, metavar="N", help="how many (50)")
    actions.add_parser("clear", parents=[shared], help="remove everything, from the file too")
    remove = actions.add_parser(
        "remove", parents=[shared], help="remove the entries to which all that is given applies"
    )
    remove.add_argument("--key", type=_key, metavar="HEX", help="the first 8 or more digits of an entry's key")
    remove.add_argument("--provider")
    remove.add_argument("--model", help="the model, provider/model, or the route that was asked for")
    remove.add_argument("--tag")
    remove.add_argument("--older-than", type=amount_or_none, metavar="S", help="older than so many seconds")


async def run(engine: Engine, options: argparse.Namespace, table: Table, say: Print, json: Print) -> None:
    """Do what was asked for.

    Raises:
        ConfigError: another console has the file, or nothing was named to be removed.
        StoreError: the file cannot be used.
    """
    cache = engine.cache
    await cache.open()
    if cache.trouble is not None:
        raise cache.trouble
    action = options.cache_command
    if action == "stats":
        stats = await cache.stats()
        if options.json:
            json(stats)
        else:
            table(("WHAT", "FIGURE"), _stats_rows(stats))
    elif action == "list":
        entries = await cache.entries(options.sort, limit=options.limit)
        if options.json:
            json(entries)
        elif not entries:
            say("The cache is empty.")
        else:
            table(
                ("KEY", "MODEL", "ASKED AS", "SIZE", "AGE", "HITS", "SAVED", "PINNED"), [_row(info) for info in entries]
            )
    else:
        gone = await (cache.clear() if action == "clear" else _remove(engine, options))
        if options.json:
            json({"removed": gone})
        else:
            say(f"{gone} {'entry was' if gone == 1 else 'entries were'} removed.")


def _key(text: str) -> str:
    if len(text) < _KEY_DIGITS or not set(text) <= set(string.hexdigits):
        raise argparse.ArgumentTypeError(f"“{text}” is not the first {_KEY_DIGITS} or more digits of a key")
    return text.lower()


async def _remove(engine: Engine, options: argparse.Namespace) -> int:
    try:
        return await engine.cache.invalidate(
            key=options.key,
            provider=options.provider,
            model=options.model,
            tag=options.tag,
            older_than_s=options.older_than,
        )
    except ValueError:
        raise ConfigError(
            "Nothing says which entries to remove.",
            advice="Give --key, --provider, --model, --tag or --older-than; `aiconsole cache clear` removes all.",
        ) from None


def _stats_rows(stats: CacheStats) -> list[tuple[str, str]]:
    return [
        ("where", stats.where),
        ("entries", f"{stats.entries:,}, {stats.pinned} pinned"),
        ("in memory", f"{_size(stats.memory_bytes)} of {_size(stats.memory_limit)}"),
        ("in the file", f"{_size(stats.file_bytes)} of {_size(stats.file_limit)}" if stats.file_limit else "no file"),
        ("saved in all", f"{usd_words(stats.saved_usd_ever)} and {stats.saved_ms_ever / 1000:,.1f} s"),
    ]


def _row(info: EntryInfo) -> tuple[str, ...]:
    usd = "" if info.saved_usd is None else f"{usd_words(info.saved_usd)} "
    return (
        info.key[:12],
        f"{info.provider}/{info.model}",
        info.route,
        _size(info.size),
        age_words(info.age_s),
        str(info.hits),
        f"{usd}{info.saved_ms / 1000:.1f} s",
        "yes" if info.pinned else "",
    )


def _size(count: int) -> str:
    if count < 1024:
        return f"{count} B"
    return f"{count / 1024:.1f} kB" if count < 1024 * 1024 else f"{count / 1024 / 1024:.1f} MB"
