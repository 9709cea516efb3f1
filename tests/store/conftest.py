"""Databases to be harmed."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from tests.store import damage


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sound database that holds some of everything."""
    path = tmp_path_factory.mktemp("sound") / "aiconsole.db"
    asyncio.run(damage.write_all(path))
    return path


@pytest.fixture
def path(tmp_path: Path, template: Path) -> Path:
    """A copy of it."""
    shutil.copytree(template.parent, tmp_path, dirs_exist_ok=True)
    return tmp_path / template.name
