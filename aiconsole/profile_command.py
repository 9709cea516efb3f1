"""``aiconsole profile``: sets of settings to switch between."""

from __future__ import annotations

import argparse
import tomllib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from aiconsole.domain.errors import ConfigError
from aiconsole.printing import Print, Table

if TYPE_CHECKING:
    from aiconsole.engine import Engine
    from aiconsole.optimizer.profiles import Change, Profile, Profiles


def add_arguments(parser: argparse.ArgumentParser, shared: argparse.ArgumentParser) -> None:
    """Declare the actions of the command."""
    actions = parser.add_subparsers(dest="profile_command", metavar="action", required=True)
    actions.add_parser("list", parents=[shared], help="the profiles, and which one is in use")
    show = actions.add_parser(
        "show", parents=[shared], help="a profile's settings, and what a switch to it would change"
    )
    show.add_argument("name")
    use = actions.add_parser("use", parents=[shared], help="switch to a profile; “own settings” leaves them all")
    use.add_argument("name")
    use.add_argument("--dry-run", action="store_true", help="only tell what would change")
    actions.add_parser("undo", parents=[shared], help="undo the last switch")
    save = actions.add_parser("save", parents=[shared], help="save the present settings as a profile, or change one")
    save.add_argument("name")
    save.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="change this setting of it; may be repeated"
    )
    remove = actions.add_parser(
        "remove", parents=[shared], help="forget a profile of your own, or what you changed of one"
    )
    remove.add_argument("name")


async def run(engine: Engine, options: argparse.Namespace, table: Table, say: Print, json: Print) -> None:
    """Do what was asked for.

    Raises:
        ConfigError: there is no such profile, a value does not fit, or a file cannot be used.
    """
    optimizer = await engine.open_optimizer()
    action = options.profile_command
    if action in ("list", "show"):
        _tell(await optimizer.profiles(), options, table, say, json)
    elif action == "save":
        values = dict(_setting(text) for text in options.set) or None
        profiles = await optimizer.save_profile(options.name, values)
        count = len(profiles.profile(options.name).values)
        say(f"“{options.name}” is saved, with {count} {'setting' if count == 1 else 'settings'}.")
    elif action == "remove":
        await optimizer.remove_profile(options.name)
        say(f"What you made of “{options.name}” is gone.")
    elif action == "use" and options.dry_run:
        _tell_changes((await optimizer.profiles()).switch(options.name).changes, options, table, say, json)
    else:
        switch = await (optimizer.undo_profile() if action == "undo" else optimizer.use_profile(options.name))
        _tell_changes(switch.changes, options, table, say, json)
        if not options.json:
            back = " `aiconsole profile undo` goes back." if action == "use" else ""
            say(f"In use: {switch.to}.{back}")


def _tell(profiles: Profiles, options: argparse.Namespace, table: Table, say: Print, json: Print) -> None:
    if options.profile_command == "list":
        if options.json:
            json({"active": profiles.active, "profiles": profiles.all()})
        else:
            table(("", "NAME", "SETTINGS", "ABOUT"), [_row(profile, profiles.active) for profile in profiles.all()])
            say(f"In use: {profiles.active}.")
        return
    profile = profiles.profile(options.name)
    if options.json:
        json({"profile": profile, "changes": profiles.switch(profile.name).changes})
        return
    say(profile.about)
    rows = [(key, _words(value)) for key, value in sorted(profile.values.items())]
    table(("SETTING", "VALUE"), rows)
    changes = profiles.switch(profile.name).changes
    say("")
    say(f"A switch to it would change {len(changes)} of your settings." if changes else "It changes nothing.")


def _row(profile: Profile, active: str) -> tuple[str, ...]:
    mark = "*" if profile.name == active else ""
    return (mark, profile.name, f"{len(profile.values)}{', yours' if profile.saved else ''}", profile.about)


def _tell_changes(
    changes: Sequence[Change], options: argparse.Namespace, table: Table, say: Print, json: Print
) -> None:
    if options.json:
        json(changes)
    elif changes:
        table(("SETTING", "BEFORE", "AFTER"), [(c.key, _words(c.before), _words(c.after)) for c in changes])
    else:
        say("No setting changes.")


def _words(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return "unset" if value is None else f"{value:g}" if isinstance(value, float) else str(value) or "“”"


def _setting(text: str) -> tuple[str, Any]:
    """A key and a value in TOML; a word without quotes is a text."""
    key, found, value = text.partition("=")
    if not found:
        raise ConfigError(f"“{text}” is not KEY=VALUE.", advice="Such as --set cache.mode=off")
    try:
        taken = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        taken = value.strip()
    _check(key.strip(), taken)
    return key.strip(), taken


def _check(key: str, value: Any) -> None:
    """Refuse a value now that a switch to the profile would be refused for."""
    from aiconsole.settings.read import find_key, read_settings

    path = find_key(key)
    table = value
    for part in reversed(path):
        table = {part: table}
    for problem in read_settings(table).problems:
        if problem.path == path:
            raise ConfigError(f"{key}: {problem.reason}.", advice="Nothing was saved.")
