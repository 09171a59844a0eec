"""Values of every type, sent as changes, are what a load makes of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from pluto_duck.errors import SourceError
from pluto_duck.ingest.follow import messages
from pluto_duck.ingest.follow.applying import Applier
from pluto_duck.ingest.follow.state import Follow, Server
from pluto_duck.ingest.follow.texts import Misfit, _array, _record
from pluto_duck.session import Session
from tests.ingest.connectors.test_postgres_types import KINDS
from tests.ingest.follow.same import assert_same, follow, rows, types
from tests.services.postgres import Database


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def test_edge_values_of_every_type_arrive_as_a_load_has_them(session: Session, database: Database,
                                                             tmp_path: Path) -> None:
    kinds = {kind: values for kind, (_duck, _same, values) in KINDS.items()}
    plain, arrays = [], []
    for place, (kind, values) in enumerate(kinds.items()):
        plain.append((f"c{place}", kind, [f"{quoted(one)}::{kind}" for one in values]))
        arrays.append((f"a{place}", f"{kind}[]", ["ARRAY[" + ", ".join([*(f"{quoted(one)}::{kind}" for one in values),
                                                                    "NULL"]) + f"]::{kind}[]", "'{}'"]))
    made = ["SET TimeZone = 'UTC'"]
    for table, columns in (("t", plain), ("a", arrays)):
        made.append(f"CREATE TABLE {table} (n int PRIMARY KEY, {', '.join(f'{n} {kind}' for n, kind, _v in columns)})")
        for row in range(max(len(values) for _n, _k, values in columns)):
            picks = [values[row] if row < len(values) else "NULL" for _n, _k, values in columns]
            made.append(f"INSERT INTO {table} VALUES ({row}, {', '.join(picks)})")
    database.run(*made)
    follow(session, database)
    again = "SELECT n + 1000, {} FROM {} WHERE n < 1000"
    database.run(f"INSERT INTO t {again.format(', '.join(n for n, _k, _v in plain), 't')}",
                 f"INSERT INTO a {again.format(', '.join(n for n, _k, _v in arrays), 'a')}")
    assert not follow(session, database).notices
    # Two tables beside each other: what came by the log is what came by the copy, and what a fresh load has.
    for table in ("t", "a"):
        assert session.query(f"SELECT count(*) FROM {table} WHERE n >= 1000").scalar() == len(rows(session, table)) // 2
    assert_same(session, database, tmp_path / "fresh", "t", "a")


def test_composites_domains_and_what_extensions_bring(session: Session, database: Database, tmp_path: Path) -> None:
    database.run("CREATE TYPE mood AS ENUM ('sad', 'o''k')", "CREATE DOMAIN cents AS numeric(10,2) CHECK (VALUE >= 0)",
                 "CREATE TYPE spot AS (x int, y text, z numeric, tags text[])", "CREATE TYPE way AS (a spot, b spot)",
                 "CREATE TABLE t (id int PRIMARY KEY, m mood, ms mood[], d cents, s spot, ss spot[], l way, "
                 "g int GENERATED ALWAYS AS (id * 2) STORED, b box[], j jsonb[], v varchar(9)[])")
    values = ("'sad', '{sad,o''k,NULL}', 12.30, '(1,\"a,\"\"b\"\" \\\\c\",1.50,\"{x,\"\"y z\"\",NULL}\")', "
              "ARRAY['(1,a,2.25,)'::spot, NULL, '(,\"\",,{})'], '(\"(1,q,0.5,{p})\",)', "
              "'{(1,2),(3,4);(5,6),(7,8)}', ARRAY['{\"k\": \"a\\\"b\"}'::jsonb], '{\"a b\",\"\",\"NULL\"}'")
    names = "id, m, ms, d, s, ss, l, b, j, v"
    database.run(f"INSERT INTO t ({names}) VALUES (1, {values}), (2, {', '.join(['NULL'] * 9)})")
    follow(session, database)
    database.run(f"INSERT INTO t ({names}) VALUES (11, {values})",
                 f"INSERT INTO t ({names}) VALUES (12, {', '.join(['NULL'] * 9)})")
    follow(session, database)
    assert_same(session, database, tmp_path / "fresh", "t")
    assert types(session, "t")["g"] == "INTEGER"


def test_a_value_that_does_not_fit_stops_with_the_column_and_loses_nothing(session: Session,
                                                                           database: Database) -> None:
    database.run("CREATE TABLE t (id int PRIMARY KEY, n numeric(5,2), a int[])", "INSERT INTO t VALUES (1, 1, '{1}')")
    follow(session, database)
    database.run("INSERT INTO t VALUES (2, 2, '{2}')", "INSERT INTO t VALUES (3, 'NaN', '{}')")
    with pytest.raises(SourceError, match=r"t\.n holds 'NaN'"):
        follow(session, database)
    database.run("UPDATE t SET n = 3, a = '{{1},{2}}' WHERE id = 3")
    with pytest.raises(SourceError, match=r"t\.a holds an array of more dimensions"):
        follow(session, database)
    assert len(rows(session, "t")) == 1
    follow(session, database, resnapshot=True)
    assert session.query("SELECT n, a FROM t ORDER BY id").rows()[2][1] is not None


@pytest.mark.parametrize(("text", "deep", "lists"), [
    ("{}", 1, []), ("{1,NULL,3}", 1, ["1", None, "3"]), ('{"NULL","a\\"b","c\\\\d",""}', 1, ["NULL", 'a"b', "c\\d", ""]),
    ("{{1,2},{3,4}}", 2, [["1", "2"], ["3", "4"]]), ('{"{1}","(a,b)"}', 1, ["{1}", "(a,b)"])])
def test_array_literals_are_read(text: str, deep: int, lists: list[object]) -> None:
    assert _array(text, deep, ",") == lists


@pytest.mark.parametrize("text", ["{{1}}", "[2:3]={1,2}"])
def test_an_array_of_another_shape_is_told(text: str) -> None:
    with pytest.raises(Misfit):
        _array(text, 1, ",")


def test_row_literals_are_read() -> None:
    assert _record('(1,"a ""b"" \\\\",,"")') == ["1", 'a "b" \\', None, ""]
    assert _record("()") == [None]


@pytest.mark.parametrize("data", [b"I", b"B\0", b"C\0\0", b"R\0\0\0\1public", b"R\0\0\0\1\xff\0t\0", b"T\0\0\0\5\0"])
def test_a_message_that_is_none_is_told(session: Session, data: bytes) -> None:
    follow = Follow("slot", "postgresql://far/db", Server("1", 1, "db"), {}, (), 0)
    with pytest.raises(SourceError, match="can't be read"):
        Applier(session, follow, lambda _: (None, {}), freeze=False, say=print).message(data)


def test_a_value_that_ends_before_its_length_is_no_shorter_value() -> None:
    with pytest.raises(ValueError, match="ends before"):
        messages.row(b"\0\1t\0\0\0\5abc", 0)
