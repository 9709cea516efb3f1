"""How one route picks: its strategy, what follows an answer that breaks off, and hedging."""

from __future__ import annotations

from typing import get_args

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QLabel, QPushButton, QWidget

from ...settings.declare import MidStream, RouteOptions, Strategy
from ..theme import SPACE_M, SPACE_S, set_role

_MID_STREAM: dict[MidStream, str] = {
    "continue": "Another goes on",
    "restart": "Another begins anew",
    "off": "Show the error",
}


class Options(QWidget):
    """``chosen(field, value)``: the person wants another value; None follows the common setting. ``more()``."""

    chosen = Signal(str, object)
    more = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.strategy = QComboBox()
        for strategy in get_args(Strategy):
            self.strategy.addItem(strategy.capitalize(), strategy)
        self.strategy.setToolTip("In which order its candidates are asked")
        self.mid_stream = QComboBox()
        self.mid_stream.addItem("", None)
        for mode, words in _MID_STREAM.items():
            self.mid_stream.addItem(words, mode)
        self.mid_stream.setToolTip("What follows an answer that breaks off after part of it was shown")
        self.hedge = QCheckBox("Hedge")
        self.hedge.setToolTip("Ask a second candidate when the first stays silent past its own p95; costs more")
        self.all = QPushButton("All options")
        self.all.setToolTip("Weights, share of hedged calls and budgets of this route, under Settings")
        set_role(self.all, "quiet")
        self.all.clicked.connect(self.more)
        self.strategy.activated.connect(lambda at: self.chosen.emit("strategy", self.strategy.itemData(at)))
        self.mid_stream.activated.connect(lambda at: self.chosen.emit("mid_stream", self.mid_stream.itemData(at)))
        self.hedge.clicked.connect(lambda on: self.chosen.emit("hedge", on))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(SPACE_S)
        for title, box in (("Strategy", self.strategy), ("When an answer breaks off", self.mid_stream)):
            label = QLabel(title)
            set_role(label, "caption")
            label.setBuddy(box)
            box.setAccessibleName(title)
            row.addWidget(label)
            row.addWidget(box)
            row.addSpacing(SPACE_M)
        row.addWidget(self.hedge)
        row.addStretch(1)
        row.addWidget(self.all)

    def show_options(self, options: RouteOptions, common: MidStream) -> None:
        """Show these; ``common`` is what an unset mode follows."""
        self.strategy.setCurrentIndex(self.strategy.findData(options.strategy))
        self.mid_stream.setItemText(0, f"As everywhere ({_MID_STREAM[common].lower()})")
        found = 0 if options.mid_stream is None else self.mid_stream.findData(options.mid_stream)
        self.mid_stream.setCurrentIndex(found)
        self.hedge.setChecked(options.hedge)
