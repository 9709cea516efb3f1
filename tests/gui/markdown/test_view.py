"""Rendering: what is shown for what was written, hostile text included, and reading, selecting and copying it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from PySide6.QtCore import QPoint, Qt, QUrl
from PySide6.QtGui import QGuiApplication, QTextDocument
from PySide6.QtNetwork import QNetworkAccessManager
from PySide6.QtWidgets import QApplication, QTextBrowser
from pytestqt.qtbot import QtBot

from aiconsole.gui.icons import Icons
from aiconsole.gui.markdown.blocks import split
from aiconsole.gui.markdown.highlight import Highlighter
from aiconsole.gui.markdown.render import Inert, Renderer
from aiconsole.gui.markdown.style import Style
from aiconsole.gui.markdown.view import MarkdownView
from aiconsole.gui.theme import Theme

WIDTH = 600


@pytest.fixture
def theme(qapp: QApplication) -> Iterator[Theme]:
    made = Theme(qapp, "dark")
    yield made
    made.deleteLater()


@pytest.fixture
def view(qtbot: QtBot, theme: Theme) -> MarkdownView:
    made = MarkdownView(theme, Icons(theme), Style(theme), Highlighter())
    qtbot.addWidget(made)
    return made


def show(view: MarkdownView, text: str) -> MarkdownView:
    view.set_text(text)
    return look(view)


def look(view: MarkdownView) -> MarkdownView:
    view.set_content_width(WIDTH)
    while view.realise(0, 100_000):
        pass
    view.resize(WIDTH, view.content_height)
    view.settle()
    view.show()
    return view


def shown(view: MarkdownView) -> str:
    view.select_all()
    return view.selected_text


def documents(text: str, theme: Theme) -> list[Inert]:
    renderer = Renderer(Style(theme))
    return [renderer.document(block) for block in split(text) if block.kind != "code"]


def formats(document: QTextDocument) -> list[tuple[str, Any]]:
    found = []
    block = document.begin()
    while block.isValid():
        at = block.begin()
        while not at.atEnd():
            found.append((at.fragment().text(), at.fragment().charFormat()))
            at += 1
        block = block.next()
    return found


# What is shown


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("plain *emphasis* **strong** `code` ~~gone~~", "plain emphasis strong code gone"),
        ("two\nlines", "two lines"),
        ("hard  \nbreak", "hard\nbreak"),
        ("# Title", "Title"),
        ("- a\n- b", "- a\n- b"),
        ("3. c\n4. d", "3. c\n4. d"),
        ("- [x] done\n- [ ] open", "[x] done\n[ ] open"),
        ("- a\n  - b", "- a\n  - b"),
        ("> quoted", "quoted"),
        ("| a | b |\n|---|---|\n| 1 | 2 |", "a\tb\n1\t2"),
        ("```py\nx = 1\n```", "x = 1"),
        ("&amp; &lt;b&gt; &copy;", "& <b> ©"),
        ("\\*not\\*", "*not*"),
    ],
)
def test_markdown_reads_as_it_is_meant(view: MarkdownView, source: str, text: str) -> None:
    assert shown(show(view, source)) == text


def test_emphasis_is_in_the_formats(theme: Theme) -> None:
    by_text = dict(formats(documents("a *b* **c** `d` ~~e~~", theme)[0]))

    assert by_text["b"].fontItalic()
    assert by_text["c"].fontWeight() > by_text["a "].fontWeight()
    assert by_text["d"].font().fixedPitch() or by_text["d"].background().style() != Qt.BrushStyle.NoBrush
    assert by_text["e"].fontStrikeOut()


def test_streaming_ends_in_what_the_whole_shows(view: MarkdownView, qtbot: QtBot, theme: Theme) -> None:
    text = "# T\n\n- a\n- b\n\n```py\nx\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\nend **bold** [l](https://x.org)"
    for at in range(0, len(text), 3):
        view.append(text[at : at + 3])
        look(view)
    view.finish()
    look(view)
    other = MarkdownView(theme, Icons(theme), Style(theme), Highlighter())
    qtbot.addWidget(other)

    assert shown(view) == shown(show(other, text))
    assert view.content_height == other.content_height
    assert view.text == text


def test_link_definitions_count_wherever_they_stand(view: MarkdownView) -> None:
    show(view, "See [the docs][1].\n\nMore.\n\n[1]: https://example.com/docs\n")

    assert shown(view).startswith("See the docs.")


def test_a_reading_of_200_kb_makes_only_what_is_in_view(view: MarkdownView) -> None:
    view.set_text("A paragraph of some words.\n\n" * 8000)
    view.set_content_width(WIDTH)
    view.realise(0, 800)

    made = [segment for segment in view._column.segments if segment.made]
    assert 0 < len(made) < 60


def test_code_gets_colours_once_its_fence_is_closed(view: MarkdownView, qtbot: QtBot) -> None:
    view.append("```python\ndef f():\n    return 1\n")
    look(view)
    segment = view._column.segments[0]
    assert segment._document is not None
    assert not segment._document.begin().layout().formats()

    view.append("```\n")
    look(view)

    qtbot.waitUntil(lambda: bool(segment._document.begin().layout().formats()), timeout=5000)


def test_an_unknown_language_stays_plain(view: MarkdownView, qtbot: QtBot) -> None:
    show(view, "```no-such-language\nx\n```")
    qtbot.wait(50)

    assert shown(view) == "x"


# Hostile text


HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=https://evil.example/x.png onerror=alert(1)>",
    "<iframe src='file:///etc/passwd'></iframe>",
    "<style>*{color:red}</style>",
    "<a href='javascript:alert(1)'>x</a>",
    "<!-- hidden -->",
    "<b>bold</b> and <u>under</u>",
    "<?php x ?>",
    "<![CDATA[x]]>",
    "<table><tr><td>x</td></tr></table>",
    "<div>\n\n*x*\n\n</div>",
]


@pytest.mark.parametrize("source", HOSTILE)
def test_no_html_passes(view: MarkdownView, theme: Theme, source: str) -> None:
    text = shown(show(view, source))

    assert "".join(text.split()).replace("*", "") == "".join(source.split()).replace("*", "")
    for document in documents(source, theme):
        assert not any(format_.isImageFormat() for _, format_ in formats(document))


@pytest.mark.parametrize(
    "source",
    [
        "![alt](https://evil.example/track.png)",
        "![alt](file:///etc/passwd)",
        "![alt](data:image/png;base64,AAAA)",
        "[![alt](https://evil.example/a.png)](https://evil.example/)",
        "![alt][r]\n\n[r]: https://evil.example/x.png",
        "| ![alt](https://evil.example/a.png) |\n|---|\n| ![alt](https://evil.example/b.png) |",
        "- ![alt](https://evil.example/a.png)",
        "# ![alt](https://evil.example/a.png)",
    ],
)
def test_an_image_is_never_loaded(
    view: MarkdownView, theme: Theme, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    asked: list[str] = []

    def refuse(*arguments: Any) -> Any:
        asked.append(str(arguments))
        raise AssertionError("something was loaded")

    monkeypatch.setattr(QNetworkAccessManager, "createRequest", refuse)
    show(view, source).grab()

    assert "alt" in shown(view)
    assert not asked
    for document in documents(source, theme):
        assert not any(format_.isImageFormat() for _, format_ in formats(document))


def test_a_document_gives_nothing_whatever_it_is_asked_for() -> None:
    document = Inert()

    for kind in QTextDocument.ResourceType:
        assert document.loadResource(kind.value, QUrl("file:///etc/passwd")) is None
        assert document.resource(kind.value, QUrl("https://evil.example/")) is None


@pytest.mark.parametrize(
    "source",
    [
        "[x](javascript:alert(1))",
        "[x](file:///etc/passwd)",
        "[x](data:text/html,y)",
        "<javascript:alert(1)>",
        "[x](/local)",
    ],
)
def test_a_link_elsewhere_than_to_web_or_mail_is_only_text(theme: Theme, source: str) -> None:
    (document,) = documents(source, theme)

    assert not any(format_.isAnchor() for _, format_ in formats(document))
    assert document.toPlainText() == source


def test_links_and_bare_addresses_are_anchors(theme: Theme) -> None:
    (document,) = documents("[x](https://a.example/) see https://b.example/y_(z), or <https://c.example>", theme)

    anchors = [(text, format_.anchorHref()) for text, format_ in formats(document) if format_.isAnchor()]
    assert anchors == [
        ("x", "https://a.example/"),
        ("https://b.example/y_(z)", "https://b.example/y_(z)"),
        ("https://c.example", "https://c.example"),
    ]


@pytest.mark.parametrize(
    "place", ["{}", "`{}`", "# {}", "- {}", "[{}](https://x.org)", "```\n{}\n```", "```{}\nx\n```"]
)
def test_signs_that_turn_the_text_are_shown_everywhere(view: MarkdownView, place: str) -> None:
    show(view, place.format("a\u202eb"))
    text = shown(view)
    segment = view._column.segments[0]

    assert "\u202e" not in text
    assert "⟨U+202E⟩" in text or "⟨U+202E⟩" in getattr(segment, "label", "")


def test_deep_nesting_does_no_harm(view: MarkdownView) -> None:
    show(view, "> " * 500 + "deep\n\n" + "".join("  " * depth + "- x\n" for depth in range(60)))
    view.grab()


def test_no_browser_is_used() -> None:
    assert not issubclass(MarkdownView, QTextBrowser)


# Reading


def test_a_click_on_a_link_asks_and_opens_nothing(view: MarkdownView, qtbot: QtBot) -> None:
    show(view, "[a link that is long enough](https://example.com/x)")

    with qtbot.waitSignal(view.link_wanted) as asked:
        qtbot.mouseClick(view, Qt.MouseButton.LeftButton, pos=QPoint(30, 10))

    assert asked.args[:2] == ["https://example.com/x", "a link that is long enough"]


def test_links_are_reached_by_keyboard(view: MarkdownView, qtbot: QtBot) -> None:
    show(view, "[one](https://one.example/) and [two](https://two.example/)")
    view.setFocus(Qt.FocusReason.TabFocusReason)
    assert view.focus_link(True)
    if view._link is not None and view._link[1].text == "one":
        assert view.focus_link(True)

    with qtbot.waitSignal(view.link_wanted) as asked:
        qtbot.keyClick(view, Qt.Key.Key_Return)

    assert asked.args[0] == "https://two.example/"


def test_a_selection_runs_across_blocks_and_is_copied(view: MarkdownView, qtbot: QtBot) -> None:
    show(view, "First words.\n\n- item\n\n```\ncode line\n```\n\nLast words.")
    height = view.content_height
    qtbot.mousePress(view, Qt.MouseButton.LeftButton, pos=QPoint(0, 5))
    qtbot.mouseMove(view, QPoint(WIDTH - 1, height - 3))
    view._end = view._place_at(QPoint(WIDTH - 1, height - 3).toPointF())
    qtbot.mouseRelease(view, Qt.MouseButton.LeftButton, pos=QPoint(WIDTH - 1, height - 3))
    view.copy()

    assert QGuiApplication.clipboard().text() == "First words.\n\n- item\n\ncode line\n\nLast words."


def test_double_click_takes_a_word(view: MarkdownView, qtbot: QtBot) -> None:
    show(view, "wonderful day")
    qtbot.mouseDClick(view, Qt.MouseButton.LeftButton, pos=QPoint(10, 10))

    assert view.selected_text == "wonderful"


def test_copying_code_gives_it_exactly(view: MarkdownView, qtbot: QtBot) -> None:
    show(view, "```py\nif x:\n\treturn '\u202e'\n\n```")
    button = next(child for child in view._copying._buttons if not child.isHidden())
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)

    assert QGuiApplication.clipboard().text() == "if x:\n\treturn '\u202e'\n"
    assert button.accessibleName() == "Copy the py code"


def test_what_is_found_is_selected(view: MarkdownView) -> None:
    show(view, "one two\n\nthree TWO")
    places = view.places_of("two")

    assert len(places) == 2
    view.show_found(places[1])
    assert view.selected_text == "TWO"


def test_another_theme_repaints_in_its_colours(view: MarkdownView, theme: Theme) -> None:
    show(view, "words")
    dark = view.grab().toImage()
    theme.set_mode("light")
    view.use_style(Style(theme))
    look(view)

    assert view.grab().toImage() != dark
