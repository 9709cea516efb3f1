"""What the palette offers of jobs from everywhere: to begin each of them now."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Final

from ..commands import Command
from ..session import Session
from ..shell import Shell

RUN: Final = "#run"
"""Behind a job's name, opens the panel at it and begins it."""


def job_commands(session: Session, shell: Shell) -> Iterable[Command]:
    """A command for each job, once the jobs are open."""
    jobs = session.engine.jobs
    for view in jobs.scheduler.views() if jobs is not None else ():
        yield Command(
            key=f"job.{view.name}.run",
            title=f"Run {view.title} now",
            group="Jobs",
            run=partial(shell.open, "jobs", view.name + RUN),
            words=f"{view.name} {view.about}",
        )
