"""Drives one target through the load shape of a plan."""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Callable, Sequence
from math import ceil
from random import Random
from typing import Final

from aiconsole.bench.load.sending import Sending, Target
from aiconsole.bench.measure import Sample
from aiconsole.bench.plan import Objectives
from aiconsole.bench.shapes import Segment, arrivals, level_at, next_at_least, segments, stage_at, total_s

KEPT_SHARE: Final = 0.9
"""A target keeps up with a level while at least this share of its requests is good."""
_SLOWER: Final = 3.0
_APART_S: Final = 0.004
_REFINEMENTS: Final = 2

Judge = Callable[[str, float, bool, str], object]


async def drive(sending: Sending, target: Target, judge: Judge) -> None:
    """Send all that the shape wants of one target, and wait until it has ended."""
    plan = sending.plan
    load = plan.load
    if load.shape == "sweep":
        await _sweep(sending, target, judge)
    elif plan.requests_each is not None and not load.open_loop:
        await _closed_count(sending, target, plan.requests_each, ceil(load.level))
    else:
        await _hold(sending, target, segments(load), 0, limit=plan.requests_each)


async def warm_up(sending: Sending, target: Target, requests: int) -> None:
    """Requests that are not counted: as many connections as the load begins with, but no more than the plan says."""
    tasks = [
        sending.send(target, sending.at_s(), 0, 0.0, warm=True) for _ in range(requests) if not sending.over.is_set()
    ]
    if tasks:
        await asyncio.wait(tasks)


async def _hold(
    sending: Sending, target: Target, parts: Sequence[Segment], first_stage: int, *, limit: int | None = None
) -> None:
    if sending.plan.load.open_loop:
        await _open(sending, target, parts, first_stage, limit)
    else:
        await _closed(sending, target, parts, first_stage)


async def _open(
    sending: Sending, target: Target, parts: Sequence[Segment], first_stage: int, limit: int | None
) -> None:
    """Requests at their own rate; what is late is sent at once, so that lateness shows and is not lost."""
    begun_s = sending.at_s()
    random = Random(f"{sending.plan.seed} {target.aim.name} {first_stage}")  # noqa: S311
    tasks: set[asyncio.Task[None]] = set()
    for number, at_s in enumerate(arrivals(parts, poisson=sending.plan.load.poisson, random=random)):
        if number == limit or not await sending.pause(begun_s + at_s - sending.at_s()):
            break
        task = sending.send(target, begun_s + at_s, first_stage + stage_at(parts, at_s), level_at(parts, at_s))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    if limit is None:
        await sending.pause(begun_s + total_s(parts) - sending.at_s())
    if tasks:
        await asyncio.wait(tuple(tasks))


async def _closed(sending: Sending, target: Target, parts: Sequence[Segment], first_stage: int) -> None:
    """As many requests in flight as the level says; each place is a worker that rests while the level is below it."""
    begun_s = sending.at_s()
    end_s = begun_s + total_s(parts)
    places = ceil(max(max(part.begin, part.end) for part in parts))

    async def worker(place: int) -> None:
        due_s = begun_s + _spread(place - 1, places)
        while True:
            at = next_at_least(parts, place, due_s - begun_s)
            if at is None:
                return
            due_s = begun_s + at
            if due_s >= end_s or not await sending.pause(due_s - sending.at_s()):
                return
            stage = first_stage + stage_at(parts, at)
            await sending.send(target, due_s, stage, level_at(parts, at))
            due_s = sending.at_s()

    await asyncio.gather(*(worker(place) for place in range(1, places + 1)))


async def _closed_count(sending: Sending, target: Target, requests: int, places: int) -> None:
    """A given number of requests, so many at a time."""
    left = requests
    begun_s = sending.at_s()

    async def worker(place: int) -> None:
        nonlocal left
        due_s = begun_s + _spread(place, places)
        await sending.pause(due_s - sending.at_s())
        while left > 0 and not sending.over.is_set():
            left -= 1
            await sending.send(target, due_s, 0, places)
            due_s = sending.at_s()

    await asyncio.gather(*(worker(place) for place in range(min(places, requests))))


def _spread(place: int, places: int) -> float:
    """How long after the first a place begins: all at once would measure one burst of new connections."""
    return place * min(_APART_S, 1.0 / places)


async def _sweep(sending: Sending, target: Target, judge: Judge) -> None:
    """Level after level until the target no longer keeps up; then halfway between the last good and the first bad one."""
    good, bad, stage = 0.0, 0.0, 0
    first: list[Sample] = []

    async def kept_up(level: float) -> bool:
        nonlocal stage, first
        part = Segment(sending.plan.load.seconds, level, level)
        await _hold(sending, target, (part,), stage)
        if sending.over.is_set():
            return False
        samples = [sample for sample in sending.done.get(target.aim.name, ()) if sample.stage == stage]
        first = first or samples
        why = trouble(samples, first, sending.plan.objectives)
        judge(target.aim.name, level, not why, why)
        stage += 1
        return not why

    for part in segments(sending.plan.load):
        if not await kept_up(part.begin):
            bad = part.begin
            break
        good = part.begin
    for _ in range(_REFINEMENTS if good and bad else 0):
        middle = (good * bad) ** 0.5
        if sending.over.is_set() or middle / good < 1.05:
            break
        if await kept_up(middle):
            good = middle
        else:
            bad = middle


def trouble(samples: Sequence[Sample], first: Sequence[Sample], objectives: Objectives) -> str:
    """Why a target did not keep up with a level, in words, "" where it did.

    A request is good if it succeeded within the objectives; without objectives, if its latency was within three times the
    median of the first level.
    """
    counted = [sample for sample in samples if sample.counted]
    if not counted:
        return "no request ended"
    failed = sum(not sample.ok for sample in counted)
    if failed > (1 - KEPT_SHARE) * len(counted):
        return f"{failed / len(counted):.0%} of the requests failed"
    if objectives == Objectives():
        usual = [sample.latency_ms for sample in first if sample.ok and sample.latency_ms is not None]
        objectives = Objectives(latency_ms=_SLOWER * statistics.median(usual) if usual else None)
    good = sum(within(sample, objectives) for sample in counted)
    if good < KEPT_SHARE * len(counted):
        return f"only {good / len(counted):.0%} of the requests kept within the objectives"
    return ""


def within(sample: Sample, objectives: Objectives) -> bool:
    """Whether a request succeeded and kept within all objectives."""
    if not sample.ok:
        return False
    figures = (
        (sample.ttft_ms, objectives.ttft_ms),
        (sample.itl_ms, objectives.itl_ms),
        (sample.latency_ms, objectives.latency_ms),
    )
    return all(limit is None or (figure is not None and figure <= limit) for figure, limit in figures)
