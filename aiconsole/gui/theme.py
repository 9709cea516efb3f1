"""The look as values: tokens of both themes, provider colours, palette, style sheet and fonts, switched live.

No widget sets a colour, a font size or a margin of its own. It takes a role (``set_role``), which ``resources/style.qss``
gives its look, and spacing from the constants below; what paints itself reads ``Theme.tokens`` and repaints on
``Theme.changed``.

Roles of the style sheet (``set_role(widget, role)``; * also takes a state):

- QLabel: caption, head, title, strong, figure, mono, link, keys, pill*, and any label with a state: ok, warn, crit, idle
- QFrame: card, tile, popover, banner*, well, toolbar, side (a column at the left of a panel), line
- QPushButton: primary, danger, quiet, chip and choice (checkable), link; plain ones are secondary
- QToolButton: plain ones are quiet icon buttons; rail
- QLineEdit: search, mono, bare, palette, and crit as a state; QTextEdit and QPlainTextEdit: bare, code, and crit
- QAbstractItemView: bare (no frame), nav (a list to choose a page or a conversation from), plain (no frame, no ring)
- QProgressBar: its state
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from string import Template
from typing import Literal

import msgspec
from PySide6.QtCore import QDir, QObject, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontDatabase, QPalette
from PySide6.QtWidgets import QApplication, QWidget

from ..resources import resource

Mode = Literal["system", "dark", "light"]
State = Literal["ok", "warn", "crit", "idle"]

SPACE_XS, SPACE_S, SPACE_M, SPACE_L, SPACE_XL = 4, 8, 12, 16, 24
"""Margins and gaps in px; nothing else is used."""
RADIUS, CARD_RADIUS = 6, 10
TEXT_PX, CAPTION_PX, HEAD_PX, TITLE_PX, FIGURE_PX = 13, 12, 15, 20, 28


class Tokens(msgspec.Struct, frozen=True):
    """Colours of one theme as #RRGGBB. The lower block is mixed from the upper one, opaque."""

    name: Literal["dark", "light"]
    bg: str
    surface: str
    raised: str
    line: str
    text: str
    muted: str
    accent: str
    ok: str
    warn: str
    crit: str
    idle: str

    on_accent: str = "#FFFFFF"
    on_crit: str = "#FFFFFF"
    accent_hover: str = ""
    accent_soft: str = ""
    crit_hover: str = ""
    hover: str = ""
    pressed: str = ""
    edge: str = ""
    ok_soft: str = ""
    warn_soft: str = ""
    crit_soft: str = ""
    idle_soft: str = ""
    accent_text: str = ""
    ok_text: str = ""
    warn_text: str = ""
    crit_text: str = ""
    idle_text: str = ""


def mix(first: str, second: str, share: float) -> str:
    """``first`` with ``share`` (0 to 1) of ``second`` in it, in sRGB; both #RRGGBB."""
    parts = (
        round(int(first[at : at + 2], 16) * (1 - share) + int(second[at : at + 2], 16) * share) for at in (1, 3, 5)
    )
    return "#" + "".join(f"{part:02X}" for part in parts)


