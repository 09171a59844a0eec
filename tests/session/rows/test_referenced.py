"""Rows that foreign keys refer to are updated like others."""

from __future__ import annotations

from typing import Any

import pytest

from pluto_duck.errors import Conflict, Refused
from pluto_duck.session import Session, TableRef
from pluto_duck.session.rows import Compare, Delete, Insert, Keyed, Put, Select, Update
from tests.governance.policy.conftest import Company, company

__all__ = ["company"]
T = TableRef("p")
ONE = Compare("id", "=", 1)
MADE = ("CREATE TABLE p (id INTEGER PRIMARY KEY, r VARCHAR DEFAULT 'none', u VARCHAR UNIQUE, tags VARCHAR[], i INTEGER);"
        "CREATE INDEX on_i ON p (i); CREATE TABLE ch (p INTEGER REFERENCES p (id));"
        "INSERT INTO p VALUES (1, 'a', 'x', ['t'], 1), (2, 'b', 'y', ['t'], 2), (3, 'c', 'z', NULL, NULL);"
        "INSERT INTO ch VALUES (1), (2)")
POLICY = """
version: 1
roles:
  low:
    grants:
      - {tables: p, actions: read, hide: u}
      - {tables: p, actions: update, rows: "r <= 'm'"}
"""


@pytest.fixture
def made(session: Session) -> Session:
    session.query(MADE)
    return session


def rows(session: Session) -> list[tuple[Any, ...]]:
    return session.query("SELECT id, r, u, tags, i FROM p ORDER BY id").rows()


def test_a_row_that_is_referred_to_is_updated_and_given_back(made: Session) -> None:
    done, = made.change([Update(T, ONE, {"r": "new"})])
    assert done.affected == 1
    assert done.rows is not None
    assert done.rows.rows() == [(1, "new", "x", ["t"], 1)] == rows(made)[:1]
    done, = made.change([Update(T, Compare("id", ">", 0), {"r": "all"})])
    assert done.affected == 3
    assert [row[:2] for row in done.rows.rows()] == [(1, "all"), (2, "all"), (3, "all")]
    done, = made.change([Update(T, Compare("r", "=", "all"), {"r": "gone from the condition"})])
    assert done.affected == 3
    assert {row[1] for row in done.rows.rows()} == {"gone from the condition"}
    assert made.change([Update(T, Compare("id", "=", 99), {"r": "nobody"})])[0].affected == 0


def test_a_whole_row_sent_back_changes_what_is_other(made: Session) -> None:
    done, = made.change([Update(T, ONE, {"r": "q", "u": "x", "tags": ["t"], "i": 1, "id": 1})])
    assert done.rows.rows() == [(1, "q", "x", ["t"], 1)]
    done, = made.change([Update(T, ONE, {"u": "x", "id": 1})])
    assert done.affected == 1
    assert done.rows.rows() == [(1, "q", "x", ["t"], 1)]
    done, = made.change([Put(T, ("1",), {"r": "put", "u": "x", "tags": ["t"], "i": 1})])
    assert done.rows.rows() == [(1, "put", "x", ["t"], 1)] == rows(made)[:1]


@pytest.mark.parametrize("values", [{"id": 9}, {"u": "other"}, {"tags": ["other"]}, {"i": 9}, {"u": "X"}], ids=str)
def test_what_would_move_a_row_that_is_referred_to_is_a_conflict(made: Session, values: dict[str, Any]) -> None:
    before = rows(made)
    with pytest.raises(Conflict) as error:
        made.change([Update(T, ONE, values)])
    assert error.value.facts["constraint"] == "foreign_key"
    assert rows(made) == before
    done, = made.change([Update(T, Compare("id", "=", 3), values)])  # to this one, nothing refers
    assert done.affected == 1
    assert done.rows.row_count == 1
    (name, value), = values.items()
    assert done.rows.rows()[0][["id", "r", "u", "tags", "i"].index(name)] == value
    with pytest.raises(Conflict):
        made.change([Delete(T, ONE)])


