"""Gemini's dialect, sans I/O: refusals by status, reason, quota and words."""

from __future__ import annotations

from typing import Any

import pytest

from aiconsole.domain.errors import (
    BadKey,
    BadRequest,
    ConnectionCut,
    ContextTooLong,
    NoPermission,
    Overloaded,
    ProviderError,
    QuotaExhausted,
    RateLimited,
    ServerFault,
    TimedOut,
    UnknownModel,
)
from tests.providers.gemini_wire import (
    error,
    refusal,
)

# --- refusals


def test_a_wrong_key_comes_as_400() -> None:
    found = refusal(400, "INVALID_ARGUMENT", "API key not valid.", {"reason": "API_KEY_INVALID"})
    assert isinstance(found, BadKey)
    assert (found.code, found.status) == ("API_KEY_INVALID", 400)


@pytest.mark.parametrize(
    ("status", "state", "message", "kind"),
    [
        (401, "UNAUTHENTICATED", "Request had invalid authentication credentials.", BadKey),
        (403, "PERMISSION_DENIED", "Method doesn't allow unregistered callers.", BadKey),
        (403, "PERMISSION_DENIED", "Your API key was reported as leaked. Please use another API key.", BadKey),
        (403, "PERMISSION_DENIED", "You do not have permission to access tuned model x.", NoPermission),
        (400, "FAILED_PRECONDITION", "User location is not supported for the API use.", NoPermission),
        (
            400,
            "INVALID_ARGUMENT",
            "The input token count (9) exceeds the maximum number of tokens allowed (8).",
            ContextTooLong,
        ),
        (400, "INVALID_ARGUMENT", "Invalid value at 'contents'.", BadRequest),
        (400, "INVALID_ARGUMENT", "Function call is missing a thought_signature in functionCall parts.", BadRequest),
        (404, "NOT_FOUND", "models/x is not found for API version v1beta.", UnknownModel),
        (404, "NOT_FOUND", "CachedContent not found.", BadRequest),
        (429, "RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota).", RateLimited),
        (499, "CANCELLED", "The operation was cancelled.", ConnectionCut),
        (500, "INTERNAL", "An internal error has occurred.", ServerFault),
        (503, "UNAVAILABLE", "The model is overloaded. Please try again later.", Overloaded),
        (504, "DEADLINE_EXCEEDED", "Deadline expired before operation could complete.", TimedOut),
    ],
)
def test_refusals_by_status_and_words(status: int, state: str, message: str, kind: type[ProviderError]) -> None:
    found = refusal(status, state, message)
    assert type(found) is kind
    assert (found.message, found.status, found.code) == (message, status, state)


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("SERVICE_DISABLED", NoPermission),
        ("API_KEY_SERVICE_BLOCKED", NoPermission),
        ("BILLING_DISABLED", QuotaExhausted),
    ],
)
def test_refusals_by_reason(reason: str, kind: type[ProviderError]) -> None:
    assert type(refusal(403, "PERMISSION_DENIED", "No.", {"reason": reason})) is kind


CURRENT_QUOTA = "You exceeded your current quota, please check your plan and billing details."


def quota(*ids: str, value: str = "10") -> dict[str, Any]:
    violations = [{"quotaId": name, "quotaValue": value} for name in ids]
    return {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": violations}


RETRY = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "23s"}


def test_a_quota_of_a_minute_passes_and_one_of_a_day_does_not() -> None:
    minute = refusal(
        429, "RESOURCE_EXHAUSTED", CURRENT_QUOTA, quota("GenerateRequestsPerMinutePerProjectPerModel"), RETRY
    )
    assert isinstance(minute, RateLimited)
    assert minute.retry_after == 23.0
    ids = ("GenerateContentInputTokensPerModelPerMinute-FreeTier", "GenerateRequestsPerDayPerProjectPerModel-FreeTier")
    day = refusal(429, "RESOURCE_EXHAUSTED", CURRENT_QUOTA, quota(*ids), RETRY)
    assert isinstance(day, QuotaExhausted)
    assert day.retry_after is None
    assert "midnight Pacific" in day.advice


def test_a_quota_of_nothing_will_never_pass() -> None:
    by_value = refusal(429, "RESOURCE_EXHAUSTED", CURRENT_QUOTA, quota("XPerMinute-FreeTier", value="0"), RETRY)
    by_words = refusal(
        429, "RESOURCE_EXHAUSTED", CURRENT_QUOTA + " * Quota exceeded for metric: m, limit: 0, model: x", RETRY
    )
    for found in (by_value, by_words):
        assert isinstance(found, QuotaExhausted)
        assert "billing" in found.advice
    some = refusal(429, "RESOURCE_EXHAUSTED", CURRENT_QUOTA + " * Quota exceeded for metric: m, limit: 05, model: x")
    assert isinstance(some, RateLimited)


def test_spent_credit_is_told_from_haste_by_words_alone() -> None:
    assert isinstance(refusal(429, "RESOURCE_EXHAUSTED", "Your prepayment credits are depleted."), QuotaExhausted)
    assert isinstance(
        refusal(429, "RESOURCE_EXHAUSTED", "Quota exceeded for limit 'Requests per day'."), QuotaExhausted
    )
    assert isinstance(refusal(429, "RESOURCE_EXHAUSTED", CURRENT_QUOTA), RateLimited)


def test_the_time_to_wait_is_the_headers_or_retry_infos_or_the_sentences() -> None:
    found = {"error": {"code": 429, "message": "Please retry in 1m2.5s.", "details": [RETRY]}}
    assert error(429, found, {"retry-after": "5"}).retry_after == 5.0
    assert error(429, found).retry_after == 23.0
    del found["error"]["details"]
    assert error(429, found).retry_after == 62.5


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"<html>Bad gateway</html>", "<html>Bad gateway</html>"),
        (b"", "Gemini answered with status 502."),
        (b"null", "null"),
        (b'{"error": "gone"}', "gone"),
        (b'{"error": {}}', "Gemini answered with status 502."),
        (b'[{"error": {"message": "in a list", "code": 502}}]', "in a list"),
        (b"\xff\xfe", "\ufffd\ufffd"),
    ],
)
def test_refusals_that_are_no_gemini_error(data: bytes, message: str) -> None:
    found = error(502, data)
    assert type(found) is ServerFault
    assert found.message == message
