"""``python main.py``: open the console's window."""

import sys

from aiconsole.app import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
