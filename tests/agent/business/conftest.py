"""The databases are made once for all tests about them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.agent.business.__main__ import prepare


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("business")
    prepare(made)
    return made
