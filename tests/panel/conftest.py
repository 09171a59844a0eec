from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pluto_duck.session import Session
from pluto_duck.workspace import create
from tests.panel.browser import ROOT, Lab, chromium, lab_server, notebook

SAMPLE = ROOT / "pluto_duck" / "commands" / "sample"


@pytest.fixture(autouse=True)
def jp_asyncio_loop() -> None:
    """Playwright's loop runs in this thread through a whole module: pytest_jupyter must not close it."""


@pytest.fixture(autouse=True)
def jp_server_cleanup() -> None:
    """No server of pytest_jupyter's own is started here."""


@pytest.fixture(scope="module")
def lab_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with real flights, and notebooks."""
    root = tmp_path_factory.mktemp("lab") / "flights"
    create(root)
    with Session.open(root) as session:
        for file in sorted(SAMPLE.glob("*.parquet")):
            session.query(f"CREATE TABLE {file.stem} AS FROM read_parquet('{file}')")
        session.query("CREATE VIEW late_flights AS SELECT * FROM flights WHERE dep_delay > 60")
    (root / "analysis.ipynb").write_text(notebook("%load_ext pluto_duck"), encoding="utf-8")
    return root


@pytest.fixture(scope="module")
def lab_address(lab_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as short, \
            lab_server(lab_folder, tmp_path_factory.mktemp("state"), Path(short)) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as started:
        yield started


@pytest.fixture
def lab(browser: Any, lab_address: str) -> Iterator[Lab]:
    """A fresh page. At its end the lines are looked at, and the kernels end."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    page = context.new_page()
    page.set_default_timeout(60_000)
    opened = Lab(page, lab_address)
    yield opened
    opened.check()
    page.evaluate("() => window.jupyterapp.serviceManager.sessions.shutdownAll()")
    context.close()
