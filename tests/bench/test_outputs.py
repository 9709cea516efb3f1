"""The five outputs, each read back by a reader that is not ours."""

from __future__ import annotations

import csv
import io
from functools import lru_cache
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest
from junitparser import Error, Failure, JUnitXml, Skipped

from aiconsole.bench.asserts import judged, read
from aiconsole.bench.certificate import Certificate
from aiconsole.bench.compare import compare
from aiconsole.bench.health import HealthCheck
from aiconsole.bench.outputs import FORMS, rendered, write
from aiconsole.bench.report import Report
from aiconsole.domain.errors import ConfigError
from aiconsole.secrets import Key
from tests.bench.samples import failed, many, report

EVIL = "<script>alert(1)</script> | `x` \x00\x1b & “é”"


@lru_cache
def whole() -> Report:
    samples = [*many(40), *(failed(50 + number, "rate limit", error=EVIL) for number in range(3))]
    made = report([*samples, *many(30, target="mistral/small", seed=2)])
    conditions = [read("ttft_p95 < 10 s"), read("error_rate < 1 %"), read("ttft_p50 not worse")]
    return msgspec.structs.replace(
        made,
        assertions=judged(conditions, made, None),
        comparison=compare(report(many(40, factor=0.5)), made),
        health=(
            HealthCheck("groq", "key", "pass", 80.0),
            HealthCheck("groq", "tools", "fail", 90.0, EVIL),
            HealthCheck("groq", "vision", "skipped", reason="The provider does not take images."),
        ),
    )


def test_junit_is_read_by_a_public_parser() -> None:
    xml = JUnitXml.fromstring(rendered(whole(), "junit").encode())
    cases = [(suite.name, case) for suite in xml for case in suite]
    results = {(suite, case.name): [type(result) for result in case.result] for suite, case in cases}
    assert results["groq/m", "error_rate < 1 %"] == [Failure]
    assert results["mistral/small", "error_rate < 1 %"] == []
    assert results["groq/m", "ttft_p50 not worse"] == [Skipped]
    assert results["groq", "tools"] == [Failure]
    assert results["groq", "vision"] == [Skipped]
    assert (xml.tests, xml.failures, xml.errors) == (len(cases), 2, 0)
    invalid = msgspec.structs.replace(whole(), certificate=Certificate("invalid", words="Too busy."))
    [suite] = [s for s in JUnitXml.fromstring(rendered(invalid, "junit").encode()) if s.name == "measurement"]
    assert [type(result) for case in suite for result in case.result] == [Error]


def test_json_is_a_report_again() -> None:
    made = whole()
    again = msgspec.json.decode(rendered(made, "json"), type=Report)
    assert again.targets == made.targets
    assert again.definitions["ttft"]


def test_csv_has_one_row_a_figure() -> None:
    rows = list(csv.DictReader(io.StringIO(rendered(whole(), "csv"))))
    [ttft] = [row for row in rows if row["target"] == "groq/m" and row["figure"] == "ttft_p95"]
    assert float(ttft["low"]) <= float(ttft["value"]) <= float(ttft["high"])
    assert ttft["unit"] == "ms"


def test_markdown_keeps_its_tables_whole() -> None:
    lines = rendered(whole(), "markdown").splitlines()
    at = lines.index("### Errors")
    head, rule, row = lines[at + 2 : at + 5]
    bare = row.replace("\\|", "")
    assert head.count("|") == rule.count("|") == bare.count("|")
    assert "<script>" not in "\n".join(lines)


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href", "xlink:href")]
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_html_needs_nothing_from_elsewhere_and_runs_no_script() -> None:
    text = rendered(whole(), "html")
    page = _Page()
    page.feed(text)
    assert not page.open
    assert page.tags.count("svg") >= 3
    assert not page.links
    assert "script" not in page.tags
    assert "url(" not in text


@pytest.mark.parametrize("form", list(FORMS))
def test_a_key_that_a_provider_echoed_is_in_no_output(form: str, tmp_path: Path) -> None:
    Key("sk-canary-of-the-bench-1")
    made = report([failed(0, error="Wrong key sk-canary-of-the-bench-1.")])
    write(made, form, tmp_path / "sub" / "out")  # type: ignore[arg-type]
    assert "canary-of-the-bench" not in (tmp_path / "sub" / "out").read_text(encoding="utf-8")
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(ConfigError, match="cannot be written"):
        write(made, form, tmp_path / "file" / "out")  # type: ignore[arg-type]
