"""The report as JUnit XML, as Jenkins, GitLab and most others read it: a suite a target, a case an assertion or a health check.

There is no standard; elements and attributes used are those of the Jenkins xUnit plugin's schema (junit-10.xsd), which the
others read too. A run that is invalid has an error in its first suite; what was stopped early says so in ``system-out``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final
from xml.etree import ElementTree as Xml

from aiconsole.bench.health import HealthCheck
from aiconsole.bench.report import Assertion, Report

_FORBIDDEN: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render(report: Report) -> str:
    """One ``testsuites`` element."""
    root = Xml.Element("testsuites", name=report.plan.name or f"aiconsole {report.plan.kind}")
    if report.plan.kind != "health":
        _suite(root, report, "measurement", [_validity(report)])
    for target in report.targets:
        cases = [_assertion(found) for found in report.assertions if found.target == target.target]
        cases.insert(0, _answered(target.target, target.trouble, target.seconds))
        _suite(root, report, target.target, cases)
    providers = dict.fromkeys(check.provider for check in report.health)
    for provider in providers:
        cases = [_check(found) for found in report.health if found.provider == provider]
        cases += [_assertion(found) for found in report.assertions if found.target == provider]
        _suite(root, report, provider, cases)
    known = {*providers, *(target.target for target in report.targets)}
    lost = [_assertion(found) for found in report.assertions if found.target not in known]
    if lost:
        _suite(root, report, "assertions", lost)
    for attribute in ("tests", "failures", "errors"):
        root.set(attribute, str(sum(int(suite.get(attribute, "0")) for suite in root)))
    Xml.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + Xml.tostring(root, encoding="unicode") + "\n"


def _suite(root: Xml.Element, report: Report, name: str, cases: Sequence[Xml.Element]) -> None:
    suite = Xml.SubElement(root, "testsuite", name=_text(name))
    suite.set("timestamp", datetime.fromtimestamp(report.started_at, UTC).strftime("%Y-%m-%dT%H:%M:%S"))
    suite.set("tests", str(len(cases)))
    for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(attribute, str(sum(case.find(tag) is not None for case in cases)))
    suite.set("time", f"{sum(float(case.get('time', '0')) for case in cases):.3f}")
    suite.extend(cases)
    if report.stopped:
        Xml.SubElement(suite, "system-out").text = _text(report.stopped)


def _case(name: str, classname: str, seconds: float = 0.0) -> Xml.Element:
    return Xml.Element("testcase", name=_text(name), classname=_text(classname), time=f"{seconds:.3f}")


def _add(case: Xml.Element, tag: str, message: str, kind: str) -> None:
    found = Xml.SubElement(case, tag, message=_text(message))
    if tag != "skipped":
        found.set("type", kind)
        found.text = _text(message)


def _validity(report: Report) -> Xml.Element:
    case = _case("the generator was not the limit", "measurement", report.seconds)
    if report.certificate.verdict == "invalid":
        _add(case, "error", report.certificate.words, "invalid run")
    return case


def _answered(target: str, trouble: str, seconds: float) -> Xml.Element:
    case = _case("answers", target, seconds)
    if trouble:
        _add(case, "error", trouble, "provider trouble")
    return case


def _assertion(found: Assertion) -> Xml.Element:
    case = _case(found.text, found.target or "assertions")
    if found.passed is None:
        _add(case, "skipped", found.words, "not judged")
    elif not found.passed:
        _add(case, "failure", found.words, "assertion")
    return case


def _check(found: HealthCheck) -> Xml.Element:
    case = _case(found.check, found.provider, (found.ms or 0.0) / 1000)
    if found.result == "skipped":
        _add(case, "skipped", found.reason, "skipped")
    elif found.result == "fail":
        _add(case, "failure", found.reason, found.error_kind or "check")
    return case


def _text(words: str) -> str:
    """Without the characters that XML 1.0 forbids (section 2.2)."""
    return _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", words)
