"""How the console uses the machine: its pools, its memory, and when its own figures are told to be bad."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from aiconsole.settings.about import about


class Performance(msgspec.Struct, frozen=True, omit_defaults=True):
    """How the console uses the machine, and from when on its own figures are told to be bad."""

    connections: Annotated[
        int,
        about("Most connections to one provider at once; more requests wait.", unit="connections", ge=1, le=1024),
    ] = 256
    keepalive_s: Annotated[
        float, about("How long a connection that is not used is kept open.", unit="s", ge=1, le=3600)
    ] = 60.0
    warm_up: Annotated[
        bool, about("Connect to the first candidate of each route at start, so that the first request need not wait.")
    ] = True
    memory_mb: Annotated[
        int,
        about(
            "Budget of memory; when 80 % of it are in use caches shrink and memory is collected.",
            unit="MB",
            ge=128,
            le=1_048_576,
        ),
    ] = 1024
    collection: Annotated[
        Literal["at quiet moments", "by Python"],
        about("When memory that is in circles is collected: while nothing is answered, or when Python likes."),
    ] = "at quiet moments"
    sample_s: Annotated[float, about("How often the console's own figures are taken.", unit="s", ge=1, le=60)] = 1.0
    hold_s: Annotated[
        float,
        about(
            "How long a figure must be over its limit, or under it again, before that is told.", unit="s", ge=0, le=600
        ),
    ] = 10.0
    loop_lag_ms: Annotated[float, about("Limit: how late the event loop comes.", unit="ms", ge=1, le=60_000)] = 100.0
    frame_ms: Annotated[float, about("Limit: how long the window takes to paint.", unit="ms", ge=1, le=60_000)] = 50.0
    writer_queue: Annotated[
        int, about("Limit: changes that wait to be written to the database.", unit="changes", ge=1, le=1_000_000)
    ] = 500
    query_ms: Annotated[float, about("Limit: how long a query takes.", unit="ms", ge=1, le=600_000)] = 1000.0
    waiting: Annotated[int, about("Limit: requests that wait for a connection.", unit="requests", ge=1, le=100_000)] = 8
    queue_ms: Annotated[
        float, about("Limit: p95 of how long a request waits before it is sent.", unit="ms", ge=1, le=3_600_000)
    ] = 2000.0
    connect_ms: Annotated[
        float, about("Limit: p95 of how long a connection takes to be made.", unit="ms", ge=1, le=3_600_000)
    ] = 2000.0
    ttft_ms: Annotated[float, about("Limit: p95 of the time to the first token.", unit="ms", ge=1, le=3_600_000)] = (
        10_000.0
    )
    body_ms: Annotated[
        float, about("Limit: p95 of the time from the first token to the last.", unit="ms", ge=1, le=3_600_000)
    ] = 60_000.0
    connection_held_s: Annotated[
        float,
        about("How long one request may hold a connection before that is told as a leak.", unit="s", ge=1, le=86_400),
    ] = 900.0
    query_held_s: Annotated[
        float,
        about("How long one query may hold a thread of the database before that is told.", unit="s", ge=1, le=86_400),
    ] = 30.0
    keep_stacks: Annotated[
        bool, about("Keep where in the program each connection was taken, for finding leaks; slows requests a little.")
    ] = False
