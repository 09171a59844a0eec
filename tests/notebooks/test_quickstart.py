"""The notebooks that we ship run from an empty workspace and leave the reader's own alone."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import nbformat
import pytest

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda one: one.name)
def test_a_notebook_is_committed_without_outputs(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


def test_the_quickstart_tells_its_story(tmp_path: Path, short: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from nbclient import NotebookClient

    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("TMPDIR", str(short))
    monkeypatch.delenv("FLIGHTS_URL", raising=False)
    path = next(one for one in NOTEBOOKS if one.name == "01_quickstart.ipynb")
    notebook = nbformat.read(path, as_version=4)
    here = tmp_path / "here"
    here.mkdir()
    NotebookClient(notebook, timeout=240, resources={"metadata": {"path": str(here)}}).execute()

    def outputs(start: str) -> list[dict[str, Any]]:
        cell = next(one for one in notebook.cells if one.cell_type == "code" and one.source.startswith(start))
        return [one["data"] for one in cell.outputs if "data" in one]

    assert "flights" in outputs("%pluto tables")[0]["text/html"]
    assert "ExpressJet Airlines Inc." in outputs("%%pluto sql delays")[0]["text/plain"]
    asked = outputs("%%ask\nwhich 10 destinations")
    assert any("image/svg+xml" in one for one in asked)
    assert any("month = 7" in one["text/plain"] for one in asked)
    assert "frobnicators" in outputs("%ask how many frobnicators")[0]["text/plain"]
    assert "image/svg+xml" in outputs("from IPython.display")[0]
    assert os.listdir(here) == []
    assert list(short.glob("pluto-quickstart-*")) == []
    assert not (tmp_path / "home" / "pluto.toml").exists()
