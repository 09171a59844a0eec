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
    """A workspace with real flights, and a notebook."""
    root = tmp_path_factory.mktemp("lab") / "flights"
    create(root)
    with Session.open(root) as session:
        for file in sorted(SAMPLE.glob("*.parquet")):
            session.query(f"CREATE TABLE {file.stem} AS FROM read_parquet('{file}')")
        session.query("CREATE VIEW hot_hours AS SELECT * FROM weather WHERE temp > 90")
    (root / "analysis.ipynb").write_text(notebook("%load_ext pluto_duck"), encoding="utf-8")
    return root


@pytest.fixture(scope="module")
def lab_state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the server keeps what is set: `jupyter_config_dir/` is its folder of settings."""
    return tmp_path_factory.mktemp("state")


@pytest.fixture(scope="module")
def lab_address(lab_folder: Path, lab_state: Path) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as short, lab_server(lab_folder, lab_state, Path(short)) as address:
        yield address


@pytest.fixture(scope="module")
def opened(lab_address: str) -> Iterator[Lab]:
    """One page with one notebook and its kernel for all tests of a module: starting them is what takes long."""
    with chromium() as browser:
        page: Any = browser.new_page(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
        page.set_default_timeout(120_000)
        yield Lab(page, lab_address)
        page.evaluate("() => window.jupyterapp.serviceManager.sessions.shutdownAll()")


@pytest.fixture
def lab(opened: Lab) -> Iterator[Lab]:
    """With pluto_duck loaded, both panels in sight and no question asked. At the end the lines are looked at."""
    if not opened.asked:
        opened.open("analysis.ipynb")
    opened.command("pluto-duck:show-data")
    opened.command("pluto-duck:new-conversation")
    opened.page.locator("[data-pd-composer]:focus").wait_for()
    yield opened
    opened.check()


@pytest.fixture
def loaded(lab: Lab) -> Lab:
    loaded = lab.page.locator(".pd-status", has_text="flights, host")
    # While it is connecting it can't be told.
    loaded.or_(lab.page.locator("#pluto-duck-chat").get_by_text("is not loaded in this kernel")).wait_for()
    if not loaded.is_visible():
        lab.run_cell(0)
        loaded.wait_for()
    return lab
