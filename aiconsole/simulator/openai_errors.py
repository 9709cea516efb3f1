"""Errors of Groq, Cerebras, Mistral and OpenRouter, each with its own statuses and shape.

Recorded: Groq's 401 and 404, Mistral's 400 (1500, 3051) and 401, OpenRouter's 400, 401, context and 429. The rest from what
users quote in public issues (Groq 429, 503 and ``context_length_exceeded``; Mistral 429 ``1300`` and ``3505``; Cerebras' flat
body with its codes) and from the providers' error references (Groq, Mistral error glossary, OpenRouter errors and debugging).
``retry-after`` is documented by Groq and OpenRouter; for Mistral and Cerebras it is the plain HTTP header.
"""

from __future__ import annotations

from typing import Any

from aiconsole.simulator.form import Exchange, Fault, Reply, encode, gateway_page, retry_header
from aiconsole.simulator.limits import seconds_text

Json = dict[str, Any]
_JSON = {"Content-Type": "application/json"}


def _reply(status: int, body: Json, fault: Fault) -> Reply:
    waits = fault.kind in ("rate_limit", "overloaded")
    return Reply(status, {**_JSON, **(retry_header(fault.retry_after) if waits else {})}, encode(body))


def groq(fault: Fault) -> Reply:
    statuses = {
        "bad_request": 400,
        "bad_key": 401,
        "no_permission": 403,
        "unknown_model": 404,
        "rate_limit": 429,
        "quota": 400,
        "overloaded": 503,
        "server_fault": fault.status,
        "context_too_long": 400,
        "refused": 400,
    }
    if fault.kind == "server_fault" and fault.status in (502, 504):
        return gateway_page(fault.status)
    return _reply(statuses[fault.kind], groq_body(fault), fault)


def groq_body(fault: Fault) -> Json:
    refusal = fault.refusal
    letter = "D" if refusal.period == "day" else "M"
    unit = f"{refusal.what} per {refusal.period} ({'R' if refusal.what == 'requests' else 'T'}P{letter})"
    again = "" if refusal.retry_after is None else f" Please try again in {seconds_text(refusal.retry_after)}."
    known: dict[str, tuple[str, str, str | None]] = {
        "bad_request": (fault.message or "Invalid request.", "invalid_request_error", None),
        "bad_key": ("Invalid API Key", "invalid_request_error", "invalid_api_key"),
        "no_permission": (
            f"The model `{fault.model}` is blocked at the project level. Please have a project admin enable this model.",
            "permissions_error",
            "model_permission_blocked_project",
        ),
        "unknown_model": (
            f"The model `{fault.model}` does not exist or you do not have access to it.",
            "invalid_request_error",
            "model_not_found",
        ),
        "rate_limit": (
            f"Rate limit reached for model `{fault.model}` in organization `org_simulated` service tier `on_demand` on {unit}: "
            f"Limit {refusal.limit}, Used {refusal.used}, Requested {refusal.requested}.{again}",
            refusal.what,
            "rate_limit_exceeded",
        ),
        "quota": (
            "API access is blocked because the spend limit of the organization has been reached.",
            "invalid_request_error",
            "blocked_api_access",
        ),
        "overloaded": (
            f"{fault.model} is currently over capacity. Please try again and back off exponentially.",
            "internal_server_error",
            None,
        ),
        "server_fault": ("Internal Server Error", "internal_server_error", None),
        "context_too_long": (
            "Please reduce the length of the messages or completion.",
            "invalid_request_error",
            "context_length_exceeded",
        ),
        "refused": ("The request was refused by the content filter.", "invalid_request_error", "content_filter"),
    }
    message, kind, code = known[fault.kind]
    error: Json = {"message": message, "type": kind}
    if fault.kind == "context_too_long":
        error["param"] = "messages"
    return {"error": error if code is None else {**error, "code": code}}


def cerebras(fault: Fault) -> Reply:
    statuses = {
        "bad_request": 400,
        "bad_key": 401,
        "no_permission": 403,
        "unknown_model": 404,
        "rate_limit": 429,
        "quota": 402,
        "overloaded": 429,
        "server_fault": fault.status,
        "context_too_long": 400,
        "refused": 400,
    }
    if fault.kind == "server_fault" and fault.status in (502, 504):
        return gateway_page(fault.status)
    return _reply(statuses[fault.kind], cerebras_body(fault), fault)


