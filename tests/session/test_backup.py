"""A backup is whole, of one moment, and keeps everything a database has."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pluto_duck.errors import Cancelled, PlutoError, Refused, UnknownName, UsageError, WorkspaceUnusable
from pluto_duck.session import Session
from pluto_duck.session.backup import back_up, backups, find_backup, verify, workspace_id
from pluto_duck.session.restore import restore_into
from pluto_duck.workspace import Workspace
from pluto_duck.workspace.manifest import NAME, read

EVERYTHING = """
CREATE SCHEMA "My schema";
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE SEQUENCE s START 10 INCREMENT 3;
CREATE TABLE a_child_before_its_parent_in_name (id INTEGER);
CREATE TABLE parent (id INTEGER PRIMARY KEY, name VARCHAR NOT NULL UNIQUE CHECK (length(name) > 0));
CREATE TABLE child (id INTEGER DEFAULT nextval('s'), pid INTEGER REFERENCES parent (id), m mood DEFAULT 'ok',
                    doubled INTEGER GENERATED ALWAYS AS (pid * 2) VIRTUAL);
CREATE TABLE tree (id INTEGER PRIMARY KEY, up INTEGER REFERENCES tree (id));
CREATE TABLE "My schema"."od""d" (p STRUCT(a INTEGER, b DECIMAL(30, 10)), "x y" INTEGER, n VARCHAR COLLATE nocase);
INSERT INTO parent VALUES (2, 'b'), (1, 'a');
INSERT INTO child (pid) VALUES (1), (2);
INSERT INTO tree VALUES (3, NULL);
INSERT INTO tree VALUES (1, 3);
INSERT INTO tree VALUES (2, 1);
INSERT INTO "My schema"."od""d" VALUES ({'a': 1, 'b': 2.5}, 3, 'A');
CREATE UNIQUE INDEX one_each ON child (pid);
CREATE VIEW v AS SELECT * FROM child JOIN parent ON parent.id = pid;
CREATE VIEW a_view_of_a_view AS SELECT * FROM v;
CREATE MACRO f(x) AS x + 1;
CREATE MACRO rows_of(n) AS TABLE SELECT range AS r FROM range(n);
CREATE MACRO max(x) AS 'mine';
CREATE VIEW uses_a_macro AS SELECT f(id) AS q FROM parent;
COMMENT ON TABLE parent IS 'the parents';
COMMENT ON COLUMN parent.name IS 'their name';
COMMENT ON VIEW v IS 'a view';
COMMENT ON INDEX one_each IS 'an index';
COMMENT ON TYPE mood IS 'a type';
COMMENT ON SEQUENCE s IS 'a sequence';
"""

_SHAPE = (
    "SELECT schema_name, table_name, comment, has_primary_key, column_count, index_count, check_constraint_count "
    "FROM duckdb_tables() WHERE NOT internal AND database_name = current_database() ORDER BY ALL",
    "SELECT schema_name, view_name, comment, sql FROM duckdb_views() WHERE NOT internal AND "
    "database_name = current_database() ORDER BY ALL",
    "SELECT schema_name, index_name, table_name, is_unique, comment, sql FROM duckdb_indexes() WHERE "
    "database_name = current_database() ORDER BY ALL",
    "SELECT schema_name, sequence_name, comment, increment_by FROM duckdb_sequences() WHERE "
    "database_name = current_database() ORDER BY ALL",
    "SELECT schema_name, type_name, comment, labels FROM duckdb_types() WHERE NOT internal AND "
    "database_name = current_database() ORDER BY ALL",
    "SELECT schema_name, function_name, parameters, macro_definition FROM duckdb_functions() WHERE NOT internal AND "
    "database_name = current_database() ORDER BY ALL",
    "SELECT schema_name, table_name, column_name, data_type, is_nullable, column_default, comment FROM "
    "duckdb_columns() WHERE NOT internal AND database_name = current_database() AND schema_name <> '_pluto' ORDER BY ALL",
    "SELECT schema_name, table_name, constraint_type, constraint_column_names, referenced_table FROM "
    "duckdb_constraints() WHERE database_name = current_database() ORDER BY ALL",
    "SELECT * FROM tree ORDER BY id", "SELECT * FROM a_view_of_a_view ORDER BY pid", "FROM uses_a_macro ORDER BY q",
    'FROM "My schema"."od""d" WHERE n = \'a\'', "SELECT f(1), max(1), (SELECT count(*) FROM rows_of(3))",
)


def _shape(session: Session) -> list[object]:
    return [session.query(sql).rows() for sql in _SHAPE]


def test_a_backup_keeps_everything_a_database_has(session: Session, tmp_path: Path) -> None:
    session.query(EVERYTHING)
    made = back_up(session)
    before, next_id = _shape(session), session.query("SELECT nextval('s')").scalar()
    restored = restore_into(made.path, tmp_path / "copy")
    with Session.open(restored.workspace.root) as copy:
        assert _shape(copy) == before
        assert copy.query("SELECT nextval('s')").scalar() == next_id
        for refused in ("INSERT INTO child (pid) VALUES (9)", "INSERT INTO child (pid) VALUES (1)",
                        "INSERT INTO parent VALUES (1, 'z')", "INSERT INTO parent VALUES (5, '')",
                        "INSERT INTO tree VALUES (8, 9)"):
            with pytest.raises(PlutoError):
                copy.query(refused)
        assert copy.versions()["main.parent"] == session.versions()["main.parent"]


def test_it_is_of_one_moment_while_others_write(session: Session) -> None:
    session.query("CREATE TABLE a (n INTEGER); CREATE TABLE z (n INTEGER); CREATE TABLE filler AS FROM range(500_000)")
    stop = threading.Event()

    def write() -> None:
        with Session.open(session.workspace.root) as other:
            while not stop.is_set():
                other.query("BEGIN; INSERT INTO a VALUES (1); INSERT INTO z VALUES (1); COMMIT")

    thread = threading.Thread(target=write)
    thread.start()
    try:
        made = [back_up(session) for _ in range(3)]
    finally:
        stop.set()
        thread.join()
    counts = [{one.name: one.rows for one in verify(each.path).tables} for each in made]
    assert all(each["a"] == each["z"] for each in counts)
    assert counts[-1]["a"] > counts[0]["a"]
    assert session.query("SELECT count(*) FROM a").scalar() >= counts[-1]["a"]


def test_a_guest_makes_one_and_uncommitted_rows_are_not_in_it(session: Session) -> None:
    session.query("CREATE TABLE t AS SELECT 1 AS n")
    done = subprocess.run([sys.executable, "-m", "pluto_duck.cli", "-w", str(session.workspace.root), "backup"],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("1 table, 1 row -> ")
    session.query("BEGIN; INSERT INTO t VALUES (2)")
    made = back_up(session)
    assert session.in_transaction
    session.query("COMMIT")
    assert {one.name: one.rows for one in made.manifest.tables if one.schema == "main"} == {"t": 1}
    assert len(backups(session.workspace)) == 2


def test_making_one_counts_as_no_write(session: Session) -> None:
    session.query("CREATE SEQUENCE s; CREATE TABLE t AS SELECT nextval('s') AS n")
    before = session.versions()
    back_up(session)
    session.query("INSERT INTO t VALUES (1)")
    assert {key: at for key, at in session.versions().items() if key != "main.t"} == {
        key: at for key, at in before.items() if key != "main.t"}


def test_its_files_are_private_and_its_manifest_tells_all(session: Session) -> None:
    (session.workspace.root / "ingest.toml").write_text("[sources]\n")
    session.query("CREATE TABLE t AS SELECT 1 AS n")
    made = back_up(session)
    assert sorted(os.listdir(made.path)) == ["control.sqlite", "ingest.toml", NAME, "pluto.toml", "workspace.duckdb"]
    assert made.path.stat().st_mode & 0o077 == 0
    assert all(one.stat().st_mode & 0o077 == 0 for one in made.path.iterdir())
    said = json.loads((made.path / NAME).read_text())
    assert (said["storage"], said["workspace"], said["seq"]) == ("v1.5.0", str(session.workspace.root), 1)
    assert [one["name"] for one in said["files"]] == ["control.sqlite", "ingest.toml", "pluto.toml", "workspace.duckdb"]
    with sqlite3.connect(made.path / "control.sqlite") as control:
        assert control.execute("SELECT id FROM workspace_identity").fetchone() == (workspace_id(session.control),)


def test_only_the_newest_are_kept_when_asked(session: Session) -> None:
    made = [back_up(session).path for _ in range(3)]
    last = back_up(session, keep=2)
    assert [one.path for one in backups(session.workspace)] == [last.path, made[-1]]
    with pytest.raises(UsageError):
        back_up(session, session.workspace.root / "elsewhere", keep=1)


def test_another_place_may_be_named_but_not_one_that_is_there(session: Session, tmp_path: Path) -> None:
    made = back_up(session, tmp_path / "deep" / "down")
    assert verify(made.path) == made.manifest
    with pytest.raises(Refused):
        back_up(session, made.path)
    with pytest.raises(Refused):
        back_up(session, session.workspace.folder / "runs" / "x")
    assert find_backup(session.workspace, str(made.path)) == made.path
    with pytest.raises(UnknownName):
        find_backup(session.workspace, "latest")


def test_a_cancelled_one_leaves_nothing(session: Session) -> None:
    session.query("CREATE TABLE t AS SELECT range AS n, 'text ' || range AS s FROM range(5_000_000)")
    folder = session.workspace.folder / "backups"
    stop = threading.Event()

    def cancel() -> None:
        while not stop.is_set():
            if list(folder.glob(".pluto-duck-partial-*/workspace.duckdb")):
                session.interrupt()
            stop.wait(0.005)

    thread = threading.Thread(target=cancel)
    thread.start()
    try:
        with pytest.raises(Cancelled):
            back_up(session)
    finally:
        stop.set()
        thread.join()
    assert list(folder.iterdir()) == []
    assert back_up(session).manifest.rows == 5_000_000


_KILLED = """
import os, signal, sys, threading, time
from pathlib import Path
from pluto_duck.session import Session
from pluto_duck.session.backup import back_up

