"""What each kind of statement leaves in the Journal: replaying it gives the table."""

from __future__ import annotations

from pathlib import Path

import pytest

from pluto_duck.errors import PlutoError, UsageError
from pluto_duck.session import Session
from pluto_duck.workspace import TableRef, create
from tests.events.replay import counts, journal, replayed, table

T = TableRef("t")
COLUMNS = "v VARCHAR, x DOUBLE, tags VARCHAR[]"


def begin(session: Session, *, keyed: bool, before: bool) -> None:
    """A table t that is tracked from empty, with four rows."""
    session.untrack(T)
    gone = "".join(f"DROP TABLE IF EXISTS {one}; " for one in ("t", "old_t", "elsewhere", "other"))
    session.query(f"BEGIN; {gone} CREATE TABLE t (id INTEGER{' PRIMARY KEY' if keyed else ''}, {COLUMNS}); "
                  "CREATE TABLE other AS SELECT i::INTEGER AS id, 'o' || i AS v FROM range(3, 9) AS r(i); COMMIT")
    session.track(T, before=before, full_row=not keyed)
    session.query("INSERT INTO t VALUES (1, 'a', 0.0, ['x']), (2, 'b', 2, NULL), (3, 'c', 3, []), (4, NULL, 4, NULL)")


STATEMENTS = {
    "insert": "INSERT INTO t VALUES (10, 'n', 1, ['é'])",
    "insert of some columns": "INSERT INTO t (v, id) VALUES ('n', 10), ('m', 11)",
    "insert from a query": "INSERT INTO t SELECT id + 100, v, 1, NULL FROM other",
    "insert by name": "INSERT INTO t BY NAME SELECT 10 AS id, 2 AS x",
    "insert of the defaults": "INSERT INTO t (id, v) VALUES (77, DEFAULT)",
    "update": "UPDATE t SET v = 'z' WHERE id = 2;  -- mine",
    "update to what it was": "UPDATE t SET v = v",
    "update of the sign of zero": "UPDATE t SET x = -0.0 WHERE x = 0",
    "update from": "UPDATE t SET v = o.v FROM other AS o WHERE o.id = t.id /* two rows */ ;",
    "update of nothing": "UPDATE t SET v = 'z' WHERE id = 99",
    "update by a condition of each row": "UPDATE main.t AS o SET v = upper(o.v) WHERE o.id BETWEEN 1 AND 3 -- these",
    "update by a subquery": "UPDATE t SET v = 'y' WHERE id IN (SELECT id FROM other)",
    "update to a subquery": "UPDATE t SET v = (SELECT max(o.v) FROM other AS o) WHERE x > 1 AND id < 4",
    "update by chance": "UPDATE t SET v = 'r' WHERE random() < 0.5 OR id = 2",
    "update by a macro": "CREATE OR REPLACE MACRO by_chance(i) AS random() < 0.5; "
                         "UPDATE t SET v = 'r' WHERE by_chance(id) OR id = 2",
    "update of all": "UPDATE t SET x = x + 1;",
    "delete by a condition of each row": 'DELETE FROM "t" WHERE v IS NULL OR (x >= 2 AND x < 3) /* two */',
    "delete by chance": "DELETE FROM t WHERE random() < 0.5 OR id = 2",
    "delete by a place": "DELETE FROM t WHERE rowid > 1",
    "update of a list": "UPDATE t SET tags = list_append(tags, 'q') WHERE id < 3",
    "update of the key": "UPDATE t SET id = id + 50",
    "update of a tuple": "UPDATE t SET (v, x) = ('tuple', 9) WHERE id = 1",
    "delete": "DELETE FROM t WHERE id = 1",
    "delete of all": "DELETE FROM t",
    "delete using": "DELETE FROM t USING other WHERE other.id = t.id",
    "truncate": "TRUNCATE t",
    "add a column": "ALTER TABLE t ADD COLUMN z INTEGER",
    "add a column with values": "ALTER TABLE t ADD COLUMN z INTEGER DEFAULT 7",
    "drop a column": "ALTER TABLE t DROP COLUMN x",
    "rename a column": "ALTER TABLE t RENAME COLUMN v TO w",
    "another type": "ALTER TABLE t ALTER COLUMN x TYPE VARCHAR",
    "rename away": "ALTER TABLE t RENAME TO elsewhere",
    "drop": "DROP TABLE t",
    "drop with its schema": "CREATE SCHEMA s; DROP SCHEMA s CASCADE",
    "made anew": "CREATE OR REPLACE TABLE t AS SELECT * REPLACE (id + 1 AS id) FROM t",
    "made anew, otherwise": "CREATE OR REPLACE TABLE t AS SELECT id, v AS v2 FROM other",
    "an index": "CREATE INDEX i ON t (v); DROP INDEX i",
    "swapped": "BEGIN; CREATE TABLE new_t AS SELECT * FROM t WHERE id > 1; ALTER TABLE t RENAME TO old_t; "
               "ALTER TABLE new_t RENAME TO t; DROP TABLE old_t; COMMIT",
    "swapped step by step": "CREATE TABLE new_t AS SELECT * FROM t WHERE id > 1; ALTER TABLE t RENAME TO old_t; "
                            "ALTER TABLE new_t RENAME TO t; DROP TABLE old_t",
    "dropped and made again": "DROP TABLE t; CREATE TABLE t (id INTEGER PRIMARY KEY, v VARCHAR); "
                              "INSERT INTO t VALUES (1, 'again')",
    "several in one transaction":
        "BEGIN; INSERT INTO t VALUES (20, 'n', 1, NULL); UPDATE t SET v = v || '!' WHERE id IN (1, 20); "
        "DELETE FROM t WHERE id = 20; INSERT INTO t SELECT id + 30, v, x, tags FROM t; DELETE FROM t WHERE id = 1; "
        "INSERT INTO t VALUES (1, 'back', 0, NULL); COMMIT",
    "cleared in a transaction":
        "BEGIN; INSERT INTO t VALUES (20, 'n', 1, NULL); TRUNCATE t; INSERT INTO t VALUES (1, 'only', 0, NULL); COMMIT",
    "made anew after writes":
        "BEGIN; INSERT INTO t VALUES (20, 'n', 1, NULL); CREATE OR REPLACE TABLE t AS SELECT * FROM t WHERE id > 2; "
        "INSERT INTO t VALUES (21, 'o', 1, NULL); COMMIT",
    "taken back": "BEGIN; INSERT INTO t VALUES (20, 'n', 1, NULL); DELETE FROM t WHERE id = 1; ROLLBACK",
    "executed": "PREPARE p AS INSERT INTO t VALUES ($1, 'p', 1, NULL); EXECUTE p(30); EXECUTE p(31)",
    "made anew without its key":
        "CREATE OR REPLACE TABLE t AS SELECT * FROM t; INSERT INTO t VALUES (1, 'again', 0, NULL); "
        "UPDATE t SET v = 'both' WHERE id = 1; BEGIN; INSERT INTO t VALUES (1, 'third', 0, NULL); DELETE FROM t WHERE "
        "v = 'both'; INSERT INTO t VALUES (5, 'x', 0, NULL); COMMIT; ALTER TABLE t ADD PRIMARY KEY (id); "
        "DELETE FROM t WHERE id = 5",
    "explained": "EXPLAIN ANALYZE INSERT INTO t VALUES (40, 'e', 1, NULL)",
}
KEYED = {
    "upsert": "INSERT INTO t VALUES (1, 'up', 5, NULL), (10, 'new', 5, NULL) ON CONFLICT (id) DO UPDATE SET v = excluded.v",
    "upsert of some": "INSERT INTO t VALUES (1, 'up', 5, NULL), (2, 'no', 5, NULL) ON CONFLICT (id) "
                      "DO UPDATE SET v = excluded.v WHERE t.id = 1",
    "insert or replace": "INSERT OR REPLACE INTO t VALUES (1, 'up', 5, NULL), (10, 'new', 5, NULL)",
    "insert or ignore": "INSERT OR IGNORE INTO t VALUES (1, 'up', 5, NULL), (10, 'new', 5, NULL)",
    "do nothing": "INSERT INTO t VALUES (1, 'up', 5, NULL), (10, 'new', 5, NULL) ON CONFLICT DO NOTHING",
    "upsert twice": "BEGIN; INSERT INTO t VALUES (10, 'n', 1, NULL); DELETE FROM t WHERE id = 1; "
                    "INSERT INTO t VALUES (1, 'c', 1, NULL), (10, 'u', 1, NULL) ON CONFLICT DO UPDATE SET v = excluded.v; "
                    "COMMIT",
    "upsert after clearing": "BEGIN; TRUNCATE t; INSERT INTO t VALUES (1, 'c', 1, NULL), (10, 'u', 1, NULL) "
                             "ON CONFLICT DO UPDATE SET v = excluded.v; COMMIT",
}
MERGES = {
    "merge": "MERGE INTO t USING other AS o ON (t.id = o.id) WHEN MATCHED AND t.id = 3 THEN DELETE "
             "WHEN MATCHED THEN UPDATE SET v = o.v WHEN NOT MATCHED THEN INSERT (id, v) VALUES (o.id, o.v)",
    "merge of the key": "MERGE INTO t USING other AS o ON (t.id = o.id) WHEN MATCHED THEN UPDATE SET id = o.id + 500",
    "merge by name": "MERGE INTO t USING (SELECT 3 AS id, 'm' AS v, 1 AS x, NULL AS tags) AS o USING (id) "
                     "WHEN MATCHED THEN UPDATE WHEN NOT MATCHED THEN INSERT",
}


