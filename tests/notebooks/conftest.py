from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder for temporary files: those of pytest are longer than a socket's path may be."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)
