"""What the Journal has in memory is told exactly as its tables tell it, and only where it is all there is."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pluto_duck.errors import HistoryGone
from pluto_duck.events import recent
from pluto_duck.events.model import ChangeBatch, Position
from pluto_duck.events.recent import Recent
from pluto_duck.session import Session, TableRef
from pluto_duck.session.changes import remembering
from tests.events.test_exact import LEAVES

KINDS = [one for one in LEAVES if one.split("(")[0] not in ("BIGNUM", "BIT", "ENUM", "TIME WITH TIME ZONE", "INTERVAL")]
MORE = {"VARCHAR": ["'/ \\u0041 \\ ' || chr(8) || chr(9) || chr(12) || chr(13) || chr(1) || chr(160)"],
        "BLOB": ["'\\x5C\\x27abc\\x7F\\x80 '"], "TIME": ["'12:00:00.1'"],
        "TIMESTAMP WITH TIME ZONE": ["'2024-06-30 23:59:59.5-03:30'", "'0001-01-01 00:00:00+00'",
                                     "'9999-12-31 23:59:59.999999+00'", "'1883-11-18 12:03:58+00'"]}
A, B = TableRef("a"), TableRef("B", "shop")
START = Position()


class Both:
    """A session's readings, from memory and from the tables; they must be the same."""

    def __init__(self, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
        self._session, self._patch = session, monkeypatch

    def changes(self, after: Position = START, *, tables: tuple[TableRef, ...] = (), limit: int = 1000) -> ChangeBatch:
        answers: list[Any] = []
        real = remembering.remembered

        def watched(*args: Any) -> Any:
            answers.append(real(*args))
            return answers[-1]

        with self._patch.context() as patch:
            patch.setattr(remembering, "remembered", watched)
            ours = self._session.changes(after, tables=tables, limit=limit)
            patch.setattr(remembering, "remembered", lambda *_: None)
            theirs = self._session.changes(after, tables=tables, limit=limit)
        assert ours.table.schema == theirs.table.schema
        assert ours.table.to_pylist() == theirs.table.to_pylist()
        assert (ours.position, ours.head, ours.view) == (theirs.position, theirs.head, theirs.view)
        self.from_memory = answers[-1] is not None
        return ours


@pytest.fixture
def both(session: Session, monkeypatch: pytest.MonkeyPatch) -> Both:
    session.query("CREATE SCHEMA shop; CREATE TABLE a (id INTEGER PRIMARY KEY, v VARCHAR, d DOUBLE);"
                  "CREATE TABLE shop.\"B\" (x VARCHAR, y BIGINT, \"odd \"\" name\" DECIMAL(9, 2), PRIMARY KEY (y, x))")
    session.track(A, before=True)
    session.track(B)
    return Both(session, monkeypatch)


STEPS = ["INSERT INTO a VALUES (1, 'one', 1.5), (2, NULL, -0.0)", "UPDATE a SET v = 'zwei \"2\"' WHERE id = 2",
         "INSERT INTO shop.\"B\" VALUES ('k', 9007199254740993, 1.5), ('l', 1, NULL)",
         "UPDATE shop.\"B\" SET \"odd \"\" name\" = 7 WHERE x = 'k' AND y = 9007199254740993",
         "INSERT INTO a VALUES (2, 'up', 3), (3, 'new', 4) ON CONFLICT (id) DO UPDATE SET v = excluded.v",
         "DELETE FROM a WHERE id = 1", "DELETE FROM shop.\"B\" WHERE y = 1",
         "BEGIN; INSERT INTO a VALUES (9, 'x', 0); UPDATE a SET d = 1 WHERE id = 9; DELETE FROM a WHERE id = 9; COMMIT"]


def test_every_statement_of_few_rows_is_told_from_memory_as_from_the_tables(session: Session, both: Both) -> None:
    start = Position(session.changes_head(), Position.LAST)
    for step in STEPS:
        before = Position(session.changes_head(), Position.LAST)
        session.query(step)
        assert both.changes(before).table.num_rows
        if "BEGIN" not in step and "AND" not in step:
            assert both.from_memory, step
    for tables in ((), (A,), (B,), (B, A)):
        for one in both.changes(start, tables=tables).table.to_pylist():
            both.changes(Position(one["seq"], one["n"]), tables=tables)
            both.changes(start, tables=tables, limit=3)


def test_a_transaction_of_single_rows_is_told_from_memory(session: Session, both: Both) -> None:
    start = Position(session.changes_head(), Position.LAST)
    with session.transaction():
        session.query("INSERT INTO a VALUES (1, 'a', 1)")
        session.query("INSERT INTO shop.\"B\" VALUES ('b', 2, 3)")
        session.query("DELETE FROM a WHERE id = 1")
        session.query("UPDATE shop.\"B\" SET \"odd \"\" name\" = 4 WHERE y = 2 AND x = 'b'")
    assert both.changes(start).table.column("op").to_pylist() == ["c", "c", "d", "u"]
    session.query("UPDATE a SET v = $v WHERE id = $id", {"v": "none", "id": 5})
    session.query("INSERT INTO a VALUES (5, 'a', 1)")
    at = Position(session.changes_head(), Position.LAST)
    session.query("UPDATE a SET v = $v WHERE id = $id", {"v": "'; --", "id": 5})
    assert both.changes(at).table.num_rows == 1
    assert both.from_memory


@pytest.mark.parametrize("step", ["TRUNCATE a", "ALTER TABLE a ADD COLUMN z INTEGER", "UPDATE a SET v = 'all'",
                                  "DROP TABLE a", "INSERT INTO a SELECT i, 'n', i FROM range(10, 100) r(i)",
                                  "CREATE OR REPLACE TABLE a AS SELECT 7 AS id", "track", "untrack"])
def test_what_memory_has_not_is_read_from_the_tables_and_later_changes_from_memory_again(
        session: Session, both: Both, step: str) -> None:
    session.query("INSERT INTO a VALUES (1, 'one', 1), (2, 'two', 2)")
    at = Position(session.changes_head(), Position.LAST)
    if step == "track":
        session.query("CREATE TABLE more (i INTEGER PRIMARY KEY)")
        session.track(TableRef("more"))
    elif step == "untrack":
        session.untrack(A)
    else:
        session.query(step)
    found = both.changes(at)
    assert both.from_memory == (step in ("track", "untrack"))  # which change nothing
    session.query("INSERT INTO shop.\"B\" VALUES ('after', 1, 1)")
    assert len(both.changes(at).table) == len(found.table) + 1
    both.changes(found.position)
    later = Position(session.changes_head(), Position.LAST)
    session.query("INSERT INTO shop.\"B\" VALUES ('later', 1, 1)")
    assert both.changes(later).table.num_rows == 1
    assert both.from_memory


def test_history_that_was_trimmed_is_gone_from_memory_too(session: Session, both: Both) -> None:
    session.query("INSERT INTO a VALUES (1, 'a', 1)")
    handler = session._link.node._host._handler  # type: ignore[union-attr]
    handler.retaining.trim(now_ms=10**14)  # type: ignore[union-attr]
    with pytest.raises(HistoryGone):
        session.changes(START)
    with pytest.raises(HistoryGone):
        session.changes(Position(session.changes_head() + 5, 0))


def test_a_table_of_each_type_is_told_to_the_letter(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    session.query("SET TimeZone = 'America/St_Johns'")
    both = Both(session, monkeypatch)
    columns = ", ".join(f'"{i} ü" {kind}' for i, kind in enumerate(KINDS))
    session.query(f"CREATE TABLE every (id INTEGER PRIMARY KEY, {columns})")
    session.track(TableRef("every"), before=True)
    at = session.changes_head()
    for number in range(max(len(LEAVES[kind] + MORE.get(kind, [])) for kind in KINDS)):
        values = [(LEAVES[kind] + MORE.get(kind, []) + ["NULL"] * 20)[number] for kind in KINDS]
        shown = ", ".join(f"CAST({one} AS {kind})" for one, kind in zip(values, KINDS, strict=True))
        session.query(f"INSERT INTO every VALUES ({number}, {shown})")
        session.query(f"DELETE FROM every WHERE id = {number}")
        found = both.changes(Position(at, Position.LAST))
        assert found.table.column("op").to_pylist() == ["c", "d"]
        at = found.position.seq


@settings(max_examples=40, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(rows=st.lists(st.tuples(
    st.text(max_size=8).filter(lambda one: not any(0xD800 <= ord(c) < 0xE000 for c in one)), st.binary(max_size=8),
    st.floats(), st.floats(width=32), st.integers(-2**127, 2**127 - 1),
    st.datetimes().map(str), st.integers(-14 * 3600, 14 * 3600)), min_size=1, max_size=3))
def test_any_values_are_told_to_the_letter(session: Session, monkeypatch: pytest.MonkeyPatch, rows: list[Any]) -> None:
    session.query("CREATE OR REPLACE TABLE vals (i INTEGER, t VARCHAR, b BLOB, d DOUBLE, f FLOAT, h HUGEINT, "
                  "z TIMESTAMP WITH TIME ZONE, s TIMESTAMP)")
    session.track(TableRef("vals"), full_row=True)
    at = Position(session.changes_head(), Position.LAST)
    for i, (text, blob, double, single, huge, moment, offset) in enumerate(rows):
        session.query("INSERT INTO vals VALUES ($i, $t, $b, $d, $f, $h, TIMESTAMPTZ '"
                      f"{moment}+00' + INTERVAL ({offset}) SECOND, '{moment}')",
                      {"i": i, "t": text, "b": blob, "d": double, "f": single, "h": huge})
    assert Both(session, monkeypatch).changes(at).table.num_rows == len(rows)


def test_memory_is_bounded_and_says_from_where_on_it_knows_all(monkeypatch: pytest.MonkeyPatch) -> None:
    from pluto_duck.events.journal import Who
    from pluto_duck.events.recent import Commit, Said
    from pluto_duck.events.tracked import Tracked

    table = Tracked(A, (), False, 0, 1, 1, (("v", "VARCHAR"),), ())
    monkeypatch.setattr(recent, "MOST_CHARACTERS", 100)
    monkeypatch.setattr(recent, "MOST", 6)

    def commit(seq: int, *values: str) -> Commit:
        return Commit(seq, seq, 0, Who(), tuple(Said(1 + i, table, "c", None, (one,)) for i, one in enumerate(values)))

    def known(*at: int) -> list[int] | None:
        found = here.after(Position(*at))
        return None if found is None else [one.seq for one in found[0]]

    here = Recent(10)
    assert (known(10, Position.LAST), known(10, 0), known(11, 0)) == ([], None, None)
    here.add(commit(12, "a", "b", "c"))
    here.add(commit(15, "a", "b"))
    assert (known(10, Position.LAST), known(12, 2), known(12, 3), known(14, 0), known(15, 2), known(15, Position.LAST)) \
        == ([12, 15], [12, 15], [15], [15], [], [])
    here.add(commit(16, "a", "b"))  # one too many
    assert (known(12, 2), known(12, Position.LAST)) == (None, [15, 16])
    here.add(commit(17, "x" * 101))
    assert (known(16, Position.LAST), known(17, 0), known(17, Position.LAST)) == (None, None, [])
    here.forget(20, changes=True)
    assert (known(17, Position.LAST), known(20, Position.LAST), known(21, 0)) == (None, [], None)
    here.forget(25)  # no change: the newest one is 20 still
    assert known(20, Position.LAST) == []
    here.add(commit(26, "a"))
    assert (known(20, Position.LAST), known(25, Position.LAST)) == ([26], [26])
    here.forget(23)  # trimmed
    assert (known(20, Position.LAST), known(25, Position.LAST)) == (None, [26])
