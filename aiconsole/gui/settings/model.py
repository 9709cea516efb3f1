"""The settings as the panel shows them: titles, values as text and back, and what is wrong with a value. No widgets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal

import msgspec

from ...settings import SettingInfo, Settings, describe
from ...settings.declare import READY_ROUTES
from ...settings.read import find_key, read_settings
from ..keys import keys_text

Shape = Literal["value", "lines", "text", "table"]
"""How a value is edited: in one control, as a list with an item a line, as longer text, as a table with an entry a line."""

DEMO: Final = "demo"
"""The setting that the command line may decide for a run."""

_FIRST_GROUP = "General"
_GROUPS = {"Bench": "Test bench"}
_TITLES = {
    "ca_file": "CA file",
    "base_url": "Base URL",
    "bench": "Test bench",
    "demo": "Simulated providers",
    "on_unsupported": "Unsupported parameters",
    "connect_timeout_s": "Time to connect",
    "first_token_timeout_s": "Time to the first token",
    "between_timeout_s": "Silence between tokens",
    "total_timeout_s": "Time for a whole answer",
    "backend_timeout_s": "Wait for the key store",
    "system": "System prompt",
    "model": "Default model",
    "headers": "Extra headers",
    "day_usd": "Limit a day",
    "month_usd": "Limit a month",
    "proxy": "HTTP proxy",
    "level": "Least serious message",
}
_TEXTS = {"chat.system"}
_EXAMPLES = {
    "headers": "Name: value, a header a line",
    "models": "A model a line",
    "routes": "name = provider/model, provider/model",
    "proxy": "http://host:port",
    "schedule": "every 5m, daily 02:30, weekly sun 02:30, or 30 2 * * *",
}
_KINDS = {"routing": "Route", "jobs": "Job", "alert_channels": "Alert channel"}
"""What the names under a key are names of, where that is not plain."""


class Entry(msgspec.Struct, frozen=True):
    """One setting in its place. ``key`` is a real one, such as ``providers.groq.proxy``; a table stands as a whole."""

    key: str
    group: str
    title: str
    info: SettingInfo
    shape: Shape

    @property
    def name(self) -> str:
        """The last part of the key."""
        return self.key.rpartition(".")[2]

    @property
    def example(self) -> str:
        """What could be typed, "" where it is plain."""
        return _EXAMPLES.get(self.name, "")

    @property
    def default(self) -> Any:
        """The value while nothing is set."""
        return dict(READY_ROUTES) if self.key == "routes" else self.info.default


def common_entries() -> tuple[Entry, ...]:
    """Every setting that stands once."""
    return tuple(
        _entry(info, info.key, _GROUPS.get(info.group, info.group)) for info in describe() if "<name>." not in info.key
    )


def named_entries(place: str, name: str, group: str) -> tuple[Entry, ...]:
    """The settings under ``place`` that ``name`` has for itself."""
    prefix = f"{place}.<name>."
    return tuple(
        _entry(info, f"{place}.{name}.{info.key.removeprefix(prefix)}", group)
        for info in describe()
        if info.key.startswith(prefix)
    )


def provider_entries(name: str, label: str, custom: bool) -> tuple[Entry, ...]:
    """The settings of one provider."""
    return named_entries("custom" if custom else "providers", name, label)


def all_entries(settings: Settings, labels: Mapping[str, str]) -> dict[str, tuple[Entry, ...]]:
    """Every setting there is now, by group; ``labels`` are the providers' names as shown."""
    groups: dict[str, tuple[Entry, ...]] = {_FIRST_GROUP: ()}
    for entry in common_entries():
        groups[entry.group] = (*groups.get(entry.group, ()), entry)
    places = dict.fromkeys(info.key.partition(".")[0] for info in describe() if "<name>." in info.key)
    for place in places:
        names = settings.routes if place == "routing" else value_of(settings, place)
        for name in names:
            if "." in name:
                continue  # such a name cannot stand inside a key
            label = settings.custom[name].label if place == "custom" else labels.get(name, "")
            group = f"{_KINDS[place]} {name}" if place in _KINDS else label or name
            groups[group] = named_entries(place, name, group)
    return groups


def _entry(info: SettingInfo, key: str, group: str) -> Entry:
    table = key.endswith(".<name>")
    key = key.removesuffix(".<name>")
    shape: Shape = "value"
    if table:
        shape = "table"
    elif info.type == "list":
        shape = "lines"
    elif key in _TEXTS:
        shape = "text"
    return Entry(key, group, title_of(key), info, shape)


def title_of(key: str) -> str:
    """A setting's title, made from its key."""
    name = key.rpartition(".")[2]
    return _TITLES.get(name) or name.removesuffix("_s").replace("_", " ").capitalize()


def found(entries: Iterable[Entry], query: str) -> list[Entry]:
    """The entries in which each word of ``query`` occurs: in title, meaning, key or group."""
    words = query.lower().split()
    return [
        entry
        for entry in entries
        if all(
            word in f"{entry.title} {entry.info.meaning} {entry.key} {entry.group} {entry.info.unit}".lower()
            for word in words
        )
    ]


