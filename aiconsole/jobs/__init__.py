"""Background jobs: the scheduler, and one file for each job.

    scheduler = Scheduler(jobs, JobStore(store), clock, zone=ZoneInfo("Europe/Berlin"))
    await scheduler.start()          # takes up where the last process left off
    await scheduler.run_now("health")
    await scheduler.aclose()

`job.py` says what a job is, `scheduler.py` when it runs, `running.py` how one run goes, `keeping.py` what must be kept.
"""

from __future__ import annotations

from aiconsole.jobs.job import Job, JobFailed, Outcome, Run
from aiconsole.jobs.keeping import Keeping
from aiconsole.jobs.scheduler import Scheduler
from aiconsole.jobs.threads import in_thread

__all__ = ["Job", "JobFailed", "Keeping", "Outcome", "Run", "Scheduler", "in_thread"]
