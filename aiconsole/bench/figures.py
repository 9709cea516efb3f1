"""The figures of a run, computed in a process of their own: ``python -m aiconsole.bench.figures``.

Bootstrapping takes seconds of pure Python for a large run, which in a thread would make the window stutter. A `Question` comes
as JSON on standard input, the `Figures` go to standard output.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

import msgspec

from aiconsole.bench.child import APART, command
from aiconsole.bench.load.order import Judged
from aiconsole.bench.measure import Sample, read_samples
from aiconsole.bench.plan import Plan
from aiconsole.bench.report import TargetReport, target_report, typical_ms

MODULE: Final = "aiconsole.bench.figures"


class Question(msgspec.Struct, frozen=True):
    """Whose figures: the file of samples, the plan they belong to, and what was found of a sweep's levels."""

    path: str
    plan: Plan
    judged: tuple[Judged, ...] = ()


class Figures(msgspec.Struct, frozen=True):
    """The targets' figures; ``typical_ms`` as in `report.typical_ms`; ``seconds`` from the start to the last end."""

    targets: tuple[TargetReport, ...]
    typical_ms: float | None
    seconds: float


def computed(question: Question) -> Figures:
    """Compute them here."""
    samples = list(read_samples(Path(question.path)))
    names = dict.fromkeys((*question.plan.targets, *(sample.target for sample in samples)))
    targets = tuple(_target(name, samples, question) for name in names)
    return Figures(targets, typical_ms(samples), max((sample.ended_s for sample in samples), default=0.0))


def computed_apart(question: Question) -> Figures:
    """Compute them in a process of their own, and here where that fails. Blocks: call it in a thread."""
    try:
        done = subprocess.run(  # noqa: S603  (our own module)
            command(MODULE), input=msgspec.json.encode(question), capture_output=True, check=True, **APART
        )
        return msgspec.json.decode(done.stdout, type=Figures)
    except (OSError, subprocess.CalledProcessError, msgspec.DecodeError):
        return computed(question)


def main() -> int:
    """Answer one question."""
    question = msgspec.json.decode(sys.stdin.buffer.read(), type=Question)
    sys.stdout.buffer.write(msgspec.json.encode(computed(question)))
    return 0


def _target(name: str, samples: list[Sample], question: Question) -> TargetReport:
    judged = {told.level: (told.kept_up, told.why) for told in question.judged if told.target == name}
    return target_report(name, [sample for sample in samples if sample.target == name], question.plan, judged)


if __name__ == "__main__":
    sys.exit(main())
