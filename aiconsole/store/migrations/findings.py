"""Step 7: whether what a run of a background job found needs a look. Runs from before are taken to have found nothing."""

from __future__ import annotations

STATEMENTS = ("ALTER TABLE background_job_runs ADD COLUMN found INTEGER NOT NULL DEFAULT 0",)
