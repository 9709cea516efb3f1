"""Schedules, waits and times as a person reads them; the year in words."""

from __future__ import annotations

import time
from datetime import date

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from aiconsole.domain.jobs import JobDay
from aiconsole.gui.jobs.words import countdown, dues, schedule_words
from aiconsole.gui.jobs.year import YearStrip
from aiconsole.gui.moments import moment
from aiconsole.gui.theme import Theme


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("every 5m", "every 5 min"),
        ("every 1h", "every hour"),
        ("Daily  12:40", "daily at 12:40"),
        ("weekly sun 02:30", "Sundays at 02:30"),
        ("monthly 1 02:30", "monthly on day 1 at 02:30"),
        ("5 * * * *", "hourly at :05"),
        ("5 4 * * *", "daily at 04:05"),
        ("*/7 4 * * mon-fri", "crontab */7 4 * * mon-fri"),
    ],
)
def test_schedules_are_said_as_a_person_would(text: str, words: str) -> None:
    assert schedule_words(text) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, "–"),
        (0.2, "now"),
        (42, "in 42 s"),
        (59.6, "in 1 min 00 s"),
        (252, "in 4 min 12 s"),
        (11_530, "in 3 h 12 min"),
        (190_000, "in 2 d 4 h"),
    ],
)
def test_waits_count_down(seconds: float | None, words: str) -> None:
    assert countdown(seconds) == words


def test_times_of_today_have_no_date() -> None:
    noon = time.mktime((2026, 3, 10, 12, 0, 0, 0, 0, -1))
    assert moment(noon, noon + 60) == "12:00:00"
    assert moment(noon, noon + 86_400) == "10 Mar 12:00"
    assert moment(noon, noon + 400 * 86_400) == "10 Mar 2026"
    assert dues((noon, noon + 86_400), noon - 60) == "12:00:00 · Wed 11 Mar 12:00:00"


def test_the_year_is_told_day_by_day_with_the_arrows(qtbot: QtBot, qapp: QApplication) -> None:
    theme = Theme(qapp, "dark")
    year = YearStrip(theme)
    qtbot.addWidget(year)
    said: list[str] = []
    year.pointed.connect(said.append)
    today = date(2026, 3, 10)
    year.show_days(
        "Health",
        [
            JobDay("health", "2026-03-03", 10, 2),
            JobDay("health", "2026-03-10", 1),
            JobDay("health", "2020-01-01", 0, 9),
        ],
        today,
    )
    assert "13 runs on 2 days, 2 failed on 1 of them." in year.accessibleName()
    year.show()
    year.setFocus()
    QTest.keyClick(year, Qt.Key.Key_Left)
    assert said[-1] == "Tuesday, 3 March 2026: 12 runs, 2 failed."
    QTest.keyClick(year, Qt.Key.Key_Down)
    assert said[-1] == "Wednesday, 4 March 2026: no run."
    QTest.keyClick(year, Qt.Key.Key_End)
    assert year.accessibleDescription() == "Tuesday, 10 March 2026: 1 run, none failed."
    assert not year.grab().isNull()
