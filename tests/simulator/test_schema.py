"""Instances made for JSON Schemas fit them."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiconsole.simulator.dice import Dice
from aiconsole.simulator.schema import instance

_TYPES: dict[str, Any] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "null": type(None),
    "integer": int,
    "number": (int, float),
}


def _is(value: Any, kind: str) -> bool:
    return isinstance(value, _TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))


def fits(value: Any, schema: Any, root: Any) -> bool:
    """A plain check of the keywords the tests use."""
    if "$ref" in schema:
        target = root
        for step in schema["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        return fits(value, target, root)
    for key, every in (("allOf", all), ("anyOf", any), ("oneOf", any)):
        if key in schema and not every(fits(value, one, root) for one in schema[key]):
            return False
    if "const" in schema and value != schema["const"]:
        return False
    if "enum" in schema and value not in schema["enum"]:
        return False
    kinds = schema.get("type")
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds and not any(_is(value, kind) for kind in kinds):
        return False
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        if not set(schema.get("required", ())) <= set(value):
            return False
        if schema.get("additionalProperties") is False and not set(value) <= set(properties):
            return False
        return all(fits(inner, properties[name], root) for name, inner in value.items() if name in properties)
    if isinstance(value, list):
        within: bool = schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", 99)
        unique = not schema.get("uniqueItems") or all(value[at] not in value[:at] for at in range(len(value)))
        return within and unique and all(fits(item, schema.get("items", {}), root) for item in value)
    if isinstance(value, str):
        return bool(schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", 10_000))
    if isinstance(value, int | float) and not isinstance(value, bool):
        return bool(
            schema.get("minimum", value) <= value <= schema.get("maximum", value)
            and ("exclusiveMinimum" not in schema or value > schema["exclusiveMinimum"])
            and ("exclusiveMaximum" not in schema or value < schema["exclusiveMaximum"])
            and value % schema.get("multipleOf", 1 if schema.get("type") == "integer" else 1e-9) < 1e-6
        )
    return True


_strings = st.fixed_dictionaries(
    {"type": st.just("string")}, optional={"minLength": st.integers(0, 9), "maxLength": st.integers(9, 40)}
)
_numbers = st.tuples(st.sampled_from(["integer", "number"]), st.integers(-50, 50), st.integers(0, 60)).flatmap(
    lambda drawn: st.sampled_from(
        [
            {"type": drawn[0]},
            {"type": drawn[0], "minimum": drawn[1]},
            {"type": drawn[0], "maximum": drawn[1]},
            {"type": drawn[0], "minimum": drawn[1], "maximum": drawn[1] + drawn[2]},
            {"type": drawn[0], "exclusiveMinimum": drawn[1], "maximum": drawn[1] + drawn[2] + 2},
            {"type": "integer", "minimum": drawn[1], "multipleOf": 5},
        ]
    )
)
_leaves = st.one_of(
    _strings,
    _numbers,
    st.sampled_from(
        [{"type": "boolean"}, {"type": "null"}, {"const": 7}, {"enum": ["a", 2, None]}, {"type": ["null", "string"]}]
    ),
)


def _nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    named = st.dictionaries(st.sampled_from(["city", "name", "query", "count", "other"]), inner, max_size=4)
    objects = named.map(
        lambda properties: {
            "type": "object",
            "properties": properties,
            "required": sorted(properties),
            "additionalProperties": False,
        }
    )
    arrays = st.tuples(inner, st.integers(0, 3)).map(
        lambda drawn: {"type": "array", "items": drawn[0], "minItems": drawn[1], "maxItems": drawn[1] + 2}
    )
    return st.one_of(objects, arrays, st.lists(inner, min_size=1, max_size=3).map(lambda choices: {"anyOf": choices}))


@settings(max_examples=150, deadline=None)
@given(
    schema=st.recursive(_leaves, _nested, max_leaves=8),
    prompt=st.sampled_from(["", "In Paris, 3 or 40.5 apples", "x " * 300]),
)
def test_instances_fit(schema: Any, prompt: str) -> None:
    made = instance(schema, prompt, Dice(1, prompt))
    assert fits(made, schema, schema)
    assert made == instance(schema, prompt, Dice(1, prompt))


_NODE = {"$ref": "#/$defs/node"}
_TREE = {
    "$defs": {
        "node": {
            "type": "object",
            "properties": {
                "value": {"type": "integer"},
                "children": {"type": "array", "items": _NODE},
                "next": {"anyOf": [_NODE, {"type": "null"}]},
            },
            "required": ["value", "children", "next"],
        }
    },
    "$ref": "#/$defs/node",
}


@pytest.mark.parametrize(
    "schema",
    [
        _TREE,
        {
            "allOf": [
                {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]},
                {"required": ["b"]},
            ]
        },
        {"type": "array", "items": {"type": "string"}, "minItems": 4, "uniqueItems": True},
        {"type": "array", "items": {"type": "integer", "minimum": 0}, "minItems": 3, "uniqueItems": True},
        {"type": "object", "required": ["undeclared"]},
        {"oneOf": [{"type": "object", "properties": {"kind": {"const": "x"}}, "required": ["kind"]}, {"type": "null"}]},
    ],
)
def test_references_and_combinations_fit(schema: Any) -> None:
    assert fits(instance(schema, "", Dice(2)), schema, schema)


def test_the_prompt_gives_names_and_numbers() -> None:
    schema = {
        "type": "object",
        "properties": {
            "location": {"type": "string"},
            "days": {"type": "integer", "maximum": 10},
            "query": {"type": "string"},
            "when": {"type": "string", "format": "date"},
        },
    }
    made = instance(schema, "What is the weather in New York for 5 days?", Dice(0))
    assert made["location"] == "New York"
    assert made["days"] == 5
    assert made["query"] == "What is the weather in New York for 5 days?"
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", made["when"])
