"""A key shows itself nowhere, and what cannot be one is refused."""

from __future__ import annotations

import copy
import dataclasses
import json
import logging
import pickle
import pprint
import subprocess
import sys
import types
from pathlib import Path

import msgspec
import pytest

from aiconsole.domain.errors import ConfigError
from aiconsole.secrets import Key, proxy_with_password
from tests.canaries import make_canary


@dataclasses.dataclass
class Holder:
    key: Key


def shows() -> dict[str, object]:
    """Ways in which a value gets into text."""
    return {
        "repr": repr,
        "str": str,
        "format": format,
        "format with a width": lambda key: f"{key:>40}",
        "f-string": lambda key: f"{key} {key!r} {key!s} {key!a}",
        "percent": lambda key: "%s %r" % (key, key),  # noqa: UP031
        "str.format": lambda key: "{} {0!r}".replace("{}", "{0}").format(key),
        "in a list": lambda key: str([key]),
        "in a dict": lambda key: str({"key": key}),
        "in a dataclass": lambda key: repr(Holder(key)),
        "in a namespace": lambda key: repr(types.SimpleNamespace(key=key)),
        "pprint": lambda key: pprint.pformat({"a": [key] * 30}),
        "an exception": lambda key: repr(ValueError("bad", key)) + str(ValueError(key)),
        "a log record": lambda key: logging.makeLogRecord({"msg": "key %s", "args": (key,)}).getMessage(),
        "json with default=str": lambda key: json.dumps({"key": key}, default=str),
        "msgspec with enc_hook=str": lambda key: msgspec.json.encode({"key": key}, enc_hook=str).decode(),
        "a copy": lambda key: repr([copy.copy(key), copy.deepcopy([key]), dataclasses.asdict(Holder(key))]),
    }


@pytest.mark.parametrize("way", shows())
def test_a_key_is_shown_by_nothing(way: str) -> None:
    canary = make_canary()
    text = shows()[way](Key(canary))
    assert "Key(…)" in text or "Key(\\u2026)" in text or ascii("Key(…)") in text
    assert canary[:4] not in text


@pytest.mark.parametrize(
    "encode",
    [
        pickle.dumps,
        lambda key: pickle.dumps(key, protocol=0),
        json.dumps,
        msgspec.json.encode,
        msgspec.msgpack.encode,
        msgspec.to_builtins,
        bytes,
        list,
        "".join,
        lambda key: key + "",
        lambda key: key.__getstate__(),
        lambda key: key.__reduce__(),
        lambda key: object.__reduce_ex__(key, 2),
        vars,
    ],
)
def test_a_key_is_not_encoded(encode: object) -> None:
    canary = make_canary()
    with pytest.raises((TypeError, pickle.PicklingError)) as caught:
        encode(Key(canary))
    assert canary not in str(caught.value)


def test_reveal_gives_the_key() -> None:
    assert Key("  gsk_abc-DEF.123\r\n").reveal() == "gsk_abc-DEF.123"


def test_keys_compare_with_keys_only() -> None:
    canary = make_canary()
    assert Key(canary) == Key(f" {canary} ")
    assert Key(canary) != Key(canary[:-1])
    assert Key(canary) != canary
    assert {Key(canary): 1}[Key(canary)] == 1
    assert hash(Key(canary)) != hash(canary)


def test_a_failed_comparison_shows_no_key(tmp_path: Path) -> None:
    canary, other = make_canary(), make_canary()
    (tmp_path / "test_it.py").write_text(
        f"from aiconsole.secrets import Key\n"
        f"def given(reverse): return Key(reverse[::-1])\n"
        f"def test_it():\n    key = given({canary[::-1]!r})\n    assert key == given({other[::-1]!r})\n",
        encoding="utf-8",
    )
    arguments = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        "--showlocals",
        "-q",
        str(tmp_path / "test_it.py"),
    ]
    ran = subprocess.run(arguments, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert ran.returncode == 1
    assert "Key(…) == Key(…)" in ran.stdout.replace("\\u2026", "…")
    assert canary not in ran.stdout
    assert other not in ran.stdout


def test_a_key_cannot_be_changed() -> None:
    key = Key("gsk_abcdefgh")
    for change in (
        lambda: setattr(key, "_Key__value", "x"),
        lambda: setattr(key, "note", "x"),
        lambda: delattr(key, "x"),
    ):
        with pytest.raises(AttributeError):
            change()


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("", "empty"),
        (" \n\t ", "empty"),
        ("gsk_abc def-SECRET", "space"),
        ("gsk_abc\ndef-SECRET", "line break"),
        ("gsk_abc\x00def-SECRET", "control"),
        ("gsk_abc\x7fdef-SECRET", "control"),
        ("gsk_abc\u2013def-SECRET", "outside ASCII"),
        ("\u201cgsk_abcdef-SECRET\u201d", "outside ASCII"),
    ],
)
def test_what_cannot_be_a_key_is_refused_without_showing_it(value: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        Key(value)
    assert "SECRET" not in str(caught.value) + caught.value.advice
    assert "gsk" not in str(caught.value) + caught.value.advice


@pytest.mark.parametrize(
    ("url", "password", "expected"),
    [
        ("http://me@proxy:3128", "p@ss/w:rd", "http://me:p%40ss%2Fw%3Ard@proxy:3128"),
        ("http://me@proxy:3128", None, "http://me@proxy:3128"),
        ("http://proxy:3128", "p@ss/w:rd", "http://proxy:3128"),
    ],
)
def test_a_proxys_password_goes_behind_its_user(url: str, password: str | None, expected: str) -> None:
    assert proxy_with_password(url, None if password is None else Key(password)) == expected
