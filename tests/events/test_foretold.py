"""An UPDATE whose rows are taken down beforehand: what it was told to make of them is what it made."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from typing import Any

import pytest

from pluto_duck.errors import PlutoError
from pluto_duck.events import recording
from pluto_duck.events.writes import write_of
from pluto_duck.session import Session
from pluto_duck.workspace import TableRef
from pluto_duck.workspace.parser import Parser
from tests.events.replay import counts, journal, replayed, table

T = TableRef("t")
PARSER = Parser()
FORETOLD = [
    "UPDATE t SET v = 'x' WHERE id > 3",
    "UPDATE t SET \"V\" = v || id, price = price * 1.005, n = '17' WHERE id BETWEEN 2 AND 7;",
    "UPDATE main.t AS o SET v = upper(o.v) || ',' || o.id, n = CASE WHEN o.n > 2 THEN NULL ELSE -o.n END WHERE o.id % 2 = 0",
    "UPDATE t SET n = price, f = n / 3, price = f -- and so on\n WHERE id > 1 /* all */ AND v IS NOT NULL",
    "UPDATE t SET d = '2024-02-29', m = d, b = 'a\\x00b'::BLOB, \"odd \"\" (name\" = (n, v) = (1, 'a')",
    "UPDATE t SET f = 'nan', v = NULL WHERE (n IS NULL) OR n = 1",
    "UPDATE t SET n = n, price = 0.005 WHERE id IN (1, 2, 3)",
]
NOT = [
    "UPDATE t SET v = now()::VARCHAR WHERE id > 3", "UPDATE t SET f = random() WHERE id > 3",
    "UPDATE t SET n = nextval('numbers') WHERE id > 3", "UPDATE t SET v = DEFAULT WHERE id > 3",
    "UPDATE t SET v = (SELECT max(v) FROM t) WHERE id > 3", "UPDATE t SET n = twice(n) WHERE id > 3",
    "UPDATE t SET v = 'x' WHERE id = 3", "UPDATE t SET n = o.i FROM (VALUES (1, 5)) o(id, i) WHERE o.id = t.id",
]


@pytest.fixture(params=[True, False], ids=["before", "after alone"])
def before(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def told(session: Session, before: bool, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The statements that were told beforehand."""
    session.query("CREATE SEQUENCE numbers; CREATE MACRO twice(x) AS x * 2;"
                  "CREATE TABLE t (id INTEGER PRIMARY KEY, v VARCHAR DEFAULT 'none', price DECIMAL(6, 2), n INTEGER, "
                  "f FLOAT, d DATE, m TIMESTAMP, b BLOB, \"odd \"\" (name\" BOOLEAN)")
    session.track(T, before=before)
    session.query("INSERT INTO t SELECT i, 'v' || i, i / 3, i, i / 7, '2020-01-01'::DATE + i::INTEGER, NULL, NULL, NULL "
                  "FROM range(1, 11) r(i)")
    found: list[str] = []
    real = recording.foretell

    def watched(one: Any, cursor: Any, tracked: Any, write: Any) -> int:
        found.append(write.sql)
        return real(one, cursor, tracked, write)

    monkeypatch.setattr(recording, "foretell", watched)
    return found


def test_what_was_told_is_what_became_of_the_rows(session: Session, told: list[str], before: bool) -> None:
    for sql in FORETOLD:
        was, seen = table(session, T), len(journal(session, T))
        session.query(sql)
        found, now = journal(session, T)[seen:], table(session, T)
        assert {one["op"] for one in found} == {"u"}
        if before:
            assert was - Counter(one["before"] for one in found) == now - Counter(one["after"] for one in found)
        assert not Counter(one["after"] for one in found) - now
    assert told == FORETOLD
    assert replayed(session, T).rows == table(session, T)
    counts(session)


def test_updates_upon_updates_in_one_transaction_are_told_in_their_order(session: Session, told: list[str]) -> None:
    with session.transaction():
        for sql in FORETOLD:
            session.query(sql)
    assert told == FORETOLD
    assert replayed(session, T).rows == table(session, T)
    counts(session)


@pytest.mark.parametrize("sql", NOT)
def test_what_can_not_be_told_beforehand_is_looked_at_afterwards(session: Session, told: list[str], sql: str) -> None:
    session.query(sql)
    assert told == []
    assert replayed(session, T).rows == table(session, T)
    assert not replayed(session, T).resyncs


def test_a_table_whose_columns_make_others_is_looked_at_afterwards(session: Session, told: list[str]) -> None:
    ref = TableRef("g")
    session.query("CREATE TABLE g (id INTEGER PRIMARY KEY, a INTEGER, b INTEGER GENERATED ALWAYS AS (a * 2))")
    session.track(ref)
    session.query("INSERT INTO g VALUES (1, 1), (2, 2)")
    session.query("UPDATE g SET a = a + 1 WHERE id > 0")
    assert told == []
    assert replayed(session, ref).rows == table(session, ref)


@pytest.mark.parametrize("sql", ["UPDATE t SET n = v WHERE id > 3", "UPDATE t SET price = 1e9 WHERE v > ''",
                                 "UPDATE t SET nothing = 1 WHERE id > 3", "UPDATE t SET n = sum(n) WHERE id > 3"])
def test_what_fails_leaves_nothing_and_says_nothing_of_us(session: Session, told: list[str], sql: str) -> None:
    was = table(session, T)
    with pytest.raises(PlutoError) as error:
        session.query(sql)
    assert "_pluto" not in repr((error.value.message, error.value.facts, error.value.hint))
    assert table(session, T) == was
    assert replayed(session, T).rows == was
    assert not replayed(session, T).resyncs


def test_a_failure_within_a_transaction_is_never_silent(session: Session, told: list[str]) -> None:
    with pytest.raises(PlutoError):
        session.query("BEGIN; UPDATE t SET v = 'y' WHERE id > 3; UPDATE t SET n = v WHERE id > 3")
    if session.in_transaction:
        with suppress(PlutoError):  # which takes it all back
            session.query("COMMIT")
    found = replayed(session, T)
    assert found.rows == table(session, T) or found.resyncs


def test_assignments_are_read_as_they_are_written() -> None:
    def assigned(sql: str) -> tuple[tuple[str, str], ...]:
        (statement,) = PARSER.statements(sql)
        return write_of(statement, PARSER).assigns

    assert assigned("update t set \"A b\"=1, é = f(a, (b, 2)) || ',', c = [1, 2][1] where x > 1 and y; ") == (
        ("a b", "1"), ("é", "f(a, (b, 2)) || ','"), ("c", "[1, 2][1]"))
    for sql in ("UPDATE t SET (a, b) = (1, 2) WHERE c > 1 OR d", "UPDATE t SET a = 1, a = 2 WHERE c > 1 OR d",
                "UPDATE t SET a = (SELECT 1) WHERE c > 1 OR d", "UPDATE t SET a = 1 FROM u WHERE c > 1 OR d",
                "UPDATE t SET a = default WHERE c > 1 OR d"):
        assert assigned(sql) == (), sql
