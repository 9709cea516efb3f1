"""Step 5: how far the copying of what can be read in a damaged file that was set aside has come, a row a table.

``file`` is the name of that file, in the same folder; ``position`` is the key copied last as JSON, NULL before the first.
It is written in the transaction that writes the rows, so that a recovery which is cut off goes on where it was.
"""

from __future__ import annotations

STATEMENTS = (
    """
CREATE TABLE recoveries (
    file TEXT NOT NULL,
    name TEXT NOT NULL,
    position TEXT,
    copied INTEGER NOT NULL DEFAULT 0,
    refused INTEGER NOT NULL DEFAULT 0,
    gaps INTEGER NOT NULL DEFAULT 0,
    finished INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (file, name)
) WITHOUT ROWID""",
)
