"""The report as one HTML file that needs nothing else: tables, plots as inline SVG, dark and light, no script."""

from __future__ import annotations

import re
from html import escape
from typing import Final

from aiconsole.bench.health import CHECKS
from aiconsole.bench.outputs.plots import Series, chart, distribution
from aiconsole.bench.outputs.words import Table, facts, headline, tables, title
from aiconsole.bench.report import Report

_STYLE: Final = """
:root {
  color-scheme: light dark;
  --ink: #1b1f24; --soft: #5b6570; --line: #d7dce1; --ground: #fff; --raised: #f5f7f9; --good: #1a7f45; --bad: #c0362c;
  --s0: #1f6fd6; --s1: #d9622b; --s2: #178a5c; --s3: #8a4fd0; --s4: #b8860b; --s5: #c23a7b; --s6: #3a8fa3;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ink: #e6e9ec; --soft: #98a2ad; --line: #343b43; --ground: #16191d; --raised: #1f242a; --good: #4cc38a;
    --bad: #ff7b72; --s0: #6aa9ff; --s1: #ff9d6b; --s2: #54c795; --s3: #b990f5; --s4: #e0b54a; --s5: #f07db2; --s6: #6cc4d8;
  }
}
body { margin: 0 auto; max-width: 1240px; padding: 24px; background: var(--ground); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 24px; margin: 0; }
h2 { font-size: 18px; margin: 32px 0 8px; }
.headline { font-size: 18px; margin: 4px 0 16px; }
.good { color: var(--good); }
.bad { color: var(--bad); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 4px 16px; margin: 0; }
dt { color: var(--soft); }
dd { margin: 0; }
.certificate { border-left: 4px solid var(--line); background: var(--raised); padding: 8px 16px; margin: 0 0 16px;
  border-radius: 0 6px 6px 0; }
.certificate.valid { border-color: var(--good); }
.certificate.invalid { border-color: var(--bad); }
.certificate b { margin-right: 8px; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: 13px; }
th, td { padding: 5px 16px 5px 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); }
th { color: var(--soft); font-weight: 600; white-space: nowrap; }
.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.n small { display: block; color: var(--soft); }
td.good, td.bad, td.still { white-space: nowrap; }
.still { color: var(--soft); }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(560px, 100%), 1fr)); gap: 0 24px; }
.note, .legend { color: var(--soft); font-size: 13px; }
.legend span { margin-right: 16px; }
svg { width: 100%; max-width: 760px; height: auto; background: var(--raised); border-radius: 6px; }
svg text { fill: var(--soft); font-size: 11px; }
.grid { stroke: var(--line); stroke-width: 1; }
.line { fill: none; stroke-width: 2; }
.key { display: inline-block; width: 12px; height: 3px; margin: 0 6px 4px 0; }
"""
_COLOURS: Final = "".join(
    f".line.s{index}{{stroke:{colour}}}.dot.s{index}{{fill:{colour}}}.key.s{index}{{background:{colour}}}\n"
    for index, colour in enumerate(f"var(--s{number})" for number in range(7))
)


_INTERVAL: Final = re.compile(r"(\S+) \((\S+ to \S+)\)\Z")
_LOOKS: Final = {"✓": "good", "✗": "bad", "better": "good", "worse": "bad", "yes": "good", "no:": "bad", "–": "still"}


def render(report: Report) -> str:
    """A whole page."""
    good = report.passed and report.certificate.verdict != "invalid" and not any(t.trouble for t in report.targets)
    name = escape(title(report))
    body = [
        f"<h1>{name}</h1>",
        f'<p class="headline {"good" if good else "bad"}">{"✓" if good else "✗"} {escape(headline(report))}</p>',
        *_certificate(report),
        "<dl>",
        *(f"<dt>{escape(key)}</dt><dd>{escape(value)}</dd>" for key, value in facts(report) if key != "Certificate"),
        "</dl>",
        *_matrix(report),
        *(_table(table) for table in tables(report)),
        '<div class="plots">',
        *_plots(report),
        "</div>",
    ]
    if report.targets:
        meanings = "".join(f"<dt>{escape(key)}</dt><dd>{escape(text)}</dd>" for key, text in report.definitions.items())
        body.append(f"<h2>What the figures mean</h2><dl>{meanings}</dl>")
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{name}</title>'
    policy = "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
    style = f"<style>{_STYLE}{_COLOURS}</style>"
    content = "\n".join(body)
    return f'<!doctype html>\n<html lang="en"><head>{head}{policy}{style}</head>\n<body>\n{content}\n</body></html>\n'


