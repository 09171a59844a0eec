"""Going back loses nothing that was not given up by name, and a kill on the way leaves the old or the new."""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from pluto_duck.errors import DatabaseBusy, Refused, WorkspaceUnusable
from pluto_duck.session import Session
from pluto_duck.session.backup import Backup, back_up, backups, verify, workspace_id
from pluto_duck.session.restore import restore, restore_into
from pluto_duck.workspace import Workspace, create


@pytest.fixture
def saved(workspace: Workspace) -> Backup:
    with Session.open(workspace.root) as session:
        session.query("CREATE TABLE t AS SELECT 1 AS n; CREATE TABLE other AS SELECT 'x' AS s")
        return back_up(session)


def _restore(workspace: Workspace, backup: Path, **how: bool) -> Path | None:
    return restore(workspace, backup, open_session=lambda: Session.open(workspace.root), **how).before


def _rows(workspace: Workspace, table: str = "t") -> int:
    with Session.open(workspace.root) as session:
        return int(session.query(f"SELECT count(*) FROM {table}").scalar())


def _write(workspace: Workspace, sql: str) -> None:
    with Session.open(workspace.root) as session:
        session.query(sql)


def test_the_same_state_goes_back_without_a_word_and_again(workspace: Workspace, saved: Backup) -> None:
    for _ in range(3):
        before = _restore(workspace, saved.path)
        assert before is not None
        assert verify(before).rows == 2
    assert _rows(workspace) == 1


@pytest.mark.parametrize(("write", "named"), [
    ("INSERT INTO t VALUES (2)", ["t"]),
    ("CREATE TABLE fresh AS SELECT 1 AS n", ["fresh"]),
    ("DROP TABLE other", ["main.other (dropped, or a view)"]),
    ("CREATE MACRO f(x) AS x", ["views, macros or other definitions"]),
    ("CREATE SCHEMA s; CREATE TABLE s.u AS SELECT 1 AS n; UPDATE t SET n = 5", ["t", "s.u"]),
])
def test_newer_data_is_not_given_up_unless_told(workspace: Workspace, saved: Backup, write: str,
                                                named: list[str]) -> None:
    _write(workspace, write)
    with pytest.raises(Refused) as refused:
        _restore(workspace, saved.path)
    assert sorted(refused.value.facts["changed"]) == sorted(named)
    assert len(backups(workspace)) == 1
    before = _restore(workspace, saved.path, discard_newer=True)
    assert before is not None
    with Session.open(workspace.root) as session:
        assert [str(one.ref) for one in session.tables()] == ["other", "t"]
        assert session.query("FROM t").rows() == [(1,)]
    assert _rows(restore_into(before, workspace.root.parent / "before").workspace) >= 1


def test_what_was_there_before_can_be_brought_back(workspace: Workspace, saved: Backup) -> None:
    _write(workspace, "INSERT INTO t VALUES (2), (3)")
    before = _restore(workspace, saved.path, discard_newer=True)
    assert before is not None
    with pytest.raises(Refused, match="another backup was restored"):
        _restore(workspace, before)
    _restore(workspace, before, discard_newer=True)
    assert _rows(workspace) == 3


def test_a_native_write_counts_as_newer(workspace: Workspace, saved: Backup) -> None:
    import duckdb

    with duckdb.connect(str(workspace.database)) as outside:
        outside.execute("INSERT INTO t VALUES (9)")
    _write(workspace, "INSERT INTO other VALUES ('y')")
    with pytest.raises(Refused):
        _restore(workspace, saved.path)


def test_no_version_that_was_seen_comes_again(workspace: Workspace, saved: Backup) -> None:
    _write(workspace, "INSERT INTO t VALUES (2)")
    with Session.open(workspace.root) as session:
        seen = {one.ref.key: one.version for one in session.tables()}
    _restore(workspace, saved.path, discard_newer=True)
    with Session.open(workspace.root) as session:
        assert all(one.version > seen[one.ref.key] for one in session.tables())


