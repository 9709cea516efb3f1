"""An instance for a JSON Schema: plain values that fit, taken from the prompt where a property's name invites it.

Knows objects, arrays, strings with formats and lengths, numbers with bounds, booleans, null, ``enum``, ``const``, ``anyOf``,
``oneOf``, ``allOf`` and local ``$ref``; types may be upper case with ``nullable`` (Gemini's own form). ``pattern``
and ``not`` are not looked at unless the schema gives an example.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from aiconsole.simulator.dice import Dice

_DEEP = 5
_FORMATS = {
    "date": "2025-06-01",
    "date-time": "2025-06-01T09:30:00Z",
    "time": "09:30:00Z",
    "duration": "PT15M",
    "email": "ada@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.7",
    "ipv6": "2001:db8::7",
    "uri": "https://example.com/",
    "url": "https://example.com/",
    "uuid": "3f2b6c1e-8a4d-4f60-9b7e-2d5c1a0e9f38",
}
_PLACES = ("city", "location", "place", "town", "destination", "country", "region")
_TEXTS = ("query", "question", "text", "input", "prompt", "message", "search", "topic", "request")
_HINTS = {
    "city": "Oslo",
    "country": "Norway",
    "location": "Oslo",
    "name": "Ada",
    "title": "A simulated title",
    "email": "ada@example.com",
    "url": "https://example.com/",
    "unit": "celsius",
}
_CAPITAL = re.compile(r"(?<=[\w,] )[A-ZÀ-Þ][\w'-]*(?: [A-ZÀ-Þ][\w'-]*)*")
_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?![\w])")


class Instances:
    """Makes instances for one schema document, with words and numbers of the prompt as material."""

    def __init__(self, root: Mapping[str, Any], prompt: str, dice: Dice) -> None:
        self._root = root
        self._prompt = prompt.strip()
        self._dice = dice
        self._names = _CAPITAL.findall(prompt)
        self._numbers = [float(found) for found in _NUMBER.findall(prompt)][:20]

    def make(self) -> Any:
        return self._of(self._root, "", 0)

    def _of(self, schema: Any, name: str, depth: int) -> Any:
        if not isinstance(schema, Mapping):
            return "simulated"
        schema = self._resolved(schema)
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return schema["enum"][0] if depth > _DEEP else self._dice.pick(schema["enum"])
        for key in ("anyOf", "oneOf"):
            if schema.get(key):
                rest = {name: value for name, value in schema.items() if name != key}
                return self._of({**rest, **self._resolved(self._choice(schema[key], depth))}, name, depth + 1)
        if "pattern" in schema and (schema.get("examples") or "default" in schema):
            return schema["examples"][0] if schema.get("examples") else schema["default"]
        return self._typed(schema, name, depth)

    def _typed(self, schema: Mapping[str, Any], name: str, depth: int) -> Any:
        kind = schema.get("type")
        if isinstance(kind, list):
            kind = next((entry for entry in kind if entry != "null"), "null")
        kind = (
            str(kind).lower()
            if kind
            else "object"
            if "properties" in schema
            else "array"
            if "items" in schema
            else "string"
        )
        if kind == "object":
            return self._object(schema, depth)
        if kind == "array":
            return self._array(schema, name, depth)
        if kind in ("number", "integer"):
            return self._number(schema, whole=kind == "integer")
        if kind == "boolean":
            return self._dice.below(2) == 1
        return None if kind == "null" else self._string(schema, name.lower())

    def _resolved(self, schema: Any) -> Mapping[str, Any]:
        """The schema with its local ``$ref`` and ``allOf`` folded in."""
        for _ in range(20):
            if not isinstance(schema, Mapping):
                break
            reference, parts = schema.get("$ref"), schema.get("allOf")
            rest = {key: value for key, value in schema.items() if key not in ("$ref", "allOf")}
            if isinstance(reference, str):
                schema = {**self._target(reference), **rest}
            elif parts:
                merged: dict[str, Any] = {}
                for part in [*(self._resolved(part) for part in parts), rest]:
                    properties = {**merged.get("properties", {}), **part.get("properties", {})}
                    required = [*merged.get("required", ()), *part.get("required", ())]
                    merged = {
                        **merged,
                        **part,
                        "required": required,
                        **({"properties": properties} if properties else {}),
                    }
                schema = merged
            else:
                return schema
        return {}

    def _target(self, reference: str) -> Mapping[str, Any]:
        node: Any = self._root
        for step in reference.lstrip("#").strip("/").split("/"):
            if step:
                node = node.get(step.replace("~1", "/").replace("~0", "~"), {}) if isinstance(node, Mapping) else {}
        return node if isinstance(node, Mapping) else {}

    def _choice(self, choices: list[Any], depth: int) -> Any:
        plain = [choice for choice in choices if not (isinstance(choice, Mapping) and choice.get("type") == "null")]
        if depth > _DEEP and len(plain) < len(choices):
            return {"type": "null"}
        if depth > _DEEP:
            return min(plain, key=lambda choice: len(str(self._resolved(choice))))
        return plain[0] if plain else choices[0]

    def _object(self, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        properties: Mapping[str, Any] = schema.get("properties") or {}
        required = list(schema.get("required") or ())
        wanted = list(properties) if depth <= 2 else [name for name in properties if name in required]
        made = {name: self._of(properties[name], name, depth + 1) for name in wanted}
        for name in required:
            if name not in made:
                made[name] = self._of(properties.get(name, {}), name, depth + 1)
        extra = schema.get("additionalProperties")
        while len(made) < int(schema.get("minProperties") or (1 if isinstance(extra, Mapping) and not made else 0)):
            made[f"key_{len(made) + 1}"] = self._of(extra if isinstance(extra, Mapping) else {}, "", depth + 1)
        return made

    def _array(self, schema: Mapping[str, Any], name: str, depth: int) -> list[Any]:
        least = int(schema.get("minItems") or 0)
        most = schema.get("maxItems")
        size = max(least, 0 if depth > _DEEP else 2)
        if most is not None:
            size = min(size, int(most))
        made = [self._of(item, name, depth + 1) for item in schema.get("prefixItems") or ()]
        items = schema.get("items", {})
        tries = 0
        while items is not False and len(made) < size and tries < 10 * size:
            tries += 1
            item = self._of(items, name, depth + 1)
            if schema.get("uniqueItems") and item in made:
                if isinstance(item, str) and "enum" not in self._resolved(items):
                    item = f"{item} {len(made) + 1}"
                elif isinstance(item, int | float) and not isinstance(item, bool):
                    item = item + len(made)
                else:
                    continue
            made.append(item)
        return made

    def _number(self, schema: Mapping[str, Any], *, whole: bool) -> float | int:
        low, high = schema.get("minimum"), schema.get("maximum")
        below, above = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
        step = schema.get("multipleOf") or (1 if whole else 0)
        if isinstance(below, int | float) and not isinstance(below, bool):
            low = below + (step or 0.5) if low is None else max(low, below + (step or 0.5))
        if isinstance(above, int | float) and not isinstance(above, bool):
            high = above - (step or 0.5) if high is None else min(high, above - (step or 0.5))
        for said in self._numbers:
            fits = (low is None or said >= low) and (high is None or said <= high) and (not step or said % step == 0)
            if fits:
                self._numbers.remove(said)
                return int(said) if whole else said
        value = (
            low
            if low is not None
            else min(high, 1 + self._dice.below(9))
            if high is not None
            else 1 + self._dice.below(9)
        )
        if low is not None and high is not None and low > high:
            value = (low + high) / 2
        if step:
            value = math.ceil(value / step) * step
        return math.ceil(value) if whole else value

    def _string(self, schema: Mapping[str, Any], name: str) -> str:
        if schema.get("format") in _FORMATS:
            return str(_FORMATS[schema["format"]])
        if any(word in name for word in _PLACES) and self._names:
            text = self._names[0] if len(self._names) == 1 else self._names.pop(0)
        elif any(word in name for word in _TEXTS) and self._prompt:
            text = self._prompt[:80]
        else:
            text = _HINTS.get(name, f"simulated {name}".strip())
        least, most = int(schema.get("minLength") or 0), schema.get("maxLength")
        text = text.ljust(least, ".")
        return str(text if most is None else text[: int(most)])


def instance(schema: Mapping[str, Any], prompt: str, dice: Dice) -> Any:
    """A value valid for the schema; the same for the same arguments."""
    return Instances(schema, prompt, dice).make()
