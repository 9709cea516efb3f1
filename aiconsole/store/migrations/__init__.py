"""The tables, as steps from one version of the file to the next. A step that was released is never changed: add another.

To add one: a new module here with ``STATEMENTS``, a tuple of SQL statements that lead from the tables of all steps before it
to its own, and its name at the end of ``MIGRATIONS``. Nothing else is to be done: ``database.py`` backs the file up, runs what
is missing in one transaction, and writes the number of steps into ``PRAGMA user_version``.
"""

from __future__ import annotations

from aiconsole.store.migrations import alerts, conversations, errors, findings, history, jobs, recoveries

APPLICATION_ID = 0x41494363
"""Written into the file's header, so that another program's database is recognised as such."""

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    conversations.STATEMENTS,
    history.STATEMENTS,
    jobs.STATEMENTS,
    errors.STATEMENTS,
    recoveries.STATEMENTS,
    alerts.STATEMENTS,
    findings.STATEMENTS,
)