def test_the_one_who_has_it_open_lends_it_and_goes_on(workspace: Workspace, saved: Backup) -> None:
    with Session.open(workspace.root) as host, Session.open(workspace.root) as other:
        host.query("INSERT INTO t VALUES (2)")
        done = subprocess.run([sys.executable, "-m", "pluto_duck.cli", "-w", str(workspace.root), "restore",
                               saved.path.name, "--yes", "--discard-newer"], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "What was here before: " in done.stdout
        assert [one.query("SELECT count(*) FROM t").scalar() for one in (host, other)] == [1, 1]
        assert host.hosting == "host"
        restore(workspace, saved.path, open_session=lambda: host)
        other.query("INSERT INTO t VALUES (3)")
    assert _rows(workspace) == 2


def test_who_is_busy_is_named_and_nothing_is_touched(workspace: Workspace, saved: Backup,
                                                     monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pluto_duck.workspace.node.HANDOVER_WAIT_S", 0.1)
    with Session.open(workspace.root, label="the notebook") as session:
        session.query("BEGIN; INSERT INTO t VALUES (2)")
        with pytest.raises(DatabaseBusy, match="the notebook"):
            restore(workspace, saved.path, open_session=lambda: session)
        session.query("COMMIT")
        assert session.query("SELECT count(*) FROM t").scalar() == 2


def test_a_backup_of_another_workspace_is_refused_in_place(workspace: Workspace, saved: Backup, tmp_path: Path) -> None:
    other = create(tmp_path / "other")
    _restore(other, saved.path)  # nothing is there yet that could be lost
    assert _rows(other) == 1
    third = create(tmp_path / "third")
    _write(third, "CREATE TABLE mine AS SELECT 1 AS n")
    with pytest.raises(Refused, match=r"another workspace .*: mine\."):
        _restore(third, saved.path)
    assert _rows(third, "mine") == 1


def test_a_copy_is_a_workspace_of_its_own(workspace: Workspace, saved: Backup, tmp_path: Path) -> None:
    copy = restore_into(saved.path, tmp_path / "copy").workspace
    with Session.open(copy.root) as session:
        for n in range(10):
            session.query(f"INSERT INTO t VALUES ({n})")
        later = back_up(session)
        assert workspace_id(session.control) != saved.manifest.workspace_id
    assert copy.folder.stat().st_mode & 0o077 == 0
    _write(workspace, "INSERT INTO t VALUES (2)")  # fewer commits than the copy has: no number tells them apart
    with pytest.raises(Refused, match="another workspace"):
        _restore(workspace, later.path)


def test_a_folder_with_something_in_it_is_left_alone(saved: Backup, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("dear")
    with pytest.raises(Refused):
        restore_into(saved.path, tmp_path / "full")
    (tmp_path / "empty").mkdir()
    restore_into(saved.path, tmp_path / "empty")
    assert os.listdir(tmp_path / "full") == ["letter.txt"]


def test_the_history_goes_on_unless_told(workspace: Workspace, saved: Backup) -> None:
    def keep(value: str) -> None:
        with sqlite3.connect(workspace.control) as control:
            control.execute("CREATE TABLE IF NOT EXISTS notes (text)")
            control.execute("INSERT INTO notes VALUES (?)", (value,))

    def notes() -> list[str]:
        with sqlite3.connect(workspace.control) as control:
            return [row[0] for row in control.execute("SELECT text FROM notes")]

    keep("before")
    with Session.open(workspace.root) as session:
        made = back_up(session)
    keep("after")
    _restore(workspace, made.path)
    assert notes() == ["before", "after"]
    with Session.open(workspace.root) as watching:
        assert workspace_id(watching.control) == made.manifest.workspace_id  # has it open meanwhile
        restore(workspace, made.path, open_session=lambda: watching, control=True)
        assert workspace_id(watching.control) == made.manifest.workspace_id
    assert notes() == ["before"]


def test_damaged_files_are_kept_and_replaced(workspace: Workspace, saved: Backup) -> None:
    (workspace.root / "policy.yaml").write_text("kept: true\n")
    damage = os.urandom(100_000)
    workspace.database.write_bytes(damage)
    workspace.control.write_bytes(damage)
    workspace.toml.write_text("[workspace]\n# mine\n")
    with pytest.raises(Refused, match="can't be looked at"):
        _restore(workspace, saved.path)
    before = _restore(workspace, saved.path, discard_newer=True)
    assert before is not None
    assert (before / "workspace.duckdb").read_bytes() == damage
    assert _rows(workspace) == 1
    assert "mine" in workspace.toml.read_text()
    with Session.open(workspace.root) as session:
        assert workspace_id(session.control) == saved.manifest.workspace_id


@pytest.mark.parametrize("name", ["policy.yaml", "semantics.yaml", "checks.yaml", "ingest.toml"])
def test_what_a_workspace_says_of_its_tables_comes_back_where_it_is_missing(
        workspace: Workspace, tmp_path: Path, name: str) -> None:
    file = workspace.root / name
    file.write_text("# ours\n")
    with Session.open(workspace.root) as session:
        made = back_up(session)
    file.write_text("# of today\n")
    _restore(workspace, made.path)
    assert file.read_text() == "# of today\n", "what is there is not overwritten"
    file.unlink()
    _restore(workspace, made.path)
    assert file.read_text() == "# ours\n"
    restore_into(made.path, tmp_path / "new")
    assert (tmp_path / "new" / name).read_text() == "# ours\n"


def test_a_database_that_is_gone_comes_back(workspace: Workspace, saved: Backup) -> None:
    workspace.database.unlink()
    assert _restore(workspace, saved.path) is None
    assert _rows(workspace) == 1


def test_a_bad_backup_is_refused_before_anything_is_touched(workspace: Workspace, saved: Backup) -> None:
    (saved.path / "workspace.duckdb").write_bytes(b"not it")
    state = workspace.database.stat()
    with pytest.raises(WorkspaceUnusable):
        _restore(workspace, saved.path, discard_newer=True)
    assert workspace.database.stat() == state
    assert [one.name for one in (workspace.folder / "backups").iterdir()] == [saved.path.name]


_KILLED_AT_LINE = """
import os, signal, sys
from pathlib import Path
from pluto_duck.session import Session
import pluto_duck.session.restore as module
from pluto_duck.workspace import Workspace

root, backup, at = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
watched = {module.__file__, module.manifests.__file__, sys.modules["pluto_duck.workspace.backup"].__file__,
           sys.modules["pluto_duck.session.backup"].__file__, sys.modules["pluto_duck.workspace.alone"].__file__}
count = 0

def trace(frame, event, argument):
    global count
    if frame.f_code.co_filename not in watched:
        return None
    if event == "line":
        count += 1
        if count == at:
            os.kill(os.getpid(), signal.SIGKILL)
    return trace

workspace = Workspace(root)
sys.settrace(trace)
module.restore(workspace, backup, open_session=lambda: Session.open(root), discard_newer=True)
sys.settrace(None)
print(count)
"""


def _killed(workspace: Workspace, backup: Path, at: int) -> int | None:
    """The lines it ran; None when it was killed."""
    done = subprocess.run([sys.executable, "-c", _KILLED_AT_LINE, str(workspace.root), str(backup), str(at)],
                          capture_output=True, text=True, check=False, timeout=60)
    if done.returncode == 0:
        return int(done.stdout)
    assert done.returncode == -9, done.stderr
    return None


def _kill_all_over(workspace: Workspace, saved: Backup, points: int) -> None:
    _write(workspace, "INSERT INTO t VALUES (2), (3)")
    lines = _killed(workspace, saved.path, 0)
    assert lines is not None
    newest = backups(workspace)[0].path
    _restore(workspace, newest, discard_newer=True)
    chance = random.Random(7)
    seen = set()
    # The rename comes late.
    late = {lines - 2, lines - 9, lines - 14, lines - 22}
    for at in sorted({int(lines * (k + chance.random()) / points) + 1 for k in range(points)} | late):
        _killed(workspace, saved.path, at)
        found = _rows(workspace)
        assert found in (1, 3), at
        assert _rows(workspace, "other") == 1
        seen.add(found)
        for one in backups(workspace):
            verify(one.path)
        if found == 1:
            _restore(workspace, newest, discard_newer=True)
    assert seen == {1, 3}
    with Session.open(workspace.root) as session:
        back_up(session, keep=1)
    assert len(list((workspace.folder / "backups").iterdir())) == 1, "nothing half-made stays"


def test_a_kill_on_the_way_leaves_the_old_or_the_new(workspace: Workspace, saved: Backup) -> None:
    _kill_all_over(workspace, saved, 5)


@pytest.mark.soak
def test_a_kill_at_any_line_leaves_the_old_or_the_new(workspace: Workspace, saved: Backup) -> None:
    _kill_all_over(workspace, saved, 400)

