"""A report as others read it: JSON, CSV, JUnit XML, Markdown and HTML. Each is made as one text from a `Report` alone."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Final, Literal, cast

from aiconsole.bench.report import Report
from aiconsole.domain.errors import ConfigError
from aiconsole.secrets import REDACTOR

Form = Literal["json", "csv", "junit", "markdown", "html"]
FORMS: Final[dict[Form, str]] = {
    "json": "report_json",
    "csv": "report_csv",
    "junit": "report_junit",
    "markdown": "report_markdown",
    "html": "report_html",
}


def rendered(report: Report, form: Form) -> str:
    """The report in one of the forms; keys, should a provider have echoed one, are taken out."""
    module = import_module(f"aiconsole.bench.outputs.{FORMS[form]}")
    render = cast(Callable[[Report], str], module.render)
    return REDACTOR.redact(render(report))


def write(report: Report, form: Form, path: Path) -> None:
    """Write the report to a file.

    Raises:
        ConfigError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(rendered(report, form), encoding="utf-8", newline="\n")
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}.", advice="Give another path.") from None
