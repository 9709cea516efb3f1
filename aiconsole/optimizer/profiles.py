"""Profiles: sets of settings to switch between, and what a switch changes.

A person's own value of a setting is what it had before a profile set it. It is remembered while a profile is in use and comes
back when one is switched to that does not set it, or with `OWN`. A value that is changed by hand while a profile is in use is
from then on the own one. So no switch loses anything the person has set.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from aiconsole.domain.errors import ConfigError

OWN: Final = "own settings"
"""The name under which no profile is in use."""

Values = Mapping[str, Any]
"""By key, such as ``cache.mode``."""


class Profile(msgspec.Struct, frozen=True):
    """A set of settings. ``saved`` is True where the person made or changed it."""

    name: str
    about: str
    values: Values
    saved: bool = False


BUILT_IN: Final = (
    Profile(
        "development",
        "Everything is told: full log, every step of the cache, where each connection was taken, leaks after two minutes.",
        {
            "log.level": "debug",
            "cache.event_share": 1.0,
            "performance.keep_stacks": True,
            "performance.connection_held_s": 120.0,
            "performance.hold_s": 2.0,
        },
    ),
    Profile(
        "staging",
        "As in production, but nothing is smoothed over: no old answers for errors, every step of the cache is told, leaks "
        "after five minutes with where they began.",
        {
            "log.level": "info",
            "cache.event_share": 1.0,
            "cache.revalidate_s": 0.0,
            "cache.on_error_s": 0.0,
            "performance.warm_up": True,
            "performance.keepalive_s": 120.0,
            "performance.keep_stacks": True,
            "performance.connection_held_s": 300.0,
            "performance.hold_s": 5.0,
        },
    ),
    Profile(
        "production",
        "For use all day: connections are kept longer, an answer past its time is given while a new one is fetched, and for a "
        "day where none can be had; a tenth of the cache's steps is told.",
        {
            "log.level": "info",
            "cache.event_share": 0.1,
            "cache.revalidate_s": 3600.0,
            "cache.on_error_s": 86_400.0,
            "performance.warm_up": True,
            "performance.keepalive_s": 120.0,
            "performance.keep_stacks": False,
            "performance.connection_held_s": 900.0,
            "performance.hold_s": 10.0,
        },
    ),
    Profile(
        "battery saver",
        "As little as possible happens by itself: no connections ahead, idle ones closed soon, figures every ten seconds, "
        "background jobs that look at things once an hour.",
        {
            "cache.event_share": 0.1,
            "performance.warm_up": False,
            "performance.keepalive_s": 10.0,
            "performance.keep_stacks": False,
            "performance.sample_s": 10.0,
            "jobs.health.schedule": "every 1h",
            "jobs.performance.schedule": "every 1h",
            "jobs.analytics.schedule": "every 6h",
            "jobs.system.schedule": "every 1h",
        },
    ),
)


class Change(msgspec.Struct, frozen=True):
    """What a switch does to one setting; None: it is unset."""

    key: str
    before: Any
    after: Any


class Kept(msgspec.Struct, omit_defaults=True):
    """What is remembered of profiles. ``own`` are the person's own values of what the profile in use has set, and ``undo`` what
    the last switch changed; what was unset (as a proxy may be) stands under ``unset`` and ``undo_unset``."""

    active: str = OWN
    own: dict[str, Any] = {}
    unset: list[str] = []
    undo: dict[str, Any] = {}
    undo_unset: list[str] = []
    undo_active: str = OWN
    undo_own: dict[str, Any] = {}
    undo_own_unset: list[str] = []
    can_undo: bool = False
    profiles: dict[str, dict[str, Any]] = {}


class Switch(msgspec.Struct, frozen=True):
    """A switch that may be made: to which profile, what it changes, and what is remembered after it."""

    to: str
    changes: tuple[Change, ...]
    kept: Kept


class Profiles:
    """The profiles there are.

    Args:
        kept: what is remembered.
        get: gives the value of a setting that holds now, in plain types, None where it is unset. Raises `ConfigError` where
            there is no such setting.
    """

    def __init__(self, kept: Kept, get: Callable[[str], Any]) -> None:
        self.kept = kept
        self._get = get

    @property
    def active(self) -> str:
        """The profile in use; `OWN` where none is."""
        return self.kept.active if self.kept.active in self.names() else OWN

    def names(self) -> tuple[str, ...]:
        """Those that come with the console first."""
        return tuple(dict.fromkeys((*(profile.name for profile in BUILT_IN), *self.kept.profiles)))

    def all(self) -> tuple[Profile, ...]:
        """Every profile."""
        return tuple(self.profile(name) for name in self.names())

    def profile(self, name: str) -> Profile:
        """One of them.

        Raises:
            ConfigError: there is none of this name.
        """
        built_in = next((profile for profile in BUILT_IN if profile.name == name), None)
        saved = self.kept.profiles.get(name)
        if saved is not None:
            about = built_in.about if built_in is not None else "A profile of your own."
            return Profile(name, about, saved, saved=True)
        if built_in is None:
            raise ConfigError(
                f"There is no profile “{name}”.", advice=f"There are: {', '.join(self.names())} and “{OWN}”."
            )
        return built_in

    def edited(self) -> tuple[str, ...]:
        """Keys of the profile in use whose value was changed by hand since."""
        if self.active == OWN:
            return ()
        return tuple(key for key, value in self.profile(self.active).values.items() if self._get(key) != value)

    def switch(self, name: str) -> Switch:
        """What it takes to use ``name``, or the own settings (`OWN`). Nothing is changed yet. Raises as `profile`."""
        wanted: Values = {} if name == OWN else self.profile(name).values
        own = self._own_values()
        present = {key: self._get(key) for key in (*own, *wanted)}
        target = {**{key: value for key, value in own.items() if key not in wanted}, **wanted}
        changes = tuple(
            Change(key, present[key], value) for key, value in sorted(target.items()) if present[key] != value
        )
        kept_own = {key: own.get(key, present[key]) for key in wanted}
        kept = self.kept
        return Switch(
            name,
            changes,
            Kept(
                active=name,
                own=_set(kept_own),
                unset=_unset(kept_own),
                undo=_set({change.key: change.before for change in changes}),
                undo_unset=_unset({change.key: change.before for change in changes}),
                undo_active=self.active,
                undo_own=kept.own,
                undo_own_unset=kept.unset,
                can_undo=True,
                profiles=kept.profiles,
            ),
        )

    def undo(self) -> Switch:
        """What it takes to be where one was before the last switch, but for what was changed by hand since.

        Raises:
            ConfigError: there was none.
        """
        kept = self.kept
        if not kept.can_undo:
            raise ConfigError("There is no switch of profiles to undo.")
        before = {**kept.undo, **dict.fromkeys(kept.undo_unset)}
        set_by_it = self.profile(self.active).values if self.active != OWN else self._own_values()
        changes = tuple(
            Change(key, present, value)
            for key, value in sorted(before.items())
            if (present := self._get(key)) != value and (key not in set_by_it or present == set_by_it[key])
        )
        after = Kept(active=kept.undo_active, own=kept.undo_own, unset=kept.undo_own_unset, profiles=kept.profiles)
        return Switch(kept.undo_active, changes, after)

    def saved(self, name: str, values: Values | None = None) -> Kept:
        """What is remembered once ``name`` was saved: with these values over those it has, or, where none are given, with the
        present values of all settings that it or, where it is new, any built-in profile has.

        Raises:
            ConfigError: a key is no setting, or the name cannot be one.
        """
        if not name.strip() or name == OWN:
            raise ConfigError("A profile needs a name of its own.")
        before: Values = self.profile(name).values if name in self.names() else {}
        if values is None:
            keys = before or {key: None for profile in BUILT_IN for key in profile.values}
            wanted = {key: self._get(key) for key in keys}
        else:
            for key in values:
                self._get(key)
            wanted = {**before, **values}
        profiles = {**self.kept.profiles, name: _set(wanted)}
        return msgspec.structs.replace(self.kept, profiles=profiles)

    def removed(self, name: str) -> Kept:
        """What is remembered once what the person made of ``name`` is gone.

        Raises:
            ConfigError: it is in use, or nothing of it was saved.
        """
        if name not in self.kept.profiles:
            raise ConfigError(f"Nothing was saved as “{name}”.")
        if name == self.active:
            raise ConfigError(f"The profile “{name}” is in use.", advice=f"Switch to another one or to “{OWN}” first.")
        profiles = {key: values for key, values in self.kept.profiles.items() if key != name}
        return msgspec.structs.replace(self.kept, profiles=profiles)

    def _own_values(self) -> dict[str, Any]:
        """The person's own values of what the profile in use has set."""
        if self.active == OWN:
            return {}
        found = {**self.kept.own, **dict.fromkeys(self.kept.unset)}
        for key, value in self.profile(self.active).values.items():
            present = self._get(key)
            if key not in found or present != value:
                found[key] = present
        return found


def _set(values: Values) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


def _unset(values: Values) -> list[str]:
    return [key for key, value in values.items() if value is None]