def same(session: Session) -> list[str]:
    found = replayed(session, T, after=_start(session))
    assert not found.resyncs
    counts(session)
    there = {one.ref.key for one in session.tables()}
    if T.key in there:
        assert found.there
        assert found.rows == table(session, T)
    else:
        assert not found.there
    return found.ops


def _start(session: Session) -> int:
    return next(int(one["started_seq"]) for one in session.tracked()["tables"] if one["name"] == "t")


@pytest.mark.parametrize(("keyed", "before"), [
    pytest.param(True, True, id="keyed-before"), pytest.param(False, False, id="whole-rows", marks=pytest.mark.soak),
    pytest.param(True, False, id="keyed", marks=pytest.mark.soak)])
def test_replaying_the_journal_gives_the_table(tmp_path: Path, keyed: bool, before: bool) -> None:
    cases = list({**STATEMENTS, **MERGES, **(KEYED if keyed else {})}.items())
    for start in range(0, len(cases), 8):  # the Journal of one workspace would grow with each
        with Session.open(create(tmp_path / f"w{start}").root) as session:
            for name, sql in cases[start:start + 8]:
                begin(session, keyed=keyed, before=before)
                try:
                    session.query(sql)
                    same(session)
                except BaseException as error:
                    error.add_note(f"{name}: {sql}")
                    raise


@pytest.fixture
def tracked(session: Session) -> Session:
    begin(session, keyed=True, before=True)
    return session


def test_nothing_stands_there_of_what_was_taken_back(tracked: Session) -> None:
    before = journal(tracked, T)
    tracked.query("BEGIN; INSERT INTO t VALUES (20, 'n', 1, NULL); UPDATE t SET v = 'q'; ROLLBACK")
    with pytest.raises(PlutoError):
        tracked.query("INSERT INTO t SELECT 900 + i, 'n', CASE WHEN i > 3 THEN error('no') ELSE 1 END, NULL "
                      "FROM range(9) AS r(i)")
    assert journal(tracked, T) == before


def test_a_table_without_a_key_is_tracked_by_whole_rows_alone(session: Session) -> None:
    session.query("CREATE TABLE t (id INTEGER); CREATE VIEW v AS SELECT * FROM t")
    with pytest.raises(UsageError) as caught:
        session.track(T)
    assert "--full-row" in caught.value.hint
    with pytest.raises(UsageError, match="is a view"):
        session.track(TableRef("v"), full_row=True)
    session.track(T, full_row=True)
    assert [one["name"] for one in session.tracked()["tables"]] == ["t"]
