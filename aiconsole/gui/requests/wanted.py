"""Which requests the panel shows. Other panels open it with one of these: ``shell.open("requests", Wanted(...))``.

It is what the filter's chips say, and what is kept of the panel over the end of the window.
"""

from __future__ import annotations

import time
from typing import Final

import msgspec

from ...domain.chat import Origin
from ...domain.errors import ProviderError
from ...domain.history import RequestFilter, Sort

DAY: Final = 86_400.0
RANGES: Final[tuple[tuple[float | None, str], ...]] = (
    (900.0, "15 min"),
    (3600.0, "1 h"),
    (DAY, "24 h"),
    (7 * DAY, "7 d"),
    (30 * DAY, "30 d"),
    (None, "All"),
)
ORIGINS: Final[dict[Origin, str]] = {
    "chat": "chat",
    "bench": "test bench",
    "job": "background job",
    "probe": "probe",
    "file": "file",
}
_FAR: Final = 4_000_000_000.0
"""After all that will ever be recorded, in epoch s: a range that is open at its end."""


class Wanted(msgspec.Struct, frozen=True, omit_defaults=True):
    """Empty texts and None let everything pass; most fields are those of `RequestFilter`.

    ``last_s`` keeps the last so many seconds. Where ``start`` is set (epoch s) it and ``end`` are the range instead: both ends
    of a bucket, or a stretch that was dragged on a graph. ``asked`` (a provider, or ``provider/model``) finds the requests
    behind a point of that provider's line. ``simulated`` None follows what is in use.
    """

    last_s: float | None = DAY
    start: float | None = None
    end: float | None = None
    provider: str = ""
    model: str = ""
    asked: str = ""
    route: str = ""
    origin: Origin | None = None
    error_kind: str = ""
    failed: bool | None = None
    cached: bool | None = None
    text: str = ""
    simulated: bool | None = None
    sort: Sort = "time"
    descending: bool = True

    def filter(self, now: float, demo: bool) -> RequestFilter:
        """What to ask the history at ``now`` (epoch s); ``demo``: the simulator is in use."""
        if self.start is not None:
            start, end = self.start, _FAR if self.end is None else self.end
        else:
            start, end = (0.0 if self.last_s is None else now - self.last_s), _FAR
        return RequestFilter(
            start=start,
            end=end,
            provider=self.provider,
            model=self.model,
            asked=self.asked,
            route=self.route,
            origin=self.origin,
            error_kind=self.error_kind,
            failed=self.failed,
            cached=self.cached,
            text=self.text,
            simulated=demo if self.simulated is None else self.simulated,
        )

    @property
    def newest_first(self) -> bool:
        """Whether what comes now belongs to the top of the table."""
        return self.sort == "time" and self.descending

    def chips(self) -> tuple[tuple[str, str], ...]:
        """What is filtered by beside range, search and simulated or not: field and words."""
        said: list[tuple[str, str]] = []
        if self.start is not None:
            said.append(("start", stretch(self.start, self.end)))
        said += [
            (field, f"{title}: {getattr(self, field)}")
            for field, title in (("provider", "Provider"), ("asked", "Asked"), ("model", "Model"), ("route", "Route"))
            if getattr(self, field)
        ]
        if self.error_kind:
            said.append(("error_kind", f"Error: {self.error_kind}"))
        if self.failed is not None:
            said.append(("failed", "Not answered" if self.failed else "Answered"))
        if self.cached is not None:
            said.append(("cached", "From the cache" if self.cached else "Not from the cache"))
        if self.origin is not None:
            said.append(("origin", f"Origin: {ORIGINS[self.origin]}"))
        return tuple(said)

    def without(self, field: str) -> Wanted:
        """The same, not filtered by ``field``."""
        default = type(self)()
        cleared = {field: getattr(default, field)}
        if field == "start":
            cleared["end"] = None
        return msgspec.structs.replace(self, **cleared)

    def cleared(self) -> Wanted:
        """Nothing filtered but by range and simulated or not; the order stays."""
        return Wanted(last_s=self.last_s, simulated=self.simulated, sort=self.sort, descending=self.descending)

    @property
    def narrowed(self) -> bool:
        """Whether anything but range and simulated or not is filtered by."""
        return bool(self.chips()) or bool(self.text.strip())


def stretch(start: float, end: float | None) -> str:
    """A range of time, local."""
    first = time.localtime(start)
    if end is None:
        return f"Since {time.strftime('%d %b %H:%M:%S', first)}"
    last = time.localtime(end)
    same = first[:3] == last[:3]
    return (
        f"{time.strftime('%d %b %H:%M:%S', first)} to {time.strftime('%H:%M:%S' if same else '%d %b %H:%M:%S', last)}"
    )


def error_kinds() -> tuple[str, ...]:
    """Every kind of error a request can end with, in order of the alphabet."""
    kinds, classes = {"cancelled"}, [*ProviderError.__subclasses__()]
    while classes:
        found = classes.pop()
        classes.extend(found.__subclasses__())
        kinds.add(found.kind)
    return tuple(sorted(kinds))


def advice_for(kind: str) -> str:
    """What the person can do about an error of this kind, "" where there is nothing to say."""
    classes = [*ProviderError.__subclasses__()]
    while classes:
        found = classes.pop(0)
        if found.kind == kind:
            return found.advice
        classes.extend(found.__subclasses__())
    return ""
