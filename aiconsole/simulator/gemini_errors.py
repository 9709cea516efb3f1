"""Errors of the simulated Gemini: Google's status names and details.

Recorded: the wrong key (400), the unknown model (404) and both 429s, the quota one with its time in ``RetryInfo``; 403, 500
and 503 from the API's troubleshooting guide. No header tells a time, only the body does.
"""

from __future__ import annotations

import json
from typing import Any

from aiconsole.simulator.form import Fault, Reply, gateway_page

Json = dict[str, Any]
GEMINI_JSON = "application/json; charset=UTF-8"
_TYPES = "type.googleapis.com/google.rpc."


def error_reply(fault: Fault) -> Reply:
    if fault.kind == "server_fault" and fault.status in (502, 504):
        return gateway_page(fault.status)
    body = error_body(fault)
    text = json.dumps(body, ensure_ascii=False, indent=2) + "\n"
    return Reply(body["error"]["code"], {"Content-Type": GEMINI_JSON}, text.encode())


def error_body(fault: Fault) -> Json:
    status, name, message = _plain(fault)
    error: Json = {"code": status, "message": message, "status": name}
    if fault.kind == "bad_key" and fault.key_given:
        reason: Json = {
            "@type": _TYPES + "ErrorInfo",
            "reason": "API_KEY_INVALID",
            "domain": "googleapis.com",
            "metadata": {"service": "generativelanguage.googleapis.com"},
        }
        error["details"] = [reason, {"@type": _TYPES + "LocalizedMessage", "locale": "en-US", "message": message}]
    elif fault.kind == "quota" or (fault.kind == "rate_limit" and fault.retry_after is not None):
        error["details"] = _quota_details(fault)
    return {"error": error}


def _plain(fault: Fault) -> tuple[int, str, str]:
    metric = _metric(fault)
    wait = (
        f"\nPlease retry in {fault.retry_after:.9f}s."
        if fault.retry_after is not None and fault.kind == "rate_limit"
        else ""
    )
    exceeded = (
        "You exceeded your current quota, please check your plan and billing details.\n"
        f"* Quota exceeded for metric: {metric}, limit: {fault.refusal.limit}, model: {fault.model}{wait}"
    )
    timeless = fault.kind == "rate_limit" and fault.retry_after is None
    known = {
        "bad_request": (400, "INVALID_ARGUMENT", fault.message or "Invalid request."),
        "bad_key": (400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.")
        if fault.key_given
        else (
            403,
            "PERMISSION_DENIED",
            "Method doesn't allow unregistered callers. Please use API Key to call this API.",
        ),
        "no_permission": (403, "PERMISSION_DENIED", "The caller does not have permission"),
        "unknown_model": (
            404,
            "NOT_FOUND",
            f"models/{fault.model} is not found for API version v1beta, or is not supported for "
            f"{fault.method or 'generateContent'}. Call ModelService.ListModels to see the list of available models and their "
            "supported methods.",
        ),
        "rate_limit": (
            429,
            "RESOURCE_EXHAUSTED",
            "Resource exhausted. Please try again later." if timeless else exceeded,
        ),
        "quota": (429, "RESOURCE_EXHAUSTED", exceeded),
        "overloaded": (503, "UNAVAILABLE", "The model is overloaded. Please try again later."),
        "server_fault": (
            fault.status,
            "INTERNAL" if fault.status == 500 else "UNAVAILABLE",
            "An internal error has occurred. Please retry or report in https://developers.generativeai.google/guide/troubleshooting",
        ),
        "context_too_long": (
            400,
            "INVALID_ARGUMENT",
            f"The input token count ({fault.tokens}) exceeds the maximum number of tokens allowed ({fault.limit}).",
        ),
        "refused": (400, "INVALID_ARGUMENT", "The prompt was blocked."),
    }
    return known[fault.kind]


def _metric(fault: Fault) -> str:
    counted = "input_token_count" if fault.refusal.what == "tokens" else "requests"
    tier = "free_tier" if fault.kind == "quota" else "paid_tier"
    return f"generativelanguage.googleapis.com/generate_content_{tier}_{counted}"


def _quota_details(fault: Fault) -> list[Json]:
    if fault.kind == "quota":
        quota = "GenerateRequestsPerDayPerProjectPerModel-FreeTier"
    elif fault.refusal.what == "tokens":
        quota = "GenerateContentPaidTierInputTokensPerModelPerMinute"
    else:
        quota = "GenerateRequestsPerMinutePerProjectPerModel"
    violation = {
        "quotaMetric": _metric(fault),
        "quotaId": quota,
        "quotaDimensions": {"location": "global", "model": fault.model},
        "quotaValue": str(fault.refusal.limit),
    }
    link = {
        "description": "Learn more about Gemini API quotas",
        "url": "https://ai.google.dev/gemini-api/docs/rate-limits",
    }
    details: list[Json] = [
        {"@type": _TYPES + "Help", "links": [link]},
        {"@type": _TYPES + "QuotaFailure", "violations": [violation]},
    ]
    if fault.kind == "rate_limit" and fault.retry_after is not None:
        delay = f"{fault.retry_after:g}s" if fault.retry_after % 1 else f"{int(fault.retry_after)}s"
        details.append({"@type": _TYPES + "RetryInfo", "retryDelay": delay})
    return details
