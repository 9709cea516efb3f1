"""Kept runs and pinned baselines, as files in the home's ``bench`` folder.

A run is a folder named by its id: ``plan.json`` from its start, ``samples.jsonl`` (a `Sample` a line) as they come, and
``run.json`` (the `Report`) at its end. A run that was killed has no report; it is made from its samples when it is read.
``baselines.json`` names pinned runs. All methods read and write the disk: call them in a thread.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Final

import msgspec

from aiconsole.bench.asserts import value_of
from aiconsole.bench.certificate import Certificate
from aiconsole.bench.figures import Question, computed
from aiconsole.bench.health import HealthCheck
from aiconsole.bench.measure import Sample, read_samples
from aiconsole.bench.plan import Plan
from aiconsole.bench.report import Assertion, Report, all_passed
from aiconsole.domain.errors import ConfigError
from aiconsole.home import make_private_folder, write_private
from aiconsole.streams import decoded

_BASELINES: Final = "baselines.json"
_ADVICE: Final = "Give a file written with --json, or the name of a pinned baseline or a kept run."


class KeptPlan(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is written at the start of a run."""

    id: str
    plan: Plan
    started_at: float
    simulated: bool = False
    predicted_usd: float | None = None
    scheduled: bool = False


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """One kept run in a list. ``finished`` is False where it has no report (killed, or still going on); ``scheduled`` where a
    background job began it; ``baselines`` are the names it is pinned under."""

    id: str
    name: str
    kind: str
    started_at: float
    targets: tuple[str, ...]
    finished: bool
    verdict: str = ""
    passed: bool | None = None
    simulated: bool = False
    scheduled: bool = False
    baselines: tuple[str, ...] = ()


class Point(msgspec.Struct, frozen=True, omit_defaults=True):
    """One figure of one run, for a history graph: epoch seconds, and the figure with its 95 % interval where it has one."""

    run: str
    at: float
    value: float
    low: float | None = None
    high: float | None = None


