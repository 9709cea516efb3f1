"""Hidden signs are shown; links are taken apart and say what may deceive."""

from __future__ import annotations

import pytest

from aiconsole.gui.markdown.safe import allowed, target, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("access\u202e level\u202c", "access⟨U+202E⟩ level⟨U+202C⟩"),
        ("a\u2066b\u2069", "a⟨U+2066⟩b⟨U+2069⟩"),
        ("pay\u200bpal", "pay⟨U+200B⟩pal"),
        ("a\u200db", "a⟨U+200D⟩b"),
        ("\ufeffbom", "⟨U+FEFF⟩bom"),
        ("\U000e0041tag", "⟨U+E0041⟩tag"),
        ("x\U000e0100", "x⟨U+E0100⟩"),
        ("\u3164", "⟨U+3164⟩"),
        ("esc\x1b[31m", "esc⟨U+001B⟩[31m"),
        ("nul\x00", "nul⟨U+0000⟩"),
        ("\ufffc", "⟨U+FFFC⟩"),
    ],
)
def test_what_hides_is_shown(text: str, shown: str) -> None:
    assert visible(text) == shown


@pytest.mark.parametrize(
    "text", ["plain", "naïve", "שלום", "مرحبا", "👨‍👩‍👧", "می‌خواهم", "line\nline\ttab", "❤️", "日本語"]
)
def test_what_people_write_stays_as_it_is(text: str) -> None:
    assert visible(text) == text


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        " JaVaScRiPt:alert(1)",
        "java\nscript:alert(1)",
        "data:text/html,<script>",
        "file:///etc/passwd",
        "vbscript:x",
        "ftp://example.com/",
        "smb://server/share",
        "//example.com/x",
        "/relative",
        "relative.html",
        "#anchor",
        "",
        "http://",
        "https:///path",
        "http://a b.com/",
        "http://[::1",
        "http://x:99999999/",
        "ms-settings:x",
        "mailto:",
    ],
)
def test_what_is_not_web_or_mail_is_no_link(url: str) -> None:
    assert not allowed(url)


def test_a_plain_link_has_nothing_to_say() -> None:
    found = target("https://example.com/a?b=1#c", "example.com")

    assert found is not None
    assert (found.url, found.host, found.cautions) == ("https://example.com/a?b=1#c", "example.com", ())


def test_a_lookalike_is_shown_as_it_is_looked_up() -> None:
    found = target("https://аpple.com/login", "apple.com")

    assert found is not None
    assert found.host == "xn--pple-43d.com"
    assert found.url == "https://xn--pple-43d.com/login"
    said = " ".join(found.cautions)
    assert "Cyrillic and Latin" in said
    assert "apple.com, but the link leads to xn--pple-43d.com" in said


def test_punycode_is_read_out() -> None:
    found = target("https://xn--mnchen-3ya.de/", "")

    assert found is not None
    assert found.reading == "münchen.de"


@pytest.mark.parametrize(
    ("url", "text", "words"),
    [
        (
            "https://evil.example/",
            "https://github.com/x",
            "The text names github.com, but the link leads to evil.example",
        ),
        ("https://evil.example/", "github.com", "The text names github.com"),
        ("https://github.com@evil.example/", "click", "user name"),
        ("http://example.com/", "x", "not encrypted"),
        ("https://192.168.0.1/", "x", "bare address"),
        ("https://[2001:db8::1]/", "x", "bare address"),
        ("https://0x7f000001/", "x", "bare address"),
    ],
)
def test_what_may_deceive_is_said(url: str, text: str, words: str) -> None:
    found = target(url, text)

    assert found is not None
    assert words in " ".join(found.cautions)


def test_hidden_signs_in_an_address_are_written_out() -> None:
    found = target("https://example.com/a\u202egpj.exe b\u00a0c", "")

    assert found is not None
    assert found.url == "https://example.com/a%E2%80%AEgpj.exe%20b%C2%A0c"


def test_full_width_dots_and_letters_are_what_they_are_looked_up_as() -> None:
    found = target("https://ｅxample。com/", "")

    assert found is not None
    assert found.host == "example.com"


def test_mail_names_its_host() -> None:
    found = target("mailto:someone@example.com?subject=x", "")

    assert found is not None
    assert (found.scheme, found.url) == ("mailto", "mailto:someone@example.com?subject=x")
