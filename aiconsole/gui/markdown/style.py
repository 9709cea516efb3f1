"""The look of rendered Markdown: fonts and formats made from the theme's tokens, made anew when the theme changes."""

from __future__ import annotations

from PySide6.QtGui import QColor, QFont, QTextBlockFormat, QTextCharFormat, QTextFormat, QTextOption

from ..theme import CAPTION_PX, HEAD_PX, SPACE_S, SPACE_XS, TEXT_PX, TITLE_PX, Theme, fixed_font, font

LINE_HEIGHT = 140
"""Per cent of the font's own height."""
CODE_LINE_HEIGHT = 130
INDENT_PX = 24
HEADING_PX = (TITLE_PX, HEAD_PX + 2, HEAD_PX, TEXT_PX, TEXT_PX, TEXT_PX)
QUOTE_LEVEL = QTextFormat.Property.BlockQuoteLevel


class Style:
    """Formats of one theme. ``char`` gives those of runs of text, ``block`` those of paragraphs."""

    def __init__(self, theme: Theme) -> None:
        self.theme = theme
        self.font = font()
        self.code_font = fixed_font(CAPTION_PX + 1)
        self.caption_font = font(CAPTION_PX)
        self._chars: dict[tuple[object, ...], QTextCharFormat] = {}
        self.listing = QTextCharFormat(self.char(code=True))
        self.listing.clearBackground()
        self.wrap = QTextOption()
        self.wrap.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)

    def color(self, token: str) -> QColor:
        return self.theme.color(token)

    def char(
        self,
        *,
        strong: bool = False,
        emphasis: bool = False,
        strike: bool = False,
        code: bool = False,
        link: str = "",
        heading: int = 0,
        muted: bool = False,
    ) -> QTextCharFormat:
        """The format of a run; ``heading`` 1 to 6."""
        key = (strong, emphasis, strike, code, heading, muted)
        made = self._chars.get(key)
        if made is None:
            made = self._chars[key] = self._make_char(*key)
        if link:
            made = QTextCharFormat(made)
            made.setAnchor(True)
            made.setAnchorHref(link)
            made.setForeground(self.color("accent_text"))
            made.setFontUnderline(True)
        return made

    def _make_char(
        self, strong: bool, emphasis: bool, strike: bool, code: bool, heading: int, muted: bool
    ) -> QTextCharFormat:
        made = QTextCharFormat()
        used = QFont(self.code_font if code else self.font)
        if heading:
            used.setPixelSize(HEADING_PX[heading - 1] - (1 if code else 0))
        if strong or heading:
            used.setWeight(QFont.Weight.DemiBold)
        used.setItalic(emphasis)
        used.setStrikeOut(strike)
        made.setFont(used)
        made.setForeground(self.color("muted" if muted or heading == 6 else "text"))
        if code:
            made.setBackground(self.color("pressed"))
        return made

    def block(
        self, *, first: bool, tight: bool = False, level: int = 0, quote: int = 0, heading: int = 0
    ) -> QTextBlockFormat:
        """The format of a paragraph; ``level`` is its depth in lists, ``quote`` in quotes."""
        made = QTextBlockFormat()
        made.setLineHeight(LINE_HEIGHT, QTextBlockFormat.LineHeightTypes.ProportionalHeight.value)
        made.setIndent(level)
        made.setLeftMargin(quote * (INDENT_PX * 2 // 3))
        if quote:
            made.setProperty(QUOTE_LEVEL, quote)
        if not first:
            made.setTopMargin(SPACE_XS if tight else SPACE_S)
        if heading and not first:
            made.setTopMargin(SPACE_S + SPACE_XS)
        return made

    def code_block(self, *, first: bool, level: int = 0, quote: int = 0) -> QTextBlockFormat:
        made = self.block(first=first, tight=True, level=level, quote=quote)
        made.setLineHeight(CODE_LINE_HEIGHT, QTextBlockFormat.LineHeightTypes.ProportionalHeight.value)
        made.setBackground(self.color("bg"))
        return made
