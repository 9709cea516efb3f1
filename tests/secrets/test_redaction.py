"""Secrets are taken out of text in every shape they take on the way there."""

from __future__ import annotations

import base64
import html
import json
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiconsole.domain.errors import ConfigError
from aiconsole.secrets import MINIMUM, REDACTOR, Key, Redactor
from tests.canaries import find_traces, make_canary

key_texts = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=MINIMUM, max_size=80)


def shapes(secret: str) -> dict[str, str]:
    raw = secret.encode()
    return {
        "raw": secret,
        "URL-encoded": quote(secret, safe=""),
        "URL-encoded path": quote(secret),
        "URL-encoded, lower case": "".join(part if len(part) == 1 else part.lower() for part in quote_parts(secret)),
        "JSON": json.dumps(secret)[1:-1],
        "HTML": html.escape(secret),
        "repr": repr(secret)[1:-1],
        **{f"base64 behind {n}": base64.b64encode(b"x" * n + raw + b"yy").decode() for n in range(4)},
        **{f"URL-safe base64 behind {n}": base64.urlsafe_b64encode(b"u:" * n + raw).decode() for n in range(4)},
    }


def quote_parts(secret: str) -> list[str]:
    return [quote(character, safe="") for character in secret]


@given(secret=key_texts, around=st.text(max_size=20))
def test_each_shape_of_a_secret_is_redacted(secret: str, around: str) -> None:
    redactor = Redactor()
    redactor.add(secret)
    for name, shape in shapes(secret).items():
        text = f"{around}|{shape}|{around}"
        cleaned = redactor.redact(text)
        assert "[redacted]" in cleaned, name
        assert secret not in cleaned or secret in "[redacted]", name
        assert redactor.redact(text.encode()) == cleaned.encode()
        if "base64" not in name:
            assert cleaned == redactor.redact(around + "|") + "[redacted]" + redactor.redact("|" + around), name


def test_a_redacted_base64_text_holds_no_trace(tmp_path: Path) -> None:
    canary = make_canary(awkward=True)
    redactor = Redactor()
    redactor.add(canary)
    (tmp_path / "file").write_text(redactor.redact("\n".join(shapes(canary).values())), encoding="utf-8")
    assert find_traces(tmp_path, [canary]) == []


@pytest.mark.parametrize("cut", [slice(0, 12), slice(0, 30), slice(-12, None), slice(-30, None)])
def test_a_cut_secret_is_redacted_as_far_as_it_goes(cut: slice) -> None:
    redactor, canary = Redactor(), make_canary()
    redactor.add(canary)
    assert redactor.redact(f"before {canary[cut]}… after") == "before [redacted]… after"


def test_text_without_a_secret_is_the_same_object() -> None:
    redactor = Redactor()
    redactor.add(make_canary())
    text, data = "nothing in here " * 20, b"nor here"
    assert redactor.redact(text) is text
    assert redactor.redact(data) is data


def test_two_secrets_that_overlap_both_go() -> None:
    redactor = Redactor()
    redactor.add("abcdefgh-0123")
    redactor.add("abcdefgh")
    redactor.add("0123-456789")
    assert redactor.redact("x abcdefgh-0123-456789 abcdefghij") == "x [redacted] [redacted]ij"


def test_short_secrets_are_not_searched_for() -> None:
    redactor = Redactor()
    redactor.add("none")
    redactor.add("x" * (MINIMUM - 1))
    assert redactor.redact("none of xxxxxxx") == "none of xxxxxxx"


def test_every_key_is_registered_even_a_refused_one() -> None:
    canary, refused = make_canary(), make_canary()
    Key(canary)
    with pytest.raises(ConfigError):
        Key(f"{refused} {refused[::-1]}")
    assert REDACTOR.redact(f"<{canary}>") == "<[redacted]>"
    assert refused not in REDACTOR.redact(f"<{refused} {refused[::-1]}>")
