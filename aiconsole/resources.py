"""Where the files of ``resources/`` lie: beside the package in a checkout or a bundle, inside it when installed."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_PLACES = (_PACKAGE.parent / "resources", _PACKAGE / "_resources")


def resource(name: str) -> Path:
    """The path of ``resources/<name>``. Raises FileNotFoundError naming it where the installation is incomplete."""
    for place in _PLACES:
        if (place / "style.qss").is_file():
            return place / name
    raise FileNotFoundError(f"resources/{name} is missing: the installation is incomplete")
