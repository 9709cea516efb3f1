"""What it costs the window's thread to show Markdown: a 200 kB answer that streams into the chat, and long conversations.

A refresh is all the window does for a frame: taking up what came, rendering it, scrolling and painting. The reader follows the
answer, so each one scrolls. The baseline of the same run is what qt-notes.md calls the plain way: ``setMarkdown`` of the whole
text, at 20 kB.
"""

from __future__ import annotations

import statistics
import time
from typing import Final

from PySide6.QtCore import QCoreApplication
from PySide6.QtGui import QTextDocument
from PySide6.QtWidgets import QApplication

from aiconsole.domain.chat import Started, TextDelta
from aiconsole.domain.conversations import Turn
from aiconsole.domain.messages import Message, TextPart
from aiconsole.gui.chat.transcript import TranscriptView
from aiconsole.gui.icons import Icons
from aiconsole.gui.theme import Theme
from tests.benchmarks.rows import Row

_SIZE: Final = 200_000
_A_REFRESH: Final = 120
"""Characters a refresh: at one each 40 ms this is 3,000 characters or some 750 tokens a second."""
_TURNS: Final = 500
_MOST_MS: Final = 4.0
_PIECE: Final = """## Step {n}

The **breaker** opens when `error_rate` is above the *threshold*, see [the docs](https://example.com/{n}). It stays open for
a while and then lets a few requests through, to see whether the provider has recovered from what ailed it.

1. It counts failures in a sliding window:
   - of time, or
   - of requests
2. It opens when too many of them fail.

```python
async def call(breaker: Breaker, request: Request) -> Response:
    async with breaker.permit(timeout=2.5) as permit:  # may raise Open
        return await send(request, permit)
```

| Provider | p50 | p95 | Price |
|:---------|----:|----:|:-----:|
| groq | 120 ms | 340 ms | $0.15 |
| cerebras | 80 ms | 210 ms | $0.25 |
| openrouter | 420 ms | 1,900 ms | $0.10 |

> Whatever happens, the answer is kept.

"""


def run() -> list[Row]:
    application = QApplication.instance() or QApplication([])
    assert isinstance(application, QApplication)
    theme = Theme(application, "dark")
    theme.apply()
    icons = Icons(theme)
    transcript = TranscriptView(theme, icons)
    transcript.resize(1000, 720)
    transcript.show()
    _settle()
    rows = [*_streaming(transcript), *_long(transcript)]
    transcript.close()
    return rows


def _streaming(transcript: TranscriptView) -> list[Row]:
    text = "".join(_PIECE.format(n=n) for n in range(_SIZE // 900))[:_SIZE]
    _stream(transcript, text[:20_000])  # fonts, lexers and imports
    times = _stream(transcript, text)
    ended = times[-len(times) // 10 :]
    started = time.perf_counter()
    document = QTextDocument()
    document.setMarkdown(text[:20_000])
    document.setTextWidth(800)
    document.size()
    plain = (time.perf_counter() - started) * 1000
    median, p95 = statistics.median(times), _p95(times)
    return [
        Row("setMarkdown of 20 kB as a whole, without painting", plain, "ms"),
        Row("200 kB streamed, a refresh, median", median, "ms", "at most 4", median <= _MOST_MS),
        Row("200 kB streamed, a refresh, p95", p95, "ms", "at most 4", p95 <= _MOST_MS),
        Row("the same over the last 20 kB, median", statistics.median(ended), "ms", "at most 4", None),
        Row("the same over the last 20 kB, p95", _p95(ended), "ms", "at most 4", _p95(ended) <= _MOST_MS),
        Row("a refresh beside setMarkdown of 20 kB", median / plain, "x"),
    ]


def _stream(transcript: TranscriptView, text: str) -> list[float]:
    """Stream ``text`` as an answer; the ms of each refresh."""
    transcript.show_turns([Turn("q", "c", None, Message.user("Explain it at length."), 1.7e9)])
    turn = Turn("a", "c", "q", Message("assistant", ()), 1.7e9, state="streaming")
    transcript.begin(turn)
    transcript.append(Started("groq", "openai/gpt-oss-120b"))
    _settle()
    times = []
    for at in range(0, len(text), _A_REFRESH):
        transcript.append(TextDelta(text[at : at + _A_REFRESH]))
        started = time.perf_counter()
        transcript.flush()
        QCoreApplication.processEvents()
        times.append((time.perf_counter() - started) * 1000)
    transcript.end(Turn("a", "c", "q", Message("assistant", (TextPart(text),)), 1.7e9))
    _settle()
    return times


def _long(transcript: TranscriptView) -> list[Row]:
    turns = []
    for number in range(_TURNS // 2):
        turns.append(Turn(f"q{number}", "c", None, Message.user(f"Question {number}?"), 1.7e9))
        turns.append(Turn(f"a{number}", "c", None, Message.assistant(_PIECE.format(n=number)), 1.7e9))
    opened = []
    for _ in range(5):
        transcript.show_turns([])
        _settle()
        started = time.perf_counter()
        transcript.show_turns(turns)
        QCoreApplication.processEvents()
        opened.append((time.perf_counter() - started) * 1000)
    bar = transcript.verticalScrollBar()
    times = []
    for _ in range(200):
        started = time.perf_counter()
        bar.setValue(bar.value() - 90)
        QCoreApplication.processEvents()
        times.append((time.perf_counter() - started) * 1000)
    median = statistics.median(opened)
    return [
        Row(f"a conversation of {_TURNS} turns opens", median, "ms", "at most 150", median <= 150),
        Row("scrolling it by 90 px, median", statistics.median(times), "ms"),
        Row("scrolling it by 90 px, p95", _p95(times), "ms", "at most 16", _p95(times) <= 16),
    ]


def _p95(times: list[float]) -> float:
    return sorted(times)[int(len(times) * 0.95)]


def _settle() -> None:
    until = time.perf_counter() + 0.2
    while time.perf_counter() < until:
        QCoreApplication.processEvents()
        time.sleep(0.005)
