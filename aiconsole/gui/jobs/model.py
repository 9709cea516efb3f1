"""Jobs and their runs as rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from ...domain.jobs import JobRun, JobView
from ..figures import latency
from ..lines import Cell, Line, LinesModel
from ..moments import full, moment
from .words import STATES, countdown, result_state, result_word, result_words, schedule_words


class JobsModel(LinesModel):
    """The jobs of a console."""

    TITLES: ClassVar[tuple[str, ...]] = (
        "Job",
        "State",
        "Last result",
        "Last run",
        "Took",
        "Next run",
        "Schedule",
    )
    NUMBERS: ClassVar[tuple[int, ...]] = (4,)


class RunsModel(LinesModel):
    """The runs of one job."""

    TITLES: ClassVar[tuple[str, ...]] = ("Began", "Why", "Result", "Took", "What came of it")
    NUMBERS: ClassVar[tuple[int, ...]] = (3,)


def job_lines(views: Iterable[JobView], now: float) -> list[Line]:
    """The jobs as they stand at ``now``."""
    return [Line(view.name, _job(view, now)) for view in views]


def run_lines(runs: Iterable[JobRun], now: float) -> list[Line]:
    """Runs as rows."""
    return [
        Line(
            run.number,
            (
                Cell(moment(run.started_at, now), tip=full(run.started_at)),
                Cell(run.cause + (f" {run.attempt}" if run.attempt > 1 else "")),
                Cell(result_word(run), result_state(run) or "idle"),
                Cell(took(run, now)),
                Cell(run.message, tip=run.message),
            ),
        )
        for run in runs
    ]


def took(run: JobRun | None, now: float) -> str:
    """How long a run took, or has taken until now."""
    if run is None:
        return "–"
    if run.result is None:
        return latency(max(0.0, now - run.started_at) // 1 * 1000)
    return latency(run.duration_ms)


def _job(view: JobView, now: float) -> tuple[Cell, ...]:
    last = view.last
    running = view.state == "running"
    state = Cell(view.state, STATES[view.state])
    if view.problem:
        state = Cell(view.state, "crit", view.problem)
    if running:
        result, ran = Cell("running…"), Cell("now", tip=full(view.started_at))
        lasted = latency(max(0.0, now - (view.started_at or now)) // 1 * 1000)
    else:
        result = Cell(result_words(last), result_state(last), "" if last is None else last.message)
        ran = Cell(moment(last.started_at if last else None, now), tip=full(last.started_at if last else None))
        lasted = took(last, now)
    due = Cell(
        countdown(view.countdown_s(now)) + (f", attempt {view.attempt}" if view.attempt > 1 and not running else ""),
        tip=full(view.next_at),
    )
    return Cell(view.title, tip=view.about), state, result, ran, Cell(lasted), due, Cell(schedule_words(view.schedule))
