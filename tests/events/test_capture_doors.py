"""Changes from every door: guests, parameters, files, loads, rows without SQL, several at once; and odd tables."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
import threading
from pathlib import Path

import pyarrow
import pytest

from pluto_duck.errors import PlutoError
from pluto_duck.events.model import Position
from pluto_duck.ingest.load import ingest
from pluto_duck.session import Session, WriteColumn
from pluto_duck.session.rows.model import Delete, Insert, Keyed, Put, Update
from pluto_duck.workspace import TableRef, Workspace
from tests.events.replay import counts, journal, replayed, table

T = TableRef("t")


def _same(session: Session, ref: TableRef = T) -> list[str]:
    found = replayed(session, ref)
    assert found.resyncs == []
    assert found.rows == table(session, ref)
    counts(session)
    return found.ops


@pytest.mark.parametrize("keyed", [True, False], ids=["keyed", "whole-rows"])
def test_odd_names_and_every_type(session: Session, keyed: bool) -> None:
    ref = TableRef('Sel"ect', "Odd schema")
    session.query(f"""CREATE SCHEMA "Odd schema"; CREATE TYPE mood AS ENUM ('ok', 'bad'); CREATE TABLE {ref.sql} (
        "before" INTEGER, "rowid" VARCHAR, "n" BLOB, "after" DECIMAL(38,10), "t" TIMESTAMPTZ, "o" INTERVAL,
        "Üx""y" STRUCT(a INTEGER, "b c" VARCHAR[]), k MAP(VARCHAR, INTEGER), w UUID, op HUGEINT, tx mood, j JSON,
        l TIME, f FLOAT, u UNION(i INTEGER, s VARCHAR), arr INTEGER[2]
        {', PRIMARY KEY ("rowid", "before")' if keyed else ''})""")
    session.track(ref, before=True, full_row=not keyed)
    row = ("{}, 'r''{}', '\\x00\\xFF'::BLOB, 1.5, '2024-02-29 10:00:00.123456+02', INTERVAL 1 MONTH, "
           "{{'a': 1, 'b c': ['x', NULL]}}, MAP {{'k': 1}}, '123e4567-e89b-12d3-a456-426614174000', "
           "170141183460469231731687303715884105727, 'ok', '{{\"a\": 1.0}}', '10:00:00', 'nan', 1, [1, 2]")
    session.query(f"INSERT INTO {ref.sql} VALUES ({row.format(1, 1)}), ({row.format(2, 2)})")
    session.query(f"INSERT INTO {ref.sql} (\"before\", \"rowid\") VALUES (3, '')")
    session.query(f"UPDATE {ref.sql} SET o = INTERVAL 30 DAYS, f = -0.0, u = 'x'::VARCHAR WHERE \"before\" < 3")
    session.query(f"UPDATE {ref.sql} SET \"Üx\"\"y\" = {{'a': NULL, 'b c': []}} RETURNING \"rowid\", *")
    session.query(f"BEGIN; UPDATE {ref.sql} SET n = NULL; DELETE FROM {ref.sql} WHERE \"before\" = 1; COMMIT")
    _same(session, ref)


@pytest.mark.parametrize("kind", ["TIMETZ", "UHUGEINT", "BIT"])
def test_types_that_arrow_has_no_place_for(session: Session, kind: str) -> None:
    value = {"TIMETZ": "'10:00:00+02:30'", "UHUGEINT": "340282366920938463463374607431768211455", "BIT": "'0101'"}[kind]
    session.query(f"CREATE TABLE t (id INTEGER PRIMARY KEY, v {kind}, l {kind}[])")
    session.track(T, before=True)
    session.query(f"INSERT INTO t VALUES (1, {value}, [{value}]), (2, NULL, NULL)")
    session.query("UPDATE t SET v = NULL WHERE id = 1; DELETE FROM t WHERE id = 2")
    session.query(f"INSERT INTO t VALUES (1, {value}, NULL) ON CONFLICT DO UPDATE SET l = excluded.l")
    _same(session)


def test_a_statement_returns_what_it_would_return(session: Session) -> None:
    session.query("CREATE TABLE t (id INTEGER PRIMARY KEY, v VARCHAR)")
    asked = ["INSERT INTO t VALUES (1, 'a'), (2, 'b') RETURNING v, id AS x;", "INSERT INTO t VALUES (3, 'c')",
             "UPDATE t SET v = upper(v) WHERE id < 3 RETURNING * -- the lot\n", "UPDATE t SET v = 'z' WHERE id = 9",
             "DELETE FROM t WHERE id = 1 RETURNING 5 AS five", "DELETE FROM t"]

    def told() -> list[object]:
        found = [session.query(sql) for sql in asked]
        return [(one.columns, one.affected_rows, one.rows() if one.has_rows else None) for one in found]

    untracked = told()
    session.track(T, before=True)
    assert told() == untracked
    assert _same(session) == ["c", "c", "c", "u", "u", "d", "d", "d"]


def test_parameters_files_frames_and_writes(session: Session, tmp_path: Path) -> None:
    session.query("CREATE TABLE t (id INTEGER PRIMARY KEY, v VARCHAR)")
    session.track(T, before=True)
    session.query("INSERT INTO t VALUES ($id, $v)", {"id": 1, "v": "it's"})
    session.query("UPDATE t SET v = ? WHERE id = ?", ["two", 1])
    (tmp_path / "rows.csv").write_text("id,v\n" + "".join(f"{i},f{i}\n" for i in range(10, 250)))
    session.query(f"COPY t FROM '{tmp_path / 'rows.csv'}'")
    session.query("INSERT INTO t SELECT id, v FROM frame", namespace={"frame": pyarrow.table({"id": [5], "v": ["f"]})})
    columns = [WriteColumn("id", "INTEGER", "id"), WriteColumn("v", "VARCHAR", "v")]
    for mode, first in (("append", 4_000), ("replace", 1)):
        rows = pyarrow.table({"id": list(range(first, first + 5)), "v": ["w"] * 5})
        session.write(T, rows.to_reader(), columns, mode=mode, primary_key=["id"])  # type: ignore[arg-type]
    ops = _same(session)
    assert ops[:2] == ["c", "u"]
    assert "schema" not in ops


def test_loads_of_every_mode(session: Session, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    session.query("CREATE TABLE t (id BIGINT PRIMARY KEY, v VARCHAR); INSERT INTO t VALUES (0, 'old'); TRUNCATE t")
    session.track(T)
    for mode, rows in (("merge", "1,a\n2,b\n"), ("merge", "2,B\n3,c\n"), ("append", "4,d\n"), ("replace", "9,z\n"),
                       ("append", "10,y\n")):
        path.write_text("id,v\n" + rows)
        ingest(session, str(path), mode=mode, key=["id"] if mode == "merge" else None)
    # Made anew, it has no key that DuckDB would hold, and is told apart by the declared one.
    ops = _same(session)
    assert (ops[:5], sorted(ops[5:10]), ops[10:]) == (["c", "c", "u", "c", "c"], ["c", "d", "d", "d", "d"], ["c"])


def test_rows_without_sql_also_of_a_parent(session: Session) -> None:
    session.query("CREATE TABLE t (id INTEGER PRIMARY KEY, v VARCHAR, x DOUBLE); "
                  "CREATE TABLE child (id INTEGER REFERENCES t(id))")
    session.track(T, before=True)
    session.change([Insert(T, ({"id": 1, "v": "a"}, {"id": 2, "v": "b"}))])
    session.query("INSERT INTO child VALUES (1)")
    session.change([Update(T, Keyed(("1",)), {"v": "z"}), Insert(T, ({"id": 1, "v": "up"}, {"id": 3}), "update")])
    session.change_each([[Put(T, ("2",), {"v": "put"})], [Delete(T, Keyed(("3",)))]])
    session.query("UPDATE t SET v = 'sql' WHERE id = 1")
    assert _same(session) == ["c", "c", "u", "u", "c", "u", "d", "u"]


def test_a_guest_writes_as_the_host_does_and_is_named(session: Session, workspace: Workspace) -> None:
    session.query("CREATE TABLE t (id INTEGER PRIMARY KEY, v VARCHAR)")
    session.track(T)
    code = ("import sys\nfrom pluto_duck.session import Session\nwith Session.open(sys.argv[1], label='the guest') as s:\n"
            "    s.query(\"INSERT INTO t VALUES (1, 'g')\")\n"
            "    s.query(\"BEGIN; UPDATE t SET v = 'h'; INSERT INTO t VALUES (2, 'x'); COMMIT\")\n"
            "    s.query(\"BEGIN; DELETE FROM t\")\n")
    subprocess.run([sys.executable, "-c", code, str(workspace.root)], check=True)
    assert _same(session) == ["c", "u", "c"]
    assert {(one["actor"], one["label"]) for one in journal(session, T)} == {("owner", "the guest")}


def test_writers_side_by_side_leave_one_order(workspace: Workspace, session: Session) -> None:
    session.query("CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER)")
    session.query("INSERT INTO t SELECT i, 0 FROM range(4) AS r(i)")
    session.query("TRUNCATE t")
    session.track(T, before=True)
    session.query("INSERT INTO t SELECT i, 0 FROM range(4) AS r(i)")
    failed: list[PlutoError] = []

    def write(who: int) -> None:
        with Session.open(workspace.root) as mine:
            for i in range(12):
                try:
                    mine.query(f"INSERT INTO t VALUES ({who * 1000 + i}, {i})")
                    mine.query(f"UPDATE t SET v = v + 1 WHERE id = {i % 4}")
                    if i % 5 == 0:
                        mine.query("CREATE OR REPLACE TABLE t AS SELECT * FROM t")
                        mine.query("ALTER TABLE t ADD PRIMARY KEY (id)")
                except PlutoError as error:
                    failed.append(error)

    threads = [threading.Thread(target=write, args=(who,)) for who in range(1, 4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    found = replayed(session, T)
    assert (found.resyncs, found.rows) == ([], table(session, T))
    counts(session)


def test_whoever_waits_is_woken_by_a_commit_with_changes_alone(session: Session) -> None:
    session.query("CREATE TABLE t (id INTEGER PRIMARY KEY); CREATE TABLE quiet (id INTEGER)")
    session.track(T)
    live = session._link.node._host._handler.ledger.journal  # type: ignore[union-attr]
    told: list[int] = []
    live.listeners.append(told.append)
    head = live.head
    session.query("INSERT INTO quiet VALUES (1)")
    assert (told, live.wait(head, 0)) == ([], False)
    waiting = threading.Thread(target=lambda: told.append(-1) if live.wait(head, 60) else None)
    waiting.start()
    session.query("INSERT INTO t VALUES (1)")
    waiting.join()
    assert sorted(told) == [-1, journal(session, T)[-1]["seq"]]
    assert dt.datetime.fromtimestamp(session.tracked()["tables"][0]["last_at_ms"] / 1000, dt.UTC).year > 2000


@pytest.mark.parametrize("how", ["sql", "load", "transaction"])
def test_a_key_that_names_two_rows_is_none_any_more(session: Session, how: str) -> None:
    session.query("CREATE TABLE t (id INTEGER PRIMARY KEY, v VARCHAR)")
    session.track(T, before=True)
    session.query("CREATE OR REPLACE TABLE t AS SELECT 1 AS id, 'a' AS v")
    columns = [WriteColumn("id", "INTEGER", "id"), WriteColumn("v", "VARCHAR", "v")]
    if how == "load":
        session.write(T, pyarrow.table({"id": [1, 2], "v": ["b", "c"]}).to_reader(), columns, mode="append")
    elif how == "sql":
        session.query("INSERT INTO t VALUES (1, 'b'), (2, 'c')")
    else:
        with session.transaction():
            session.query("INSERT INTO t VALUES (2, 'x')")
            session.query("INSERT INTO t VALUES (1, 'b')")
            session.query("UPDATE t SET v = 'c' WHERE id = 2")
    session.query("DELETE FROM t WHERE v = 'a'")
    session.query("UPDATE t SET v = 'd' WHERE id = 1")
    _same(session)
    events = session.changes(Position(), tables=[T]).table.to_pylist()
    assert [one["key"] for one in events if one["op"] in "cd"][-3:] == [None, None, None]
    session.query("ALTER TABLE t ADD PRIMARY KEY (id); UPDATE t SET v = 'e' WHERE id = 1")
    assert _same(session)[-1] == "u"