def value_of(settings: Settings, key: str) -> Any:
    """The value in force; None where it is unset."""
    value: Any = settings
    for part in find_key(key):
        value = value.get(part) if isinstance(value, Mapping) else getattr(value, part, None)
    return value


def same(one: Any, other: Any) -> bool:
    """Whether two values mean the same; lists may be tuples."""
    plain = [msgspec.to_builtins(value, builtin_types=()) for value in (one, other)]
    return msgspec.json.encode(plain[0], order="sorted") == msgspec.json.encode(plain[1], order="sorted")


def choice_words(value: str | None) -> str:
    """A choice as it is shown."""
    if value is None:
        return "As set in general"
    return keys_text("Ctrl+Enter") if value == "ctrl+enter" else value.capitalize()


def text_of(entry: Entry, value: Any) -> str:
    """A value as it is edited or named in words."""
    if value is None:
        return ""
    if entry.key == "routes":
        return "\n".join(f"{name} = {', '.join(models)}" for name, models in value.items())
    if entry.shape == "table":
        return "\n".join(f"{name}: {item}" for name, item in value.items())
    if entry.shape == "lines":
        return "\n".join(value)
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, float):
        return f"{value:g}"
    return str(value)


def default_words(entry: Entry) -> str:
    """The default, in words."""
    if entry.info.required:
        return "It has no default."
    if entry.info.type == "choice":
        words = choice_words(entry.default)
    elif entry.key == "routes":
        words = ", ".join(entry.default)
    else:
        words = text_of(entry, entry.default).replace("\n", ", ") or ("empty" if entry.default == "" else "none")
    unit = f" {entry.info.unit}" if entry.info.unit and entry.default is not None else ""
    return f"Default: {words}{unit}"


def demo_remark(on: bool, *, kept: bool, by_command_line: bool) -> str:
    """Where it comes from whether simulated providers answer (``on``), "" where from the setting, which says ``kept``."""
    now, setting = ("on" if each else "off" for each in (on, kept))
    if by_command_line:
        return f"{now.capitalize()} for this run, by --demo on the command line. The setting is {setting}."
    return "" if on == kept else f"{now.capitalize()} now. The setting is {setting}, from the next start on."


def parse(entry: Entry, text: str) -> Any:
    """The value that ``text`` writes; None where it is empty and the setting may be unset.

    Raises:
        ValueError: it cannot be one, with the reason for the person.
    """
    if entry.key == "routes":
        return _routes(text)
    if entry.shape == "table":
        pairs = _pairs(text, ":", "Name: value", last=_numeric(entry))
        return {name: _number(entry, value) for name, value in pairs} if _numeric(entry) else dict(pairs)
    if entry.shape == "lines":
        return tuple(line.strip() for line in text.splitlines() if line.strip())
    text = text if entry.shape == "text" else text.strip()
    if _numeric(entry):
        return _number(entry, text) if text or not entry.info.optional else None
    return text if text or not (entry.info.optional or entry.info.required) else None


def _numeric(entry: Entry) -> bool:
    return entry.info.type in ("int", "float")


def _number(entry: Entry, text: str) -> float | int:
    try:
        return int(text) if entry.info.type == "int" else float(text.replace(",", "."))
    except ValueError:
        raise ValueError(f"must be {entry.info.expectation}") from None


def _pairs(text: str, sign: str, form: str, *, last: bool = False) -> list[tuple[str, str]]:
    pairs = []
    for at, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        name, found_sign, value = line.rpartition(sign) if last else line.partition(sign)
        if not found_sign:
            raise ValueError(f"line {at} must be written {form}")
        pairs.append((name.strip(), value.strip()))
    return pairs


def _routes(text: str) -> dict[str, tuple[str, ...]]:
    """The routes to write: those that differ from the ready-made ones, which are emptied where they are missing."""
    written = {
        name: tuple(model.strip() for model in models.split(",") if model.strip())
        for name, models in _pairs(text, "=", "name = provider/model, provider/model")
    }
    kept = {name: models for name, models in written.items() if READY_ROUTES.get(name) != models}
    return {**kept, **{name: () for name in READY_ROUTES if name not in written}}


def fault(key: str, value: Any) -> str:
    """Why this setting cannot have this value, or "" where it can. Looks at nothing but the declaration."""
    path = find_key(key)
    table: dict[str, Any] = {}
    inner = table
    for part in path[:-1]:
        inner = inner.setdefault(part, {})
    if value is None:
        return ""
    inner[path[-1]] = _plain(value)
    for problem in read_settings(table).problems:
        if problem.path[: len(path)] == path:
            inside = ".".join(problem.path[len(path) :])
            return f"{inside}: {problem.reason}" if inside else problem.reason
    return ""


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    return list(value) if isinstance(value, tuple) else value
