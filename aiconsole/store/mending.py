"""What is done in the writer's thread when the database is found damaged, or gone, while it is open.

A damaged full-text or other index is made anew in place. A damaged file is set aside and a new one begun, into which what can
be read is copied. Where the file, or one of its journals, was deleted, moved or replaced by another program, the open
connection still has all of it (but on Windows, where an open file can be neither): it is written to its place again, and what
lay there meanwhile is kept. See SQLite's "How To Corrupt An SQLite Database File" on why going on with such a file loses data.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from traceback import clear_frames
from typing import TYPE_CHECKING

from aiconsole.domain.clock import Clock
from aiconsole.store.aside import set_aside, stamped
from aiconsole.store.database import Opened, Steps, back_up, begin_anew, identity, prepare, rebuild_indexes
from aiconsole.store.faults import damaged, only_an_index
from aiconsole.store.notice import StoreNotice
from aiconsole.store.packing import Redact

if TYPE_CHECKING:
    from aiconsole.store.database import Database
    from aiconsole.store.reader import Reader

_log = logging.getLogger(__name__)


class Mender:
    """Looks after ``opened``. All methods are for the writer's thread.

    Args:
        readers: who else has the file open.
        tell: takes what the person should see.

    Attributes:
        opened: the database as it is open now.
        version: another number after each change of the file under whoever remembers what is in it.
    """

    def __init__(
        self,
        opened: Opened,
        readers: Sequence[Reader],
        clock: Clock,
        steps: Steps,
        redact: Redact,
        tell: Callable[[StoreNotice], None],
    ) -> None:
        self.opened = opened
        self.version = 0
        self._readers = readers
        self._clock = clock
        self._steps = steps
        self._redact = redact
        self._tell = tell
        self._lost = False

    def renew(self, error: BaseException | None) -> Database | None:
        """The database to go on with, where something was mended; None where nothing was to be.

        Args:
            error: what a job raised; None looks only whether the file is still there.

        Raises:
            OSError, sqlite3.Error, peewee.DatabaseError: it cannot be mended now; it is tried again with the next call.
        """
        if error is None:
            if self._lost:
                return self._anew()
            if identity(self.opened.path) != self.opened.identity:
                return self._put_back()
            return None
        # A statement in its frames would keep the file open, and Windows would not let it be set aside.
        clear_frames(error.__traceback__)
        if only_an_index(error):
            return self._reindex()
        return self._anew() if damaged(error) else None

    def _reindex(self) -> Database:
        database = self.opened.database
        try:
            database.execute_sql("REINDEX")
            rebuild_indexes(database)
        except Exception as error:
            if damaged(error):
                return self._anew()
            raise
        self.opened.lock.mark()
        self.version += 1
        _log.warning("An index of the database was damaged and is made anew")
        return database

    def _anew(self) -> Database:
        self._lost = True
        with ExitStack() as held:
            for reader in self._readers:
                held.enter_context(reader.held())
            with suppress(Exception):
                self.opened.database.close()
            now = self._clock.now()
            database, notices = begin_anew(self.opened.path, now, self._steps, self._redact, "was damaged")
            self._take(database)
        for notice in notices:
            self._tell(notice)
        return database

    def _put_back(self) -> Database:
        path, now = self.opened.path, self._clock.now()
        copy = stamped(path, "restored", now)
        try:
            back_up(self.opened.database, copy)
        except Exception as error:
            if damaged(error):
                return self._anew()
            raise
        with ExitStack() as held:
            for reader in self._readers:
                held.enter_context(reader.held())
            found = set_aside(path, "found", now)
            self._lost = True
            self.opened.database.close()
            copy.rename(path)
            self._take(prepare(path, now, self._steps))
        self._tell(
            StoreNotice(
                f"The console's database {path.name} was deleted, moved or replaced while it was open; it was written anew "
                "and nothing is lost.",
                "Leave it alone while the console runs."
                if found is None
                else f"What lay in its place is kept as {found.name}; to use that, close the console and put it in place.",
            )
        )
        return self.opened.database

    def _take(self, database: Database) -> None:
        self.opened = self.opened._replace(database=database, identity=identity(self.opened.path))
        self.opened.lock.mark()
        self._lost = False
        self.version += 1
