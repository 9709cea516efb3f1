"""Step 3: background jobs. Times are epoch seconds.

``background_jobs`` has a row a job: when it is due, whether it is paused, and the run that goes on, if any, with the process
that runs it. ``background_job_runs`` is the history; a run that goes on has no ``result``. The unique index is what keeps an
attempt at a due time from being begun twice. ``background_job_days`` counts the runs of each local day and is never thinned
out, while old runs are.
"""

from __future__ import annotations

STATEMENTS = (
    """
CREATE TABLE background_jobs (
    job TEXT PRIMARY KEY,
    schedule TEXT NOT NULL,
    paused INTEGER NOT NULL DEFAULT 0,
    next_due REAL,
    start_at REAL,
    attempt INTEGER NOT NULL DEFAULT 1,
    retry_due REAL,
    retry_at REAL,
    run INTEGER,
    owner TEXT NOT NULL DEFAULT '',
    heartbeat REAL,
    lease_until REAL
)""",
    """
CREATE TABLE background_job_runs (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    job TEXT NOT NULL,
    cause TEXT NOT NULL,
    due REAL,
    attempt INTEGER NOT NULL,
    started_at REAL NOT NULL,
    ended_at REAL,
    duration_ms REAL,
    result TEXT,
    message TEXT NOT NULL DEFAULT '',
    output TEXT NOT NULL DEFAULT '',
    error TEXT NOT NULL DEFAULT ''
)""",
    "CREATE UNIQUE INDEX background_job_runs_due ON background_job_runs (job, due, attempt) WHERE due IS NOT NULL",
    "CREATE INDEX background_job_runs_of ON background_job_runs (job, number)",
    """
CREATE TABLE background_job_days (
    day TEXT NOT NULL,
    job TEXT NOT NULL,
    succeeded INTEGER NOT NULL DEFAULT 0,
    failed INTEGER NOT NULL DEFAULT 0,
    other INTEGER NOT NULL DEFAULT 0,
    duration_ms REAL NOT NULL DEFAULT 0,
    PRIMARY KEY (day, job)
) WITHOUT ROWID""",
)