class History:
    """The kept runs below one folder, which is made when first needed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def new_id(self, now: float) -> str:
        """An id that sorts by time and is not taken: UTC time, and a number where one second has several."""
        stem = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
        number = 1
        while (self.folder / (name := stem if number == 1 else f"{stem}-{number}")).exists():
            number += 1
        return name

    def begin(self, kept: KeptPlan) -> IO[bytes]:
        """Make a run's folder; returns the file its samples go to.

        Raises:
            ConfigError: the folder cannot be made or written to.
        """
        folder = self.folder / kept.id
        make_private_folder(folder)
        try:
            write_private(folder / "plan.json", msgspec.json.encode(kept))
            descriptor = os.open(folder / "samples.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        except OSError as error:
            raise ConfigError(
                f"The run cannot be kept in {folder}: {error.strerror}.", advice="Make room, or choose another --home."
            ) from error
        return os.fdopen(descriptor, "wb")

    def finish(self, report: Report) -> None:
        """Keep a run's report.

        Raises:
            OSError: it cannot be written.
        """
        make_private_folder(self.folder / report.id)
        write_private(self.folder / report.id / "run.json", msgspec.json.encode(report))

    def entries(self) -> list[Entry]:
        """All kept runs, the newest first; what cannot be read is left out."""
        return list(self.newest())

    def newest(self) -> Iterator[Entry]:
        """The same, each read when it is asked for."""
        pinned = self.baselines()
        for folder in sorted(self._folders(), reverse=True):
            names = tuple(name for name, run in pinned.items() if run == folder.name)
            with contextlib.suppress(OSError, msgspec.DecodeError):
                yield _entry(folder, names)

    def load(self, run: str) -> Report:
        """One run's report; of an unfinished one, what its samples tell.

        Raises:
            ConfigError: there is no such run, or its files are damaged.
        """
        folder = self.folder / run
        if not run or folder.parent != self.folder or not folder.is_dir():
            raise ConfigError(f"There is no kept run called “{run}”.", advice="See the list of kept runs.")
        try:
            with contextlib.suppress(FileNotFoundError):
                return msgspec.json.decode((folder / "run.json").read_bytes(), type=Report)
            return self._unfinished(folder)
        except (OSError, msgspec.DecodeError) as error:
            raise ConfigError(f"The run “{run}” cannot be read: {error}.", advice="Delete it.") from error

    def samples(self, run: str) -> list[Sample]:
        """The raw samples of a run; a torn last line is left out, none where there is no file."""
        return list(read_samples(self.folder / run / "samples.jsonl"))

    def delete(self, run: str) -> None:
        """Remove a run and the baselines pinned to it. Raises OSError."""
        folder = self.folder / run
        if run and folder.parent == self.folder and folder.is_dir():
            shutil.rmtree(folder)
            self._write({name: kept for name, kept in self.baselines().items() if kept != run})

    def baselines(self) -> dict[str, str]:
        """Pinned baselines: name -> run."""
        with contextlib.suppress(OSError, msgspec.DecodeError):
            return msgspec.json.decode((self.folder / _BASELINES).read_bytes(), type=dict[str, str])
        return {}

    def pin(self, name: str, run: str) -> None:
        """Name a run as a baseline, instead of the one that had the name.

        Raises:
            ConfigError: there is no such run, or the name is empty.
        """
        if not name.strip():
            raise ConfigError("A baseline needs a name.")
        self.load(run)
        self._write({**self.baselines(), name.strip(): run})

    def unpin(self, name: str) -> None:
        """Forget a baseline's name; the run stays."""
        self._write({kept: run for kept, run in self.baselines().items() if kept != name})

    def baseline(self, given: str) -> Report:
        """What ``--baseline`` means: a file with a report, the name of a pinned baseline, or the id of a run.

        Raises:
            ConfigError: it is none of these.
        """
        pinned = self.baselines().get(given)
        if pinned is not None:
            return self.load(pinned)
        path = Path(given)
        if path.is_file():
            try:
                return msgspec.json.decode(decoded(path.read_bytes()), type=Report)
            except (OSError, msgspec.DecodeError) as error:
                raise ConfigError(f"{given} is no report of a run: {error}.", advice=_ADVICE) from None
        if (self.folder / given).is_dir() and given not in ("", ".", ".."):
            return self.load(given)
        raise ConfigError(f"There is no baseline called “{given}”.", advice=_ADVICE)

    def series(self, figure: str, target: str, *, limit: int = 100) -> list[Point]:
        """A figure of a target over the newest runs, the oldest first, for a graph.

        Args:
            figure: as in metrics.py.
            target: ``provider/model``, or the provider's name.

        Raises:
            ConfigError: there is no such figure.
        """
        points: list[Point] = []
        for entry in self.newest():
            if len(points) >= limit:
                break
            if not entry.finished or entry.kind == "health":
                continue
            with contextlib.suppress(ConfigError):
                points += _point(self.load(entry.id), figure, target)
        return points[::-1]

    def _folders(self) -> Iterable[Path]:
        if not self.folder.is_dir():
            return ()
        return (path for path in self.folder.iterdir() if (path / "plan.json").is_file())

    def _unfinished(self, folder: Path) -> Report:
        kept = msgspec.json.decode((folder / "plan.json").read_bytes(), type=KeptPlan)
        found = computed(Question(str(folder / "samples.jsonl"), kept.plan))
        return Report(
            id=kept.id,
            plan=kept.plan,
            started_at=kept.started_at,
            seconds=found.seconds,
            stopped="The run did not come to its end; these are the requests that did.",
            partial=True,
            simulated=kept.simulated,
            scheduled=kept.scheduled,
            certificate=Certificate(
                "unproven", words="The run did not come to its end, so the generator was not judged."
            ),
            targets=found.targets,
        )

    def _write(self, baselines: dict[str, str]) -> None:
        make_private_folder(self.folder)
        write_private(self.folder / _BASELINES, msgspec.json.encode(baselines))


class _Brief(msgspec.Struct):
    """Of a report, what a list of runs shows."""

    certificate: Certificate = Certificate("unproven")
    assertions: tuple[Assertion, ...] = ()
    health: tuple[HealthCheck, ...] = ()


def _entry(folder: Path, baselines: tuple[str, ...]) -> Entry:
    kept = msgspec.json.decode((folder / "plan.json").read_bytes(), type=KeptPlan)
    path = folder / "run.json"
    report = msgspec.json.decode(path.read_bytes(), type=_Brief) if path.is_file() else None
    return Entry(
        id=kept.id,
        name=kept.plan.name,
        kind=kept.plan.kind,
        started_at=kept.started_at,
        targets=kept.plan.targets,
        finished=report is not None,
        verdict="" if report is None or kept.plan.kind == "health" else report.certificate.verdict,
        passed=None if report is None else all_passed(report.assertions, report.health),
        simulated=kept.simulated,
        scheduled=kept.scheduled,
        baselines=baselines,
    )


def _point(report: Report, figure: str, target: str) -> list[Point]:
    found = report.target(target)
    value = None if found is None else value_of(found, figure)
    if found is None or value is None:
        return []
    metric, _, statistic = figure.rpartition("_")
    spread = found.spreads.get(metric)
    interval = found.error_rate if figure == "error_rate" else getattr(spread, statistic, None)
    low, high = (None, None) if interval is None else (interval.low, interval.high)
    return [Point(report.id, report.started_at, value, low, high)]