def _certificate(report: Report) -> list[str]:
    """Whether the figures can be believed, of a run with load."""
    if report.plan.kind == "health":
        return []
    found = report.certificate
    return [f'<p class="certificate {found.verdict}"><b>{found.verdict.capitalize()}</b> {escape(found.words)}</p>']


def _matrix(report: Report) -> list[str]:
    """Health at a glance: a row a provider, a column a check."""
    if not report.health:
        return []
    found = {(check.provider, check.check): check for check in report.health}
    rows = []
    for provider in dict.fromkeys(check.provider for check in report.health):
        cells = [f"<td>{escape(provider)}</td>"]
        for name in CHECKS:
            check = found.get((provider, name))
            if check is None:
                cells.append("<td></td>")
                continue
            look = {"pass": ("good", "✓"), "fail": ("bad", "✗"), "skipped": ("still", "–")}[check.result]
            words = f"{check.ms:.0f} ms" if check.result == "pass" and check.ms is not None else check.result
            cells.append(f'<td class="{look[0]}" title="{escape(check.reason)}">{look[1]} {words}</td>')
        rows.append(f"<tr>{''.join(cells)}</tr>")
    head = "".join(f"<th>{name}</th>" for name in ("Provider", *CHECKS))
    body = "".join(rows)
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return [f'<h2>At a glance</h2><div class="wide">{table}</div>']


def _cell(text: str, tag: str, number: bool) -> str:
    """One cell: an interval goes under its figure, a verdict has its colour."""
    interval = _INTERVAL.match(text) if number and tag == "td" else None
    if interval is not None:
        return f'<td class="n">{escape(interval[1])}<small>{escape(interval[2])}</small></td>'
    if number:
        return f'<{tag} class="n">{escape(text)}</{tag}>'
    first = text.partition(" ")[0]
    look = _LOOKS.get(first) if tag == "td" else None
    return f'<{tag} class="{look}">{escape(text)}</{tag}>' if look else f"<{tag}>{escape(text)}</{tag}>"


def _table(table: Table) -> str:
    def row(cells: tuple[str, ...], tag: str) -> str:
        told = (_cell(cell, tag, index in table.numbers) for index, cell in enumerate(cells))
        return f"<tr>{''.join(told)}</tr>"

    rows = "".join(row(cells, "td") for cells in table.rows)
    note = f'<p class="note">{escape(table.note)}</p>' if table.note else ""
    head = row(table.head, "th")
    cells = f"<table><thead>{head}</thead><tbody>{rows}</tbody></table>"
    return f'<h2>{escape(table.title)}</h2><div class="wide">{cells}</div>{note}'


def _plots(report: Report) -> list[str]:
    """Distributions, TTFT over time, and what was achieved at each level, as far as there is something to see."""
    targets = report.targets
    latency = [distribution(target.target, target.values.get("latency", [])) for target in targets]
    ttft = [distribution(target.target, target.values.get("ttft", [])) for target in targets]
    over_time = [
        Series(target.target, [(slice_.at_s, slice_.ttft_p50_ms) for slice_ in target.over_time if slice_.ttft_p50_ms])
        for target in targets
    ]
    levels = [
        Series(target.target, sorted((stage.level, stage.goodput_per_s) for stage in target.stages))
        for target in targets
    ]
    found = (
        ("Time to first token", chart(ttft, title="Distribution of time to first token", x="ms", y="% of requests")),
        ("Latency", chart(latency, title="Distribution of latency from scheduled", x="ms", y="% of requests")),
        ("Over time", chart(over_time, title="Median time to first token over the run", x="s", y="ms", dots=True)),
        ("Goodput by level", chart(levels, title="Good requests/s at each level", x="level", y="good/s", dots=True)),
    )
    return [f"<div><h2>{escape(name)}</h2>{drawn}</div>" for name, drawn in found if drawn]
