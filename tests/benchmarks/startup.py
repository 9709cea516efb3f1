"""Start to a window that answers the keyboard, beside a bare PySide6 window with one line edit.

Both run as processes of their own, without a screen, one after the other in turn; each reports the wall time from its start to
the first key press handled after the first paint, and its resident memory at that moment. The key is posted when the window
is first painted, as a person cannot press it earlier. Medians over the runs.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks.rows import Row

RUNS = 11
_ROOT = Path(__file__).resolve().parents[2]

_PROBE = """
import json, os, sys, time

def resident():
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    except OSError:
        import resource
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / (1e6 if sys.platform == "darwin" else 1e3)

def probe(window):
    from PySide6.QtCore import QCoreApplication, QEvent, QObject, Qt, QTimer
    from PySide6.QtGui import QKeyEvent
    from PySide6.QtWidgets import QApplication

    class Watch(QObject):
        posted = False
        def eventFilter(self, watched, event):
            if event.type() == QEvent.Type.Paint and not self.posted:
                self.posted = True
                target = QApplication.focusWidget() or window
                self.target = target
                for kind in (QEvent.Type.KeyPress, QEvent.Type.KeyRelease):
                    key = QKeyEvent(kind, Qt.Key.Key_A, Qt.KeyboardModifier.NoModifier, "a")
                    QCoreApplication.postEvent(target, key)
            elif event.type() == QEvent.Type.KeyRelease and watched is self.target:
                print(json.dumps([time.time(), resident()]), flush=True)
                QTimer.singleShot(0, window.close)
            return False

    application = QApplication.instance()
    application.watch = Watch()
    application.installEventFilter(application.watch)
"""

_BARE = (
    _PROBE
    + """
from PySide6.QtWidgets import QApplication, QLineEdit, QMainWindow
application = QApplication([])
window = QMainWindow()
window.setCentralWidget(QLineEdit())
window.centralWidget().setFocus()
probe(window)
window.show()
application.exec()
"""
)

_OURS = (
    _PROBE
    + """
from aiconsole.app import main
sys.exit(main(["--home", sys.argv[1]], shown=probe))
"""
)


def run() -> list[Row]:
    """Rows: the bare window, ours, and the two ratios."""
    with tempfile.TemporaryDirectory() as folder:
        environ = _environment(Path(folder))
        for source in (_BARE, _OURS):
            _start(source, folder, environ)
        pairs = [(_start(_BARE, folder, environ), _start(_OURS, folder, environ)) for _ in range(RUNS)]
    bare_ms, bare_mb = (statistics.median(bare[at] for bare, _ in pairs) for at in (0, 1))
    ours_ms, ours_mb = (statistics.median(ours[at] for _, ours in pairs) for at in (0, 1))
    slower, larger = ours_ms / bare_ms, ours_mb / bare_mb
    return [
        Row("bare PySide6 window: first key answered", bare_ms, "ms"),
        Row("bare PySide6 window: resident", bare_mb, "MB"),
        Row("console: first key answered", ours_ms, "ms"),
        Row("console: resident", ours_mb, "MB"),
        Row("console / bare: time", slower, "x", "at most 2.5", slower <= 2.5),
        Row("console / bare: resident", larger, "x", "at most 2", larger <= 2),
    ]


def _environment(folder: Path) -> dict[str, str]:
    """Compiled files are used by both, in a folder of their own, as they are outside of benchmarks."""
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environ["QT_QPA_PLATFORM"] = "offscreen"
    environ["PYTHONPYCACHEPREFIX"] = str(folder / "compiled")
    environ["PYTHONPATH"] = str(_ROOT)
    return environ


def _start(source: str, home: str, environ: dict[str, str]) -> tuple[float, float]:
    """Wall time to the first key in ms, and resident memory in MB."""
    started = time.time()
    done = subprocess.run(
        [sys.executable, "-c", source, home], env=environ, capture_output=True, text=True, timeout=60, check=True
    )
    at, megabytes = json.loads(done.stdout.splitlines()[-1])
    return (at - started) * 1000, megabytes
