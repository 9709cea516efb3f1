"""Small charts as inline SVG: lines over a linear axis, and the distribution of a figure."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import floor, log10
from typing import Final, NamedTuple

WIDTH: Final = 720
HEIGHT: Final = 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 16, 12, 40
_MOST_POINTS: Final = 400


class Series(NamedTuple):
    """A named row of points (x, y)."""

    name: str
    points: Sequence[tuple[float, float]]


def distribution(name: str, values: Sequence[float]) -> Series:
    """The share of values (%) at or below each value, at no more than 200 places."""
    ordered = sorted(values)
    count = len(ordered)
    places = sorted({min(count - 1, round(index * (count - 1) / 199)) for index in range(200)}) if count else []
    return Series(name, [(ordered[place], 100 * (place + 1) / count) for place in places])


def chart(series: Sequence[Series], *, title: str, x: str, y: str, dots: bool = False) -> str:
    """A chart; "" where there is nothing to draw. ``x`` and ``y`` name the axes with their units."""
    series = [Series(each.name, each.points[:: max(1, len(each.points) // _MOST_POINTS)]) for each in series]
    points = [point for each in series for point in each.points]
    if not points:
        return ""
    x_ticks = _ticks(0.0, max(point[0] for point in points))
    y_ticks = _ticks(0.0, max(point[1] for point in points))
    at_x, at_y = _scale(x_ticks, _LEFT, WIDTH - _RIGHT), _scale(y_ticks, HEIGHT - _BOTTOM, _TOP)
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}"><title>{escape(title)}</title>'
    ]
    for tick in y_ticks:
        where = at_y[0] + at_y[1] * tick
        parts.append(f'<path class="grid" d="M{_LEFT} {where:.1f}H{WIDTH - _RIGHT}"/>')
        parts.append(f'<text x="{_LEFT - 8}" y="{where + 4:.1f}" text-anchor="end">{_number(tick)}</text>')
    for tick in x_ticks:
        where = at_x[0] + at_x[1] * tick
        parts.append(f'<text x="{where:.1f}" y="{HEIGHT - _BOTTOM + 18}" text-anchor="middle">{_number(tick)}</text>')
    parts.append(f'<text x="{WIDTH - _RIGHT}" y="{HEIGHT - 4}" text-anchor="end">{escape(x)}</text>')
    parts.append(f'<text x="4" y="{HEIGHT - 4}">{escape(y)} ↑</text>')
    for index, each in enumerate(series):
        placed = [(at_x[0] + at_x[1] * px, at_y[0] + at_y[1] * py) for px, py in each.points]
        if len(placed) > 1:
            path = "L".join(f"{px:.1f} {py:.1f}" for px, py in placed)
            parts.append(f'<path class="line s{index % 7}" d="M{path}"><title>{escape(each.name)}</title></path>')
        if dots or len(placed) == 1:
            parts += [f'<circle class="dot s{index % 7}" cx="{px:.1f}" cy="{py:.1f}" r="3"/>' for px, py in placed]
    parts.append("</svg>")
    return "".join(parts) + _legend(series)


def _legend(series: Sequence[Series]) -> str:
    keys = (f'<span><i class="key s{index % 7}"></i>{escape(each.name)}</span>' for index, each in enumerate(series))
    return f'<p class="legend">{" ".join(keys)}</p>'


def _ticks(low: float, high: float) -> list[float]:
    """Four to eight round numbers that span the range."""
    span = high - low if high > low else abs(high) or 1.0
    rough = span / 5
    power = 10 ** floor(log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * 0.999)
    first = floor(low / step + 1e-9)
    count = 1
    while (first + count) * step < high - 1e-9 * step:
        count += 1
    return [(first + index) * step for index in range(count + 1)]


def _scale(ticks: Sequence[float], begin: float, end: float) -> tuple[float, float]:
    """Offset and factor that put the first tick at ``begin`` and the last at ``end``."""
    factor = (end - begin) / (ticks[-1] - ticks[0])
    return begin - factor * ticks[0], factor


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