with Session.open(sys.argv[1]) as session:
    def kill():
        while not list(Path(sys.argv[1], ".pluto-duck", "backups").glob(sys.argv[2])):
            time.sleep(0.001)
        os.kill(os.getpid(), signal.SIGKILL)
    threading.Thread(target=kill, daemon=True).start()
    while True:
        back_up(session)
"""


@pytest.mark.parametrize("at", ["*/workspace.duckdb", "*/control.sqlite", "*/manifest.json"])
def test_one_killed_on_the_way_leaves_no_half_of_one(workspace: Workspace, at: str) -> None:
    with Session.open(workspace.root) as session:
        session.query("CREATE TABLE t AS SELECT range AS n FROM range(300_000)")
    subprocess.run([sys.executable, "-c", _KILLED, str(workspace.root), f".pluto-duck-partial-{at}"], check=False,
                   timeout=60)
    left = backups(workspace)
    for one in left:
        assert verify(one.path).rows == 300_000
    with Session.open(workspace.root) as session:
        made = back_up(session)
    names = {one.path.name for one in [*left, made]}
    assert {one.name for one in (workspace.folder / "backups").iterdir()} == names


def _cut(folder: Path) -> None:
    path = folder / "workspace.duckdb"
    os.truncate(path, path.stat().st_size - 4096)


def _flip(folder: Path) -> None:
    path = folder / "workspace.duckdb"
    data = bytearray(path.read_bytes())
    data[-5000] ^= 1
    path.write_bytes(data)


def _rows(folder: Path) -> None:
    path = folder / NAME
    path.write_text(path.read_text().replace('"rows": 1', '"rows": 2'))


def _log(folder: Path) -> None:
    (folder / "workspace.duckdb.wal").write_bytes(b"x")


def _link(folder: Path) -> None:
    path = folder / "control.sqlite"
    path.rename(folder.parent / "elsewhere.sqlite")
    path.symlink_to(folder.parent / "elsewhere.sqlite")


def _gone(folder: Path) -> None:
    (folder / "pluto.toml").unlink()


def _escape(folder: Path) -> None:
    path = folder / NAME
    path.write_text(path.read_text().replace('"pluto.toml"', '"../pluto.toml"'))


def _no_manifest(folder: Path) -> None:
    (folder / NAME).unlink()


def _half_manifest(folder: Path) -> None:
    os.truncate(folder / NAME, 100)


def _linked_folder(folder: Path) -> None:
    moved = folder.with_name("moved")
    folder.rename(moved)
    folder.symlink_to(moved)


@pytest.mark.parametrize("harm", [_cut, _flip, _rows, _log, _link, _gone, _escape, _no_manifest, _half_manifest,
                                  _linked_folder])
def test_what_was_changed_afterwards_is_refused(session: Session, tmp_path: Path, harm) -> None:  # type: ignore[no-untyped-def]
    session.query("CREATE TABLE t AS SELECT 1 AS n")
    made = back_up(session, tmp_path / "saved")
    harm(made.path)
    with pytest.raises(WorkspaceUnusable):
        verify(made.path)
    with pytest.raises(WorkspaceUnusable):
        restore_into(made.path, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_a_database_that_does_not_hold_what_the_manifest_says_is_refused(session: Session, tmp_path: Path) -> None:
    from pluto_duck.workspace.manifest import _seal

    session.query("CREATE TABLE t AS SELECT 1 AS n")
    made = back_up(session, tmp_path / "saved")
    fields = json.loads((made.path / NAME).read_text())
    next(one for one in fields["tables"] if one["name"] == "t")["rows"] = 2
    fields["seal"] = _seal({key: value for key, value in fields.items() if key not in ("format", "seal")})
    (made.path / NAME).write_text(json.dumps(fields))
    assert read(made.path).rows == 2
    with pytest.raises(WorkspaceUnusable):
        verify(made.path)


@pytest.mark.root
def test_a_full_disk_leaves_nothing_and_the_workspace_goes_on(session: Session, tmp_path: Path) -> None:
    session.query("CREATE TABLE t AS SELECT range AS n, md5(range::VARCHAR) AS s FROM range(500_000)")
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(small)], check=True)
    try:
        with pytest.raises(PlutoError) as raised:
            back_up(session, small / "saved")
        assert raised.value.hint
        assert os.listdir(small) == []
    finally:
        subprocess.run(["umount", str(small)], check=True)
    assert session.query("SELECT count(*) FROM t").scalar() == 500_000
    session.query("INSERT INTO t VALUES (1, '')")
    shutil.rmtree(small)
