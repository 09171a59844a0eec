"""Which workspace a request means, without a look that costs."""

from __future__ import annotations

from pathlib import Path

from pluto_duck.api.places import Places
from pluto_duck.workspace import Workspace, create


def test_a_place_is_at_hand_once_it_was_got_and_until_something_else_is_called_so(tmp_path: Path, workspace: Workspace) -> None:
    folder = tmp_path / "some" / "folder"
    folder.mkdir(parents=True)
    places = Places(folder, [workspace.root])
    try:
        assert places.at_hand() is None
        personal = places.get()
        assert places.at_hand() is personal
        assert places.at_hand(workspace.name) is None, "nobody asked for it yet"
        assert places.at_hand("nothing") is None
        assert places.get(workspace.name) is places.at_hand(workspace.name)
        create(folder)
        assert places.at_hand() is None, "another one is the default now"
        assert places.get().workspace.root == folder.resolve()
        assert places.at_hand() is places.get()
    finally:
        places.close()
