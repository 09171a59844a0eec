"""Which workspaces a server serves."""

from __future__ import annotations

from pathlib import Path

import pytest

from pluto_duck.api import places
from pluto_duck.api.places import Places
from pluto_duck.workspace import create, find


def test_a_nearer_workspace_counts_from_the_next_request_on_and_folders_are_not_looked_through_at_each(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = []
    monkeypatch.setattr(places, "find", lambda where: looks.append(where) or find(where))
    inner = tmp_path / "outer" / "inner"
    inner.mkdir(parents=True)
    served = Places(inner, [])
    assert [*served.named()] == ["home"]  # the personal one
    create(tmp_path / "outer")
    assert [*served.named()] == ["outer"]
    create(inner)
    assert [[*served.named()] for _ in range(3)] == [["inner"]] * 3
    assert len(looks) == 3
    (inner / "pluto.toml").unlink()
    assert [*served.named()] == ["outer"]
    served.close()
