"""Finding and creating a workspace, and folders that are refused."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from pathlib import Path

import pytest

from pluto_duck.errors import WorkspaceNotFound, WorkspaceUnusable
from pluto_duck.workspace import ControlStore, Workspace, create, find, personal_root
from pluto_duck.workspace.folder import filesystem_type, refuse_network

MOUNTS = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
40 22 0:35 / /mnt/team rw,relatime shared:2 - nfs4 server:/export rw
41 22 0:36 / /mnt/my\\040share rw shared:3 - cifs //server/share rw
42 40 8:2 / /mnt/team/local rw shared:4 - xfs /dev/sdb1 rw
"""


def test_a_workspace_is_found_from_below(workspace: Workspace) -> None:
    below = workspace.root / "notebooks" / "deep"
    below.mkdir(parents=True)
    assert find(below) == workspace


def test_without_one_the_personal_workspace_serves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find().root == personal_root()


def test_a_named_folder_without_one_is_an_error_with_the_command_that_helps(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceNotFound) as caught:
        find(tmp_path / "nowhere")
    assert "pluto-duck init" in caught.value.hint


def test_creating_twice_changes_nothing(workspace: Workspace) -> None:
    workspace.toml.write_text('[workspace]\nhost = "server"\n')
    assert create(workspace.root) == workspace
    assert 'host = "server"' in workspace.toml.read_text()


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(WorkspaceUnusable, match="not a folder"):
        create(tmp_path / "file")


@pytest.mark.parametrize(("path", "kind"), [
    ("/home/me", "ext4"), ("/mnt/team/project", "nfs4"), ("/mnt/my share/x", "cifs"), ("/mnt/team/local/x", "xfs"),
    ("/mnt/teammate", "ext4")])
def test_the_file_system_of_a_path_is_told(path: str, kind: str) -> None:
    assert filesystem_type(Path(path), mounts=MOUNTS) == kind


def test_a_network_file_system_is_refused_with_the_way_out() -> None:
    with pytest.raises(WorkspaceUnusable, match="nfs4") as caught:
        refuse_network(Workspace(Path("/mnt/team/project")), mounts=MOUNTS)
    assert "ALLOW_NETWORK_FILESYSTEM" in caught.value.hint
    refuse_network(Workspace(Path("/mnt/team/local/x")), mounts=MOUNTS)


def test_each_room_runs_its_migrations_once_and_new_ones_later(tmp_path: Path) -> None:
    first = ("CREATE TABLE notes (id INTEGER)",)
    store = ControlStore(tmp_path / "control.sqlite")
    with store.connection("notes", first) as db:
        db.execute("INSERT INTO notes VALUES (1)")
    store.close()
    later = ControlStore(tmp_path / "control.sqlite")
    with later.connection("notes", (*first, "ALTER TABLE notes ADD COLUMN text TEXT")) as db:
        assert [tuple(row) for row in db.execute("SELECT id, text FROM notes")] == [(1, None)]
    later.close()


def test_a_block_that_raises_leaves_the_control_store_as_it_was(tmp_path: Path) -> None:
    store = ControlStore(tmp_path / "control.sqlite")
    tables = ("CREATE TABLE notes (id INTEGER)",)
    with pytest.raises(KeyError), store.connection("notes", tables) as db:  # noqa: PT012
        db.execute("INSERT INTO notes VALUES (1)")
        raise KeyError
    assert store.read("notes", tables).execute("SELECT count(*) FROM notes").fetchone()[0] == 0
    store.close()


def test_a_control_store_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "control.sqlite").write_text("not sqlite " * 200)
    with pytest.raises((WorkspaceUnusable, sqlite3.DatabaseError)):
        ControlStore(tmp_path / "control.sqlite").read("x", ())


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege on Windows")
@pytest.mark.parametrize("name", [
    "", "workspace.duckdb", "workspace.duckdb.wal", "control.sqlite", "control.sqlite-wal", "host.lock", "host.key",
    "host.json", "runs", "tmp", ".gitignore"])
def test_a_link_that_a_cloned_folder_brings_is_refused(tmp_path: Path, name: str) -> None:
    victim = tmp_path / "victim"
    victim.mkdir(mode=0o755)
    (victim / "poetry.lock").write_text("theirs")
    root = tmp_path / "cloned"
    (root / ".pluto-duck").mkdir(parents=True)
    link = root / ".pluto-duck" / name
    if not name:
        link.rmdir()
    link.symlink_to(victim)
    with pytest.raises(WorkspaceUnusable, match="symbolic link"):
        create(root)
    assert [one.name for one in victim.iterdir()] == ["poetry.lock"]
    assert victim.stat().st_mode & 0o777 == 0o755


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege on Windows")
def test_a_link_in_the_personal_folder_is_the_users_own(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    personal_root().mkdir(parents=True)
    (personal_root() / ".pluto-duck").symlink_to(tmp_path / "disk")
    assert create(personal_root()).runs.is_dir()


@pytest.mark.root
def test_a_folder_of_another_user_is_refused() -> None:
    with tempfile.TemporaryDirectory() as shared:  # not tmp_path: only root may enter that
        os.chmod(shared, 0o755)
        theirs = create(Path(shared) / "theirs")
        for path in (theirs.root, theirs.folder):
            os.chown(path, 65533, -1)
            path.chmod(0o777)
        os.setresuid(65534, 65534, 0)
        try:
            with pytest.raises(WorkspaceUnusable, match="belongs to"):
                create(theirs.root)
        finally:
            os.setresuid(0, 0, 0)
