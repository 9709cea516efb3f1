"""The health of providers: key, models, chat, stream, vision, JSON schema and tools, each tried with one small request.

All providers are looked at in parallel, and of one provider all that does not depend on something else. What does not apply is
skipped with the reason. Costs a few hundred tokens a provider.
"""

from __future__ import annotations

import asyncio
import struct
import zlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import Final, Literal

import msgspec

from aiconsole.domain.chat import ChatRequest, Finished, JsonFormat, TextDelta, Timeouts
from aiconsole.domain.clock import Clock
from aiconsole.domain.errors import BadKey, BadRequest, ConsoleError, ProviderError, UnknownModel, Unsupported
from aiconsole.domain.messages import ImagePart, Message, TextPart, Tool
from aiconsole.domain.models import Feature, ModelInfo
from aiconsole.providers.base import Provider

CheckName = Literal["key", "models", "chat", "stream", "vision", "JSON schema", "tools"]
Result = Literal["pass", "fail", "skipped"]
CHECKS: Final[tuple[CheckName, ...]] = ("key", "models", "chat", "stream", "vision", "JSON schema", "tools")

_TIMEOUTS: Final = Timeouts(connect=10.0, first_token=30.0, between=20.0, total=45.0)
_MAX_TOKENS: Final = 512
_VISION_TRIES: Final = 2
_SIGHTED: Final = (
    "vision",
    "-vl",
    "4o",
    "scout",
    "maverick",
    "pixtral",
    "gemini",
    "claude",
    "mistral-medium",
    "gemma-3",
)
_SCHEMA: Final = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "population": {"type": "integer"}},
    "required": ["city", "population"],
    "additionalProperties": False,
}
_TOOL: Final = Tool(
    "get_weather",
    "Tells the weather of a city.",
    {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
)


class HealthCheck(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing tried at one provider; ``reason`` in words, ``model`` the one that was asked, "" where none was."""

    provider: str
    check: CheckName
    result: Result
    ms: float | None = None
    reason: str = ""
    model: str = ""
    error_kind: str | None = None
    error_fault: str | None = None


class Patient(msgspec.Struct, frozen=True):
    """A provider to be looked at. ``model`` "" takes one from its list; ``models`` gives that list; ``missing_key`` says that
    there is no key, so that nothing is sent."""

    provider: Provider
    models: Callable[[], Awaitable[tuple[ModelInfo, ...]]]
    model: str = ""
    missing_key: bool = False


async def examine(patients: Sequence[Patient], clock: Clock) -> AsyncGenerator[HealthCheck, None]:
    """Every check of every patient, as each is done. Leaving the iterator early cancels what is under way."""
    found: asyncio.Queue[HealthCheck | None] = asyncio.Queue()

    async def all_of_them() -> None:
        try:
            async with asyncio.TaskGroup() as group:
                for patient in patients:
                    group.create_task(_Examination(patient, clock.monotonic, found.put_nowait).go())
        finally:
            found.put_nowait(None)

    task = asyncio.ensure_future(all_of_them())
    try:
        while (check := await found.get()) is not None:
            yield check
        await task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class _Examination:
    """One patient's checks."""

    def __init__(self, patient: Patient, now: Callable[[], float], tell: Callable[[HealthCheck], object]) -> None:
        self._patient = patient
        self._now = now
        self._provider = patient.provider
        self._tell = tell

    async def go(self) -> None:
        if self._patient.missing_key:
            self._note(
                "key", "fail", reason="No key is set, so nothing was sent.", kind="missing key", fault="credentials"
            )
            self._skip(CHECKS[1:], "there is no key")
            return
        began = self._now()
        probed = await self._provider.probe()
        ms = (self._now() - began) * 1000
        if not probed.ok:
            fault = "credentials" if probed.error_kind in ("bad key", "missing key", "no permission") else "provider"
            self._note("key", "fail", ms, probed.detail, kind=probed.error_kind, fault=fault)
            told = (
                "the key was not accepted" if fault == "credentials" else "the provider did not answer the first call"
            )
            self._skip(CHECKS[1:], told)
            return
        self._note("key", "pass", ms, "The key is accepted.")
        models = await self._models()
        model = self._patient.model or (cheapest(models) if models else "")
        if not model:
            self._skip(CHECKS[2:], "no model is known")
            return
        await asyncio.gather(
            self._try("chat", model, self._chat),
            self._try("stream", model, self._stream),
            self._vision(model, models),
            self._try("JSON schema", _fitting(model, models, "json_schema"), self._schema, "json_schema"),
            self._try("tools", _fitting(model, models, "tools"), self._tools, "tools"),
        )

    async def _models(self) -> tuple[ModelInfo, ...]:
        began = self._now()
        try:
            models = await self._patient.models()
        except ConsoleError as error:
            self._failed("models", began, error)
            return ()
        told = f"{len(models)} models." if models else "The list is empty."
        self._note("models", "pass" if models else "fail", (self._now() - began) * 1000, told)
        return models

    async def _try(
        self, check: CheckName, model: str, run: Callable[[str], Awaitable[str]], feature: Feature | None = None
    ) -> None:
        if feature is not None and feature not in self._provider.features:
            self._note(check, "skipped", reason="The provider does not offer it.")
            return
        began = self._now()
        try:
            trouble = await run(model)
        except Unsupported as error:
            self._note(check, "skipped", reason=error.message, model=model)
        except ConsoleError as error:
            self._failed(check, began, error, model)
        else:
            ms = (self._now() - began) * 1000
            self._note(check, "fail" if trouble else "pass", ms, trouble, model)

    async def _chat(self, model: str) -> str:
        result = await self._provider.complete(_request(model, "Reply with the word: ready"))
        return "" if result.text.strip() or result.reasoning.strip() else "The answer was empty."

    async def _stream(self, model: str) -> str:
        pieces = finished = 0
        async with aclosing(self._provider.stream(_request(model, "Count from one to five."))) as events:
            async for event in events:
                pieces += isinstance(event, TextDelta)
                if isinstance(event, Finished):
                    finished = 1
                    pieces = pieces or bool(event.result.reasoning)
        return "" if pieces and finished else "The stream ended without any text."

    async def _vision(self, model: str, models: Sequence[ModelInfo]) -> None:
        """Lists often do not say which models see, so a second one gets its chance."""
        if "images" not in self._provider.features:
            self._note("vision", "skipped", reason="The provider does not take images.")
            return
        sighted = _sighted(model, models)
        if not sighted:
            self._note("vision", "skipped", reason="No model is known to take images.")
            return
        began = self._now()
        for name in sighted[:_VISION_TRIES]:
            try:
                result = await self._provider.complete(_seeing(name))
            except (BadRequest, UnknownModel) as error:
                told = error
                continue
            except ConsoleError as error:
                self._failed("vision", began, error, name)
                return
            trouble = "" if result.text.strip() or result.reasoning.strip() else "The answer was empty."
            ms = (self._now() - began) * 1000
            self._note("vision", "fail" if trouble else "pass", ms, trouble, name)
            return
        self._note("vision", "skipped", reason=f"No model tried took an image: {told.message}", model=sighted[0])

    async def _schema(self, model: str) -> str:
        request = _request(model, "Name a large city and its population, as JSON.")
        wanted = JsonFormat(_SCHEMA, name="city", strict=True)
        asked = msgspec.structs.replace(request, response_format=wanted, on_unsupported="refuse")
        result = await self._provider.complete(asked)
        try:
            found = msgspec.json.decode(result.text)
        except msgspec.DecodeError:
            return "The answer was no JSON."
        if not isinstance(found, dict) or not isinstance(found.get("city"), str):
            return "The answer does not fit the schema: “city” is missing or no text."
        return "" if isinstance(found.get("population"), int) else "The answer does not fit the schema: “population”."

    async def _tools(self, model: str) -> str:
        request = _request(model, "Use the tool get_weather to look up the weather in Oslo.")
        asked = msgspec.structs.replace(request, tools=(_TOOL,), on_unsupported="refuse")
        result = await self._provider.complete(asked)
        if not result.tool_calls:
            return "The model answered without calling the tool."
        try:
            arguments = msgspec.json.decode(result.tool_calls[0].arguments)
        except msgspec.DecodeError:
            return "The arguments of the tool call were no JSON."
        return "" if isinstance(arguments, dict) and "city" in arguments else "The tool call lacks its argument “city”."

    def _failed(self, check: CheckName, began: float, error: ConsoleError, model: str = "") -> None:
        ms = (self._now() - began) * 1000
        kind, fault = (error.kind, error.fault) if isinstance(error, ProviderError) else (None, None)
        self._note(check, "fail", ms, f"{error.message} {error.advice}".strip(), model, kind, fault)

    def _skip(self, checks: Sequence[CheckName], why: str) -> None:
        for check in checks:
            self._note(check, "skipped", reason=f"Not tried: {why}.")

    def _note(
        self,
        check: CheckName,
        result: Result,
        ms: float | None = None,
        reason: str = "",
        model: str = "",
        kind: str | None = None,
        fault: str | None = None,
    ) -> None:
        rounded = None if ms is None else round(ms, 1)
        self._tell(HealthCheck(self._provider.name, check, result, rounded, reason, model, kind, fault))


def cheapest(models: Sequence[ModelInfo]) -> str:
    """The chat model to try a provider with: the cheapest output of known price, else the first; "" where there is none."""
    chat = [model for model in models if model.chat and not model.deprecated] or list(models)
    priced = [model for model in chat if model.prices is not None and (model.prices.completion or 0) > 0]
    if priced:
        return min(priced, key=lambda model: (model.prices.completion or 0.0) if model.prices else 0.0).id
    return chat[0].id if chat else ""


def _fitting(model: str, models: Sequence[ModelInfo], feature: Feature) -> str:
    """The model itself unless it is known to lack the feature; else the cheapest that is not."""
    if any(info.id == model and feature in info.lacks for info in models):
        return cheapest([info for info in models if feature not in info.lacks]) or model
    return model


def _sighted(model: str, models: Sequence[ModelInfo]) -> list[str]:
    """Models that may take an image, the likeliest first."""
    able = [info.id for info in models if info.chat and not info.deprecated and "images" not in info.lacks]
    named = [name for name in able if any(word in name.lower() for word in _SIGHTED)]
    if any(info.id == model and "images" not in info.lacks for info in models):
        able.insert(0, model)
    return list(dict.fromkeys([*named, *able]))


def _request(model: str, text: str) -> ChatRequest:
    return ChatRequest(
        model,
        (Message.user(text),),
        max_tokens=_MAX_TOKENS,
        on_unsupported="drop",
        timeouts=_TIMEOUTS,
        origin="bench",
    )


def _seeing(model: str) -> ChatRequest:
    content = Message.user(
        TextPart("Name the colour of this image in one word."), ImagePart(red_square(), media_type="image/png")
    )
    return msgspec.structs.replace(_request(model, ""), messages=(content,), on_unsupported="refuse")


def red_square(side: int = 64) -> bytes:
    """A red PNG. Source: PNG specification (W3C, 2003), sections 5 and 11."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    row = b"\x00" + b"\xd0\x20\x20" * side
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", header),
            chunk(b"IDAT", zlib.compress(row * side)),
            chunk(b"IEND", b""),
        )
    )


def unusable(check: HealthCheck) -> bool:
    """Whether a failed check is trouble with the key or the reach of the provider rather than with what it can do."""
    return check.result == "fail" and (check.check == "key" or check.error_kind == BadKey.kind)
