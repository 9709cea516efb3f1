"""The declaration as data: what the settings panel, the documentation and the reader of the file are made from."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec

from aiconsole.settings.declare import Settings

Kind = Literal["value", "group", "groups", "table"]
"""What stands under a key: one value, a fixed group of settings, such groups by name, or values by name."""

SettingType = Literal["bool", "int", "float", "text", "choice", "list"]


class SettingInfo(msgspec.Struct, frozen=True):
    """One setting, for people: in ``key``, ``<name>`` stands for a provider, a route or a header.

    ``default`` None means unset unless ``required``; ``minimum`` and ``maximum`` are in ``unit``.
    """

    key: str
    group: str
    type: SettingType
    default: Any
    unit: str
    meaning: str
    choices: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    optional: bool = False
    required: bool = False

    @property
    def expectation(self) -> str:
        """What a value must be, in words that follow "must be"."""
        if self.type == "choice":
            return "one of " + ", ".join(f"“{choice}”" for choice in self.choices)
        if self.type in ("int", "float"):
            kind = "a whole number" if self.type == "int" else "a number"
            bounds = (
                f" from {self.minimum:g} to {self.maximum:g}" if self.minimum is not None is not self.maximum else ""
            )
            return f"{kind}{bounds}{f' ({self.unit})' if self.unit else ''}"
        return {"bool": "true or false", "text": "text in quotes", "list": 'a list of texts, such as ["a", "b"]'}[
            self.type
        ]


class Field(msgspec.Struct, frozen=True):
    """One field of a settings struct, taken apart.

    ``type`` is the type of a value (of one entry, for tables), or the struct class of a group; ``info`` describes a value or an
    entry, with the bare field name as its key.
    """

    name: str
    kind: Kind
    type: Any
    default: Any
    required: bool
    check: Callable[[str], None] | None
    entry: Callable[[str, Any], None] | None
    info: SettingInfo


@cache
def fields_of(struct: type[msgspec.Struct]) -> Mapping[str, Field]:
    """The fields of a settings struct by name."""
    return {field.name: _take_apart(field) for field in msgspec.structs.fields(struct)}


def describe() -> tuple[SettingInfo, ...]:
    """All settings in the order of their declaration."""
    return tuple(_walk(Settings, "", ""))


def _walk(struct: type[msgspec.Struct], prefix: str, group: str) -> list[SettingInfo]:
    found: list[SettingInfo] = []
    for name, field in fields_of(struct).items():
        title = group or (name.capitalize() if field.kind != "value" else "General")
        if field.kind == "group":
            found += _walk(field.type, f"{prefix}{name}.", title)
        elif field.kind == "groups":
            found += _walk(field.type, f"{prefix}{name}.<name>.", title)
        else:
            key = f"{prefix}{name}" + (".<name>" if field.kind == "table" else "")
            found.append(msgspec.structs.replace(field.info, key=key, group=title))
    return found


def _take_apart(field: msgspec.structs.FieldInfo) -> Field:
    annotation, meta = field.type, msgspec.Meta()
    if get_origin(annotation) is Annotated:
        annotation, meta = get_args(annotation)
    extra = meta.extra or {}
    kind, inner = _kind(annotation)
    required = field.required
    default = None if required else _default(field)
    value_type, optional = _without_none(inner)
    info = SettingInfo(
        key=field.name,
        group="",
        type="text" if kind in ("group", "groups") else _type_word(value_type),
        default=default,
        unit=extra.get("unit", ""),
        meaning=meta.description or "",
        choices=tuple(get_args(value_type)) if get_origin(value_type) is Literal else (),
        minimum=meta.ge,
        maximum=meta.le,
        optional=optional,
        required=required,
    )
    return Field(
        name=field.name,
        kind=kind,
        type=field.type if kind == "value" else inner,
        default=default,
        required=required,
        check=extra.get("check"),
        entry=extra.get("entry"),
        info=info,
    )


def _kind(annotation: Any) -> tuple[Kind, Any]:
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        return "group", annotation
    if get_origin(annotation) is not None and get_args(annotation) and _is_mapping(annotation):
        inner = get_args(annotation)[1]
        is_struct = isinstance(inner, type) and issubclass(inner, msgspec.Struct)
        return ("groups" if is_struct else "table"), inner
    return "value", annotation


def _is_mapping(annotation: Any) -> bool:
    origin = get_origin(annotation)
    return isinstance(origin, type) and issubclass(origin, Mapping)


def _without_none(annotation: Any) -> tuple[Any, bool]:
    if get_origin(annotation) in (Union, types.UnionType):
        others = [option for option in get_args(annotation) if option is not type(None)]
        return others[0], True
    return annotation, False


def _default(field: msgspec.structs.FieldInfo) -> Any:
    return field.default_factory() if field.default is msgspec.NODEFAULT else field.default


def _type_word(annotation: Any) -> SettingType:
    if get_origin(annotation) is Literal:
        return "choice"
    if get_origin(annotation) is tuple:
        return "list"
    words: dict[Any, SettingType] = {bool: "bool", int: "int", float: "float", str: "text"}
    return words[annotation]