def cerebras_body(fault: Fault) -> Json:
    what = fault.refusal.what
    many = "too many requests sent" if what == "requests" else "too many tokens processed"
    known = {
        "bad_request": (
            fault.message or "Invalid request.",
            "invalid_request_error",
            "validation_error",
            "wrong_api_format",
        ),
        "bad_key": ("Wrong API Key", "invalid_request_error", "api_key", "wrong_api_key"),
        "no_permission": ("You do not have permission to do this.", "permission_error", "model", "permission_denied"),
        "unknown_model": (
            f"Model {fault.model} does not exist or you do not have access to it.",
            "not_found_error",
            "model",
            "model_not_found",
        ),
        "rate_limit": (
            f"{what.capitalize()} per {fault.refusal.period} limit exceeded - {many}.",
            "too_many_requests_error",
            "quota",
            f"{what.rstrip('s')}_quota_exceeded",
        ),
        "quota": ("Payment required: your credits are used up.", "payment_required_error", "quota", "payment_required"),
        "overloaded": (
            "We're experiencing high traffic right now! Please try again soon.",
            "too_many_requests_error",
            "queue",
            "queue_exceeded",
        ),
        "server_fault": ("Encountered a server error, please try again.", "server_error", "", ""),
        "context_too_long": (
            "Please reduce the length of the messages or completion. "
            f"Current length is {fault.tokens} while limit is {fault.limit}",
            "invalid_request_error",
            "messages",
            "context_length_exceeded",
        ),
        "refused": (
            "The request was refused by the content filter.",
            "invalid_request_error",
            "messages",
            "content_filter",
        ),
    }
    message, kind, param, code = known[fault.kind]
    return {"message": message, "type": kind, "param": param, "code": code}


def mistral(fault: Fault) -> Reply:
    if fault.kind == "server_fault" and fault.status in (502, 504):
        return gateway_page(fault.status)
    if fault.kind == "bad_key":
        return _reply(401, {"detail": "Invalid API Key"}, fault)
    body = mistral_body(fault)
    return _reply(body["raw_status_code"], body, fault)


def mistral_body(fault: Fault) -> Json:
    known = {
        "bad_request": (400, fault.message or "Invalid request.", "invalid_request_invalid_args", "3051"),
        "no_permission": (403, "You are not allowed to use this model.", "forbidden", "1900"),
        "unknown_model": (400, f"Invalid model: {fault.model}", "invalid_model", "1500"),
        "rate_limit": (429, "Rate limit exceeded", "rate_limited", "1300"),
        "quota": (402, "Your account has no credit left. Check your payment method.", "payment_required", "1901"),
        "overloaded": (
            429,
            "Service tier capacity exceeded for this model.",
            "service_tier_capacity_exceeded",
            "3505",
        ),
        "server_fault": (fault.status, "Service unavailable.", "internal_server_error", "3000"),
        "context_too_long": (
            400,
            f"Prompt contains {fault.tokens} tokens and 0 draft tokens, "
            f"too large for model with {fault.limit} maximum context length",
            "invalid_request_prompt_too_long",
            "3051",
        ),
        "refused": (403, "The request was refused by a moderation guardrail.", "content_filter", "3600"),
    }
    status, message, kind, code = known[fault.kind]
    return {"object": "error", "message": message, "type": kind, "param": None, "code": code, "raw_status_code": status}


def openrouter(fault: Fault, exchange: Exchange) -> Reply:
    upstream = {"provider_name": "Simulated Upstream"}
    refusal = fault.refusal
    resets = int((exchange.created + (refusal.retry_after or 0)) * 1_000)
    shown = {
        "X-RateLimit-Limit": str(refusal.limit),
        "X-RateLimit-Remaining": str(max(0, refusal.limit - refusal.used)),
        "X-RateLimit-Reset": str(resets),
    }
    long = (
        f"This endpoint's maximum context length is {fault.limit} tokens. However, you requested about {fault.tokens} tokens "
        f"({fault.tokens} of text input). Please reduce the length of either one, or use the context-compression plugin to "
        "compress your prompt automatically."
    )
    busy = f"{fault.model} is temporarily rate-limited upstream. Please retry shortly, or add your own key"
    moderated = {"reasons": ["violence"], "flagged_input": "…", "model_slug": fault.model, **upstream}
    per = "min" if refusal.period == "minute" else "day"
    known: dict[str, tuple[int, str, Json | None]] = {
        "bad_request": (400, fault.message or "Invalid request.", None),
        "bad_key": (401, "User not found." if fault.key_given else "Missing Authentication header", None),
        "no_permission": (403, "Your key is not allowed to use this model.", None),
        "unknown_model": (400, f"{fault.model} is not a valid model ID", None),
        "rate_limit": (429, "Provider returned error", {**upstream, "raw": busy}),
        "quota": (402, "Insufficient credits. Add more using https://openrouter.ai/settings/credits", None),
        "overloaded": (503, "There is no available model provider that meets your routing requirements", None),
        "server_fault": (fault.status, "Internal Server Error", None),
        "context_too_long": (400, long, {"provider_name": None}),
        "refused": (
            403,
            f"{fault.model} requires moderation. Your input was flagged for violence. No credits were charged.",
            moderated,
        ),
    }
    if fault.kind == "server_fault" and fault.status == 504:
        return gateway_page(fault.status)
    status, message, metadata = known[fault.kind]
    if fault.kind == "server_fault" and fault.status == 502:
        message, metadata = "Provider returned error", {**upstream, "raw": "upstream connect error"}
    if fault.kind == "rate_limit" and refusal.retry_after is not None and refusal.limit:
        message, metadata = (
            f"Rate limit exceeded: simulated-{refusal.what}-per-{per}. ",
            {"headers": shown, "provider_name": None},
        )
    error: Json = {"message": message, "code": status}
    if metadata is not None:
        error["metadata"] = metadata
    body: Json = {"error": error}
    return _reply(status, body if fault.kind == "bad_key" else {**body, "user_id": "user_simulated"}, fault)
