"""The table of requests: found, counted and sorted in SQL, and read a page at any offset. Runs in the tables' thread.

In order of time and unless more is asked than who, on which route and when, the hours' rollups tell how many requests each hour
has: an offset leads to its hour at once, however deep, and nothing is counted. For everything else the ids of what was found
are listed in the wanted order, at most `LISTED` of them (8 MB), and a page is a slice of that list. Text is looked for where
little has to be read: names among the series, kinds and errors in ``usage_failure``, the beginning of an id by its index. By
any other order than time only the first `FIRST` are sorted out at once, which costs little more than to read each request of
the range, and more when someone scrolls that far. Either way what came later does not shift the pages: it is seen when one
asks anew.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from itertools import accumulate, islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from aiconsole.domain.chat import Cost, Usage
from aiconsole.domain.history import RequestFilter, RequestRow, Sort
from aiconsole.store.chosen import choose
from aiconsole.store.retention import Retention, ids_at

if TYPE_CHECKING:
    from aiconsole.store.database import Database

LISTED: Final = 1_000_000
FIRST: Final = 10_000
_HOUR: Final = 3600
_ORDERS: Final[dict[Sort, str]] = {
    "time": "r.id",
    "duration": "r.duration_us",
    "ttft": "r.ttft_us",
    "cost": "r.cost_usd",
    "tokens": "coalesce(r.prompt, 0) + coalesce(r.completion, 0)",
    "attempts": "r.attempts",
}
_ROW: Final = (
    "SELECT r.id, r.request_id, r.flags, r.attempts, r.duration_us, r.ttft_us, k.text, r.status, f.error, r.prompt, "
    "r.completion, r.cached_prompt, r.cache_written, r.reasoning, r.billed_prompt, r.billed_completion, r.cost_usd, "
    "r.saved_usd, r.saved_us, s.provider, s.model, s.route, s.origin, s.simulated "
    "FROM usage_request r JOIN usage_series s ON s.id = r.series LEFT JOIN usage_failure f ON f.id = r.id "
    "LEFT JOIN label k ON k.id = f.error_kind"
)


Part = tuple[str, tuple[Any, ...]]
"""A piece of SQL and what is bound in it."""


class Pages(NamedTuple):
    """Where the pages of so many requests (``number``) are. Either ``ids`` has the first of them, and ``query`` finds more; or
    ``stretches`` are id ranges [low, high) in the wanted order, and ``ends`` how many requests there are up to the end of
    each. ``capped`` where more were found than can be paged through."""

    number: int
    capped: bool = False
    ids: array[int] | None = None
    query: Part = ("", ())
    series: tuple[int, ...] = ()
    stretches: tuple[tuple[int, int], ...] = ()
    ends: tuple[int, ...] = ()
    descending: bool = True


class _Search(NamedTuple):
    """What a search goes by: the filter, the series it lets through (id, provider, model, route) and whether those are all
    there are, and the range of ids."""

    wanted: RequestFilter
    whole: bool
    names: list[tuple[int, str, str, str]]
    low: int
    high: int

    @property
    def among(self) -> str:
        """The condition that a series is let through."""
        return "1" if self.whole else f"+series IN ({_list(self.series)})"

    @property
    def series(self) -> tuple[int, ...]:
        return tuple(number for number, *_ in self.names)


def find(
    database: Database, wanted: RequestFilter, sort: Sort, descending: bool, now: float, retention: Retention
) -> Pages:
    """Find what a filter lets through."""
    names, whole = _names(database, wanted)
    allowed = tuple(number for number, *_ in names)
    newest = database.execute_sql("SELECT max(id) FROM usage_request").fetchone()[0]
    oldest = database.execute_sql("SELECT min(id) FROM usage_request").fetchone()[0]
    if not allowed or newest is None:
        return Pages(0)
    low, high = max(ids_at(wanted.start), oldest), min(ids_at(wanted.end), newest + 1)
    plain = not (wanted.error_kind or wanted.text or wanted.asked) and wanted.failed is None and wanted.cached is None
    search = _Search(wanted, whole, names, low, high)
    if plain and now - (low >> 20) / 1000 <= retention.reach(_HOUR):
        hours = _by_hour(database, search, descending)
        return hours if sort == "time" else _sorted(database, search, sort, descending, hours.number)
    sql, values = _ids(database, search)
    if sort == "time":
        order = "DESC" if descending else "ASC"
        return _listed(database, (f"{sql} ORDER BY id {order}", values))
    number = database.execute_sql(f"SELECT count(*) FROM ({sql})", values).fetchone()[0]  # noqa: S608
    return _sorted(database, search, sort, descending, number)


def reaching(database: Database, pages: Pages, end: int) -> Pages:
    """The same pages with all ids listed that can be, if it takes more than there are to get to ``end``."""
    if pages.ids is None or end <= len(pages.ids) or len(pages.ids) >= pages.number:
        return pages
    found = database.execute_sql(*pages.query)  # without LIMIT, with which SQLite sorts many rows far slower
    ids = array("q", (number for (number,) in islice(found, LISTED)))
    found.close()
    return pages._replace(ids=ids)


def page(database: Database, pages: Pages, offset: int, limit: int) -> tuple[RequestRow, ...]:
    """At most ``limit`` rows from ``offset`` on, as far as ids are listed; those deleted since are left out."""
    if pages.ids is not None:
        return rows(database, pages.ids[offset : offset + limit].tolist())
    found: list[int] = []
    at = bisect_right(pages.ends, offset)
    skip = offset - (pages.ends[at - 1] if at else 0)
    order = "DESC" if pages.descending else "ASC"
    sql = (
        f"SELECT id FROM usage_request WHERE id >= ? AND id < ? AND series IN ({_list(pages.series)}) "  # noqa: S608
        f"ORDER BY id {order} LIMIT ? OFFSET ?"
    )
    while len(found) < limit and at < len(pages.stretches):
        part = database.execute_sql(sql, (*pages.stretches[at], limit - len(found), skip)).fetchall()
        found += [number for (number,) in part]
        at, skip = at + 1, 0
    return rows(database, found)


def rows(database: Database, ids: list[int]) -> tuple[RequestRow, ...]:
    """The requests with these ids, in this order."""
    found = {
        row[0]: _row(row) for row in database.execute_sql(f"{_ROW} WHERE r.id IN ({_list(tuple(ids))})").fetchall()
    }
    return tuple(found[number] for number in ids if number in found)


def _names(database: Database, wanted: RequestFilter) -> tuple[list[tuple[int, str, str, str]], bool]:
    """Series that may hold what is wanted (id, provider, model, route), and whether those are all."""
    found = database.execute_sql(
        "SELECT id, provider, model, route, origin, simulated FROM usage_series WHERE counted = 'requests'"
    ).fetchall()
    names = [
        (number, provider, model, route)
        for number, provider, model, route, origin, simulated in found
        if wanted.simulated is bool(simulated)
        and wanted.provider in ("", provider)
        and wanted.model in ("", model)
        and wanted.route in ("", route)
        and wanted.origin in (None, origin)
    ]
    return names, len(names) == len(found)


def _by_hour(database: Database, search: _Search, descending: bool) -> Pages:
    """Whole hours by their rollups, what is left at both ends by counting."""
    wanted, series, low, high = search.wanted, search.series, search.low, search.high
    sums = choose(
        database,
        "requests",
        provider=wanted.provider,
        model=wanted.model,
        route=wanted.route,
        origins=(wanted.origin,) if wanted.origin else (),
        simulated=wanted.simulated,
    )
    first = -(-(low >> 20) // (_HOUR * 1000)) * _HOUR
    last = (high >> 20) // (_HOUR * 1000) * _HOUR
    counts: list[tuple[int, int, int]] = []
    edges = [(low, high)]
    if first < last:
        hours = database.execute_sql(
            f"SELECT start, sum(count) FROM usage_rollup WHERE tier = {_HOUR} AND series IN ({_list(tuple(sums))}) "  # noqa: S608
            "AND start >= ? AND start < ? GROUP BY start",
            (first, last),
        ).fetchall()
        edges = [(low, ids_at(first)), (ids_at(last), high)]
        counts = [(ids_at(hour), ids_at(hour + _HOUR), count) for hour, count in hours]
    for edge in edges:
        counted = database.execute_sql(
            f"SELECT count(*) FROM usage_request WHERE series IN ({_list(series)}) AND id >= ? AND id < ?",  # noqa: S608
            edge,
        ).fetchone()[0]
        counts.append((*edge, counted))
    ordered = sorted((part for part in counts if part[2]), reverse=descending)
    ends = tuple(accumulate(count for *_, count in ordered))
    stretches = tuple((begin, end) for begin, end, _ in ordered)
    return Pages(ends[-1] if ends else 0, series=series, stretches=stretches, ends=ends, descending=descending)


def _listed(database: Database, query: Part) -> Pages:
    sql, values = query
    found = database.execute_sql(f"{sql} LIMIT {LISTED + 1}", values)
    ids = array("q", (number for (number,) in found))
    return Pages(min(len(ids), LISTED), len(ids) > LISTED, ids[:LISTED], query)


def _sorted(database: Database, search: _Search, sort: Sort, descending: bool, number: int) -> Pages:
    order = "DESC" if descending else "ASC"
    sql, values = _requests(database, search)
    query = f"{sql} ORDER BY {_ORDERS[sort]} {order} NULLS LAST, r.id {order}", values
    found = database.execute_sql(f"{query[0]} LIMIT {FIRST}", values)
    ids = array("q", (one for (one,) in found))
    return Pages(min(number, LISTED), number > LISTED, ids, query)


def _ids(database: Database, search: _Search) -> Part:
    """A query for the ids of what is wanted, read from the narrowest tables that can tell."""
    wanted = search.wanted
    if wanted.cached is None and not wanted.asked and not wanted.text.strip():
        if wanted.failed or wanted.error_kind:
            return _failures(search)
    elif wanted.cached is None and not wanted.asked and not wanted.failed and not wanted.error_kind:
        sql, values = _saying(database, search)
        if wanted.failed is None:
            return f"SELECT id FROM ({sql})", values  # noqa: S608
    return _requests(database, search)


def _failures(search: _Search) -> Part:
    """A query for failures of the range and series, of one kind where that is wanted."""
    sql = f"SELECT id FROM usage_failure WHERE id >= ? AND id < ? AND {search.among}"  # noqa: S608
    values: tuple[Any, ...] = (search.low, search.high)
    if search.wanted.error_kind:
        sql += " AND error_kind = (SELECT id FROM label WHERE text = ?)"
        values += (search.wanted.error_kind,)
    return sql, values


def _requests(database: Database, search: _Search) -> Part:
    """A query for the ids of what is wanted over the requests themselves, as ``r``."""
    wanted = search.wanted
    terms = ["r.id >= ? AND r.id < ?"]
    values: tuple[Any, ...] = (search.low, search.high)
    if wanted.failed or wanted.error_kind:
        sql, more = _failures(search)
        terms.append(f"r.id IN ({sql})")
        values += more
    if wanted.failed is not None:
        terms.append(f"r.error_kind IS {'NOT ' if wanted.failed else ''}NULL")
    if wanted.cached is not None:
        terms.append(f"r.flags & 2 {'<>' if wanted.cached else '='} 0")
    for sql, more in (_asking(database, search), _saying(database, search)):
        if sql:
            terms.append(f"r.id IN ({sql})")
            values += more
    terms.append(search.among)
    return f"SELECT r.id FROM usage_request r WHERE {' AND '.join(terms)}", values  # noqa: S608


def _asking(database: Database, search: _Search) -> Part:
    """A query for requests for which who is wanted was asked, "" where that is nobody in particular."""
    asked = search.wanted.asked
    if not asked:
        return "", ()
    labels = database.execute_sql("SELECT id, text FROM label").fetchall()
    candidates = tuple(number for number, text in labels if text == asked or text.startswith(f"{asked}/"))
    series = tuple(number for number, provider, model, _ in search.names if asked in (provider, f"{provider}/{model}"))
    sql = (
        f"SELECT id FROM usage_request WHERE series IN ({_list(series)}) AND id >= ? AND id < ? "  # noqa: S608
        f"UNION SELECT request FROM usage_attempt WHERE request >= ? AND request < ? AND candidate IN ({_list(candidates)})"
    )
    return sql, (search.low, search.high) * 2


def _saying(database: Database, search: _Search) -> Part:
    """A query for requests in whose names, error or id the text is, "" where there is none."""
    text = search.wanted.text.strip()
    if not text:
        return "", ()
    folded = text.casefold()
    labels = database.execute_sql("SELECT id, text FROM label").fetchall()
    kinds = tuple(number for number, kind in labels if folded in kind.casefold())
    series = tuple(number for number, *words in search.names if any(folded in word.casefold() for word in words))
    pattern = "%" + text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    span = (search.low, search.high)
    parts = [
        f"SELECT id FROM usage_failure WHERE id >= ? AND id < ? AND {search.among} "  # noqa: S608
        f"AND (error_kind IN ({_list(kinds)}) OR error LIKE ? ESCAPE '\\')",
        "SELECT id FROM usage_request WHERE request_id >= ? AND request_id < ? AND +id >= ? AND +id < ? "  # noqa: S608
        f"AND {search.among}",
    ]
    values: tuple[Any, ...] = (*span, pattern, text, text + "\U0010ffff", *span)
    if series:
        parts.append(f"SELECT id FROM usage_request WHERE series IN ({_list(series)}) AND id >= ? AND id < ?")  # noqa: S608
        values += span
    return " UNION ".join(parts), values


def _list(numbers: tuple[int, ...]) -> str:
    return ",".join(map(str, numbers))


def _row(row: tuple[Any, ...]) -> RequestRow:
    number, request_id, flags, attempts, duration, ttft, kind, status, error = row[:9]
    cost, saved, saved_us, provider, model, route, origin, simulated = row[16:]
    finished = (number >> 20) / 1e3
    return RequestRow(
        id=number,
        request_id=request_id,
        started_at=finished - duration / 1e6,
        finished_at=finished,
        route=route,
        provider=provider,
        model=model,
        origin=origin,
        simulated=bool(simulated),
        error_kind=kind,
        error=error or "",
        status=status,
        ttft_ms=None if ttft is None else ttft / 1e3,
        duration_ms=duration / 1e3,
        usage=Usage(*row[9:16]),
        cost=None if cost is None else Cost(cost, "provider" if flags & 4 else "price list"),
        cached=bool(flags & 2),
        saved_usd=saved,
        saved_ms=None if saved_us is None else saved_us / 1e3,
        attempts=attempts,
        stream=bool(flags & 1),
    )
