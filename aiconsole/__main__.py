"""``python -m aiconsole`` and the ``aiconsole`` command. ``--version`` answers before anything is imported."""

from __future__ import annotations

import os
import sys


def main(arguments: list[str] | None = None) -> int:
    """Run the command line with ``arguments`` (those of the process by default) and return the exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments in (["--version"], ["-V"]):
        from aiconsole import __version__

        sys.stdout.write(f"aiconsole {__version__}\n")
        return 0
    if arguments[:1] == ["--child"]:
        from aiconsole.bench.child import run_child

        code = run_child(arguments)
        if code is not None:
            return code
    from aiconsole.cli import run
    from aiconsole.streams import drop_output, prepare, reader_left

    prepare(os.environ)
    try:
        return run(arguments)
    except OSError as error:
        if not reader_left(error):
            raise
        drop_output()
        return 0


if __name__ == "__main__":
    sys.exit(main())