@cache
def luminance(color: str) -> float:
    """Relative luminance of #RRGGBB, 0 to 1 (WCAG 2.2, "relative luminance")."""
    channels = (int(color[at : at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(first: str, second: str) -> float:
    """Contrast ratio of two colours, 1 to 21 (WCAG 2.2, "contrast ratio")."""
    darker, lighter = sorted((luminance(first), luminance(second)))
    return (lighter + 0.05) / (darker + 0.05)


def readable(color: str, text: str, grounds: Sequence[str], ratio: float = 4.5) -> str:
    """``color`` with as little of ``text`` mixed in as it takes to have ``ratio`` on each of ``grounds``."""
    for step in range(0, 101, 4):
        candidate = mix(color, text, step / 100)
        if all(contrast(candidate, ground) >= ratio for ground in grounds):
            return candidate
    return text


def _complete(base: Tokens) -> Tokens:
    dark = base.name == "dark"
    soft = 0.18 if dark else 0.12
    state_soft = {f"{state}_soft": mix(base.surface, getattr(base, state), soft) for state in _STATES}
    accent_soft = mix(base.surface, base.accent, 0.19 if dark else 0.13)
    softs = {**state_soft, "accent_soft": accent_soft}
    grounds = [base.bg, base.surface, base.raised]
    texts = {
        f"{name}_text": readable(getattr(base, name), base.text, [*grounds, softs[f"{name}_soft"]])
        for name in (*_STATES, "accent")
    }
    return msgspec.structs.replace(
        base,
        on_accent="#0B1220" if dark else "#FFFFFF",
        on_crit="#0B1220" if dark else "#FFFFFF",
        accent_hover=mix(base.accent, "#FFFFFF" if dark else "#000000", 0.12),
        accent_soft=accent_soft,
        crit_hover=mix(base.crit, "#FFFFFF" if dark else "#000000", 0.12),
        hover=mix(base.surface, base.text, 0.05),
        pressed=mix(base.surface, base.text, 0.10),
        edge=mix(base.line, base.text, 0.10 if dark else 0.08),
        **state_soft,
        **texts,
    )


_STATES: tuple[State, ...] = ("ok", "warn", "crit", "idle")

DARK = _complete(
    Tokens(
        name="dark",
        bg="#14171C",
        surface="#1B1F26",
        raised="#242A33",
        line="#303743",
        text="#E6E9EE",
        muted="#98A2B3",
        accent="#5B9DFF",
        ok="#3FB978",
        warn="#E0A33A",
        crit="#EF5F5F",
        idle="#7C8798",
    )
)
LIGHT = _complete(
    Tokens(
        name="light",
        bg="#F6F7F9",
        surface="#FFFFFF",
        raised="#FFFFFF",
        line="#DDE1E7",
        text="#1A1D21",
        muted="#5B6472",
        accent="#1F6FEB",
        ok="#1C8A50",
        warn="#B26A00",
        crit="#C93030",
        idle="#69727F",
    )
)

PROVIDER_COLORS = {
    "groq": "#EE7733",
    "cohere": "#33BBEE",
    "mistral": "#CC3311",
    "gemini": "#4477CC",
    "cerebras": "#EE3377",
    "openrouter": "#009988",
    "anthropic": "#B8860B",
}
CUSTOM_COLORS = ("#2B5A4A", "#913081", "#3535E9", "#297A44", "#8B8BB1", "#385DA8")
"""Of custom providers in the order of the settings, then again from the start. Chosen one by one as the colour of an even
grid in hue, lightness and saturation that is farthest (CIEDE2000) from all before it, in the worst of full sight and three
kinds of colour blindness, on both themes."""
DARK_LIFT = 0.15
"""Share of white in a provider's colour on the dark theme."""


class Theme(QObject):
    """The application's look. ``apply`` it once; then ``set_mode`` and the system's own switch change it live.

    ``changed`` is emitted after palette and style sheet are in place, for what paints itself.
    """

    changed = Signal()

    def __init__(self, application: QApplication, mode: Mode = "system") -> None:
        super().__init__(application)
        self._application = application
        self._mode: Mode = mode
        self._custom: dict[str, str] = {}
        self._template: Template | None = None
        self.tokens = self._wanted()

    @property
    def mode(self) -> Mode:
        """What the person chose; ``tokens.name`` says which of the two themes that is now."""
        return self._mode

    def apply(self) -> None:
        """Give the application its style, fonts, palette and style sheet, and follow the system from now on."""
        application = self._application
        if application.style().name() != "fusion":
            application.setStyle("Fusion")
        QDir.setSearchPaths("glyphs", [str(resource("glyphs"))])
        application.setFont(font())
        self._tell_system()
        application.styleHints().colorSchemeChanged.connect(self._follow)
        self._dress()

    def set_mode(self, mode: Mode) -> None:
        """Follow the system, or be dark or light whatever it says."""
        self._mode = mode
        self._tell_system()
        self._follow()

    def name_custom(self, names: Sequence[str]) -> None:
        """Say which custom providers there are, in the order of the settings, so that each keeps its colour."""
        self._custom = {name: CUSTOM_COLORS[at % len(CUSTOM_COLORS)] for at, name in enumerate(names)}
        self.changed.emit()

    def color(self, token: str) -> QColor:
        """The colour of a token, such as ``muted`` or ``ok_soft``. Raises AttributeError for an unknown one."""
        return QColor(getattr(self.tokens, token))

    def provider_color(self, name: str) -> QColor:
        """The one colour of a provider in every graph, chip and table of this theme."""
        color = PROVIDER_COLORS.get(name) or self._custom.get(name) or self.tokens.idle
        return QColor(mix(color, "#FFFFFF", DARK_LIFT) if self.tokens.name == "dark" else color)

    def _tell_system(self) -> None:
        """Have the window's own frame, which the system draws, in the same scheme."""
        schemes = {"dark": Qt.ColorScheme.Dark, "light": Qt.ColorScheme.Light, "system": Qt.ColorScheme.Unknown}
        self._application.styleHints().setColorScheme(schemes[self._mode])

    def _wanted(self) -> Tokens:
        if self._mode == "system":
            scheme = self._application.styleHints().colorScheme()
            return DARK if scheme == Qt.ColorScheme.Dark else LIGHT
        return DARK if self._mode == "dark" else LIGHT

    def _follow(self, *_: object) -> None:
        wanted = self._wanted()
        if wanted is not self.tokens:
            self.tokens = wanted
            self._dress()
            self.changed.emit()

    def _dress(self) -> None:
        if self._template is None:
            self._template = Template(resource("style.qss").read_text(encoding="utf-8"))
        self._application.setPalette(palette(self.tokens))
        self._application.setStyleSheet(style_sheet(self._template, self.tokens))


def style_sheet(template: Template, tokens: Tokens) -> str:
    """The style sheet of one theme. Raises KeyError for a placeholder that is no token."""
    values = msgspec.structs.asdict(tokens)
    mono = fixed_font().family().replace('"', "")
    return template.substitute(
        values,
        mono=mono,
        text_px=TEXT_PX,
        caption_px=CAPTION_PX,
        head_px=HEAD_PX,
        title_px=TITLE_PX,
        figure_px=FIGURE_PX,
    )


def palette(tokens: Tokens) -> QPalette:
    """The tokens as Qt's palette, for Fusion and for what no style sheet reaches."""
    role, group = QPalette.ColorRole, QPalette.ColorGroup
    made = QPalette(QColor(tokens.raised), QColor(tokens.bg))
    colors = {
        role.Window: tokens.bg,
        role.WindowText: tokens.text,
        role.Base: tokens.surface,
        role.AlternateBase: mix(tokens.surface, tokens.bg, 0.5),
        role.Text: tokens.text,
        role.Button: tokens.surface,
        role.ButtonText: tokens.text,
        role.BrightText: tokens.crit_text,
        role.Highlight: tokens.accent,
        role.HighlightedText: tokens.on_accent,
        role.Link: tokens.accent_text,
        role.LinkVisited: tokens.accent_text,
        role.ToolTipBase: tokens.raised,
        role.ToolTipText: tokens.text,
        role.PlaceholderText: tokens.muted,
        role.Accent: tokens.accent,
        role.Light: tokens.raised,
        role.Midlight: tokens.hover,
        role.Mid: tokens.line,
        role.Dark: tokens.edge,
        role.Shadow: mix(tokens.bg, "#000000", 0.5),
    }
    for at, color in colors.items():
        made.setColor(at, QColor(color))
    for at in (role.WindowText, role.Text, role.ButtonText):
        made.setColor(group.Disabled, at, QColor(tokens.idle))
    made.setColor(group.Disabled, role.Highlight, QColor(tokens.line))
    return made


def font(pixels: int = TEXT_PX, *, bold: bool = False) -> QFont:
    """The system's UI font at ``pixels`` with tabular digits; ``bold`` is semibold."""
    made = QFontDatabase.systemFont(QFontDatabase.SystemFont.GeneralFont)
    made.setPixelSize(pixels)
    made.setFeature(QFont.Tag("tnum"), 1)
    if bold:
        made.setWeight(QFont.Weight.DemiBold)
    return made


def fixed_font(pixels: int = TEXT_PX) -> QFont:
    """The system's fixed font, for code and ids."""
    made = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
    made.setPixelSize(pixels)
    return made


def set_role(widget: QWidget, role: str | None = None, state: State | None = None) -> None:
    """Give ``widget`` a role and a state of the style sheet, now or again later; None leaves it without."""
    before = (widget.property("role"), widget.property("state"))
    if before == (role, state):
        return
    widget.setProperty("role", role)
    widget.setProperty("state", state)
    if widget.testAttribute(Qt.WidgetAttribute.WA_WState_Polished):
        style = widget.style()
        style.unpolish(widget)
        style.polish(widget)
        widget.update()
