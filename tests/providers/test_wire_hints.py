"""Times as providers write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiconsole.providers.wire_hints import (
    parse_duration,
    parse_number,
    parse_reset,
    parse_timestamp,
    retry_after,
    retry_delay,
    retry_hint,
)

NOW = 1_445_412_470.0  # Wed, 21 Oct 2015 07:27:50 GMT


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1s", 1.0), ("6m0s", 360.0), ("20ms", 0.02), ("26ms", 0.026), ("17.563999999s", 17.563999999), ("2m59.5s", 179.5),
        ("1h2m3s", 3723.0), ("48s", 48.0), ("0s", 0.0), ("7.66s", 7.66), (".5s", 0.5), ("3.s", 3.0), ("1d", 86400.0),
        ("250µs", 0.00025), (" 5 s ", 5.0), ("99999999h", 99999999 * 3600.0),
        ("", None), ("5", None), ("-5s", None), ("1m-5s", None), ("nans", None), ("infs", None), ("s", None), ("5x", None),
        ("1s!", None), ("soon", None), ("1e5s", None), ("9" * 400 + "s", None),
    ],
)  # fmt: skip
def test_durations(text: str, seconds: float | None) -> None:
    found = parse_duration(text)
    assert found is None if seconds is None else found == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after-ms": "soon", "retry-after": "9"}, 9.0),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 10.0),
        ({"retry-after": "Wednesday, 21-Oct-15 07:28:00 GMT"}, 10.0),
        ({"retry-after": "Wed, 21 Oct 2015 07:00:00 GMT"}, 0.0),
        ({"retry-after": "2015-10-21T07:28:00Z"}, 10.0),
        ({"retry-after": "30s"}, 30.0),
        ({"retry-after": "99999999999"}, 99999999999.0),
        ({"retry-after": "Fri, 31 Dec 9999 23:59:59 GMT"}, 253_402_300_799 - NOW),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "1e400"}, None),
        ({"retry-after": "later"}, None),
        ({"retry-after": "Wed, 99 Oct 2015 07:28:00 GMT"}, None),
        ({"retry-after": ""}, None),
        ({}, None),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    found = retry_after(headers, NOW)
    assert found is None if seconds is None else found == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2015-10-21T07:28:00Z", NOW + 10),
        ("2015-10-21T09:28:00.250+02:00", NOW + 10.25),
        ("2015-10-21t07:28:00z", NOW + 10),
        ("2015-10-21", None),
        ("2015-13-21T07:28:00Z", None),
        ("tomorrow", None),
    ],
)
def test_timestamps(text: str, at: float | None) -> None:
    assert parse_timestamp(text) == at


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("6m0s", NOW + 360),
        ("2015-10-21T07:28:00Z", NOW + 10),
        ("1445412480", NOW + 10),
        ("1445412480000", NOW + 10),
        ("12.5", NOW + 12.5),
        ("0", NOW),
        ("never", None),
        ("-5", None),
    ],
)
def test_resets(text: str, at: float | None) -> None:
    assert parse_reset(text, NOW) == at


@pytest.mark.parametrize(
    ("message", "seconds"),
    [
        ("Rate limit reached ... Please try again in 7.66s. Visit https://x to", 7.66),
        ("Please try again in 1m26.4s. Need more tokens?", 86.4),
        ("Please try again in 20ms.", 0.02),
        ("You exceeded your current quota.\nPlease retry in 32.127s.", 32.127),
        ("Try again in 5 minutes and 3 seconds", 303.0),
        ("wait 20 seconds before trying", 20.0),
        ("Your limit resets in 2h", 7200.0),
        ("Retry after 3 messages", None),
        ("The model answered in 3s.", None),
        ("Please try again later", None),
    ],
)
def test_hints_in_prose(message: str, seconds: float | None) -> None:
    found = retry_hint(message)
    assert found is None if seconds is None else found == pytest.approx(seconds)


def test_google_retry_info() -> None:
    details = [
        {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": []},
        {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "48s"},
    ]
    body = {"error": {"code": 429, "details": details}}
    assert retry_delay(body) == 48.0
    assert retry_delay([body]) == 48.0
    for odd in (None, [], {}, {"error": None}, {"error": {"details": [None, {"retryDelay": 5}, {"retryDelay": "x"}]}}):
        assert retry_delay(odd) is None


@given(st.text(max_size=60))
def test_nothing_makes_them_raise(text: str) -> None:
    for found in (parse_duration(text), parse_number(text), retry_after({"retry-after": text}, NOW), retry_hint(text)):
        assert found is None or 0 <= found < float("inf")
    parse_reset(text, NOW)
    parse_timestamp(text)


def test_long_prose_is_read_quickly() -> None:
    retry_hint("retry in " + "1" * 100_000)
    retry_hint("try again " * 20_000)
    parse_duration("1s" * 100_000)