def test_collations_and_signs_are_no_reason_to_keep_the_old_letters(session: Session) -> None:
    session.query("CREATE TABLE p (id INTEGER PRIMARY KEY, u VARCHAR COLLATE NOCASE UNIQUE, d DOUBLE UNIQUE);"
                  "CREATE TABLE ch (p INTEGER REFERENCES p (id)); INSERT INTO p VALUES (1, 'x', 0.0)")
    session.change([Update(T, ONE, {"u": "X", "d": -0.0})])
    assert str(session.query("SELECT u, CAST(d AS VARCHAR) FROM p").rows()) == "[('X', '-0.0')]"


def test_in_one_transaction_a_row_is_made_referred_to_and_updated(made: Session) -> None:
    done = made.change([Insert(T, ({"id": 7, "r": "new"},)), Insert(TableRef("ch"), ({"p": 7},)),
                        Update(T, Compare("id", "=", 7), {"r": "newer"}), Update(T, Compare("id", "=", 7), {"r": "last"}),
                        Update(TableRef("ch"), Compare("p", "=", 7), {"p": 1})])
    assert [one.affected for one in done] == [1, 1, 1, 1, 1]
    assert [row[:2] for row in done[3].rows.rows()] == [(7, "last")]
    assert made.rows(Select(T, ("r",), Keyed(("7",)))).rows() == [("last",)]


def test_an_upsert_gives_its_rows_in_their_order(made: Session) -> None:
    done, = made.change([Insert(T, ({"id": 8, "r": "made"}, {"id": 2, "r": "w"}, {"ID": "1", "r": "v"}), "update")])
    assert done.affected == 3
    assert [row[:2] for row in done.rows.rows()] == [(8, "made"), (2, "w"), (1, "v")]
    done, = made.change([Insert(T, ({"id": 1},), "update")])
    assert done.affected == 0


def test_many_rows_are_given_back(made: Session) -> None:
    made.query("INSERT INTO p SELECT i, 'm', NULL, NULL, NULL FROM range(10, 3000) AS r(i)")
    done, = made.change([Update(T, Compare("id", ">", 0), {"r": "n"})])
    assert done.affected == 2993
    assert {row[1] for row in done.rows.rows()} == {"n"}


def test_a_foreign_key_made_or_dropped_later_is_seen(session: Session) -> None:
    session.query("CREATE TABLE P (id INTEGER PRIMARY KEY, r VARCHAR, rowid INTEGER); INSERT INTO p VALUES (1, 'a', 7)")
    assert session.change([Update(T, ONE, {"r": "b"})])[0].rows.rows() == [(1, "b", 7)]
    session.query("ALTER TABLE p DROP COLUMN rowid; CREATE TABLE ch (p INTEGER REFERENCES p (id)); "
                  "INSERT INTO ch VALUES (1)")
    assert session.change([Update(T, ONE, {"r": "c"})])[0].rows.rows() == [(1, "c")]
    session.query("DROP TABLE ch")
    assert session.change([Update(T, ONE, {"id": 2})])[0].rows.rows() == [(2, "c")]


def test_a_role_is_held_to_its_condition_before_and_after(company: Company) -> None:
    company.owner.query(MADE)
    company.allow(POLICY)
    low = company.as_("low")
    done, = low.change([Update(T, ONE, {"r": "k"})])
    assert done.rows.rows() == [(1, "k", ["t"], 1)]
    with pytest.raises(Refused):
        low.change([Update(T, ONE, {"r": "z"})])
    company.owner.query("UPDATE p SET r = 'z' WHERE id = 2")
    with pytest.raises(Refused):
        low.change([Update(T, Compare("id", "=", 2), {"r": "a"})])
    assert [row[1] for row in rows(company.owner)] == ["k", "z", "c"]
    for guess in ("x", "y"):  # right or wrong, it is told the same
        with pytest.raises(Conflict):
            low.change([Update(T, ONE, {"u": guess, "r": "k"})])
