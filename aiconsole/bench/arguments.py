"""What ``aiconsole check``, ``bench`` and ``stress`` take; apart from their doing, so that no other command loads the bench."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from argparse import _SubParsersAction

SHAPES: Final = ("closed", "constant", "poisson", "ramp", "step", "spike", "soak", "sweep")
EPILOG: Final = (
    "Exit codes: 0 passed, 1 an assertion or check failed, 2 wrong usage, 3 invalid run (the generator was the limit), "
    "4 a provider or key could not serve, 130 interrupted."
)


def add_commands(commands: _SubParsersAction[argparse.ArgumentParser], shared: argparse.ArgumentParser) -> None:
    """Add the three commands; each sets ``kind``."""
    common, load = _common(), _load()
    check = commands.add_parser(
        "check", parents=[shared, common], epilog=EPILOG, help="key, models, chat, stream, vision, JSON schema, tools"
    )
    check.add_argument("names", nargs="*", metavar="provider", help="these providers only")
    check.add_argument("--quick", action="store_true", help="only whether key and service work; spends no tokens")
    check.set_defaults(kind="health")

    bench = commands.add_parser(
        "bench", parents=[shared, common, load], epilog=EPILOG, help="measure how fast providers answer"
    )
    bench.add_argument("--repeats", type=int, metavar="N", help="how often each prompt is asked (default 20)")
    bench.add_argument("--concurrency", type=int, metavar="N", help="requests in flight at each target (default 1)")
    bench.set_defaults(kind="bench")

    stress = commands.add_parser(
        "stress", parents=[shared, common, load], epilog=EPILOG, help="measure how much load providers take"
    )
    stress.add_argument("--shape", choices=SHAPES, help="how the load goes over time (default closed)")
    stress.add_argument(
        "--by", choices=("rate", "concurrency"), help="what a level is: requests/s or requests in flight"
    )
    stress.add_argument("--level", type=float, metavar="L", help="the level, or the first one")
    stress.add_argument("--to", type=float, metavar="L", help="the last or highest level")
    stress.add_argument("--steps", type=int, metavar="N", help="how many levels a step or sweep has")
    stress.add_argument("--seconds", type=float, metavar="S", help="how long, or how long each level")
    stress.add_argument("--objective-ttft", type=float, metavar="MS", help="a good request's TTFT is at most this")
    stress.add_argument(
        "--objective-latency", type=float, metavar="MS", help="a good request's latency is at most this"
    )
    stress.set_defaults(kind="stress")


def _common() -> argparse.ArgumentParser:
    """What all three take."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--provider",
        action="append",
        default=[],
        metavar="P",
        help="a provider, or provider/model; may be repeated; all usable ones by default",
    )
    common.add_argument("--suite", metavar="FILE", help="a TOML suite, or the name of one that comes with the console")
    common.add_argument("--junit", metavar="FILE", help="write JUnit XML")
    common.add_argument("--html", metavar="FILE", help="write a self-contained HTML report")
    common.add_argument("--markdown", metavar="FILE", help="write Markdown")
    common.add_argument("--csv", metavar="FILE", help="write CSV")
    common.add_argument(
        "--schema", action="store_true", help="print the JSON Schema of what --json prints, and run nothing"
    )
    common.add_argument(
        "--assert",
        dest="asserts",
        action="append",
        default=[],
        metavar="A",
        help="such as “ttft_p95 < 800 ms”, “error_rate < 1 %%”, “ttft_p95 not worse”; for check “chat < 5 s”; repeatable",
    )
    return common


def _load() -> argparse.ArgumentParser:
    """What the two that make load take."""
    load = argparse.ArgumentParser(add_help=False)
    load.add_argument(
        "--baseline", metavar="FILE", help="compare with this: a --json report, or a pinned baseline's name"
    )
    load.add_argument("--pin", metavar="NAME", help="keep this run as the baseline NAME, if it passes")
    load.add_argument("--prompt", metavar="TEXT", help="ask this instead of the suite's prompts")
    load.add_argument("--max-tokens", type=int, metavar="N", help="limit of output tokens of each answer")
    load.add_argument("--warmup", type=int, metavar="N", help="requests to each target that are not counted")
    load.add_argument("--no-stream", action="store_true", help="ask for whole answers")
    load.add_argument("--no-calibration", action="store_true", help="do not measure the generator first")
    load.add_argument("--max-usd", type=float, metavar="USD", help="stop at this cost (default 1)")
    load.add_argument("--max-errors", type=int, metavar="N", help="stop after so many failed requests (default 100)")
    load.add_argument("--max-seconds", type=float, metavar="S", help="stop after so long (default 600)")
    return load
