"""What counts as the same rows."""

from __future__ import annotations

import pytest

from pluto_duck.agent.evaluation.compare import same_rows
from pluto_duck.session import Session

SAME = (
    ("the order of rows", "VALUES (1, 'a'), (2, 'b')", "VALUES (2, 'b'), (1, 'a')"),
    ("the order of columns", "VALUES ('a', 1), ('b', 2)", "VALUES (1, 'a'), (2, 'b')"),
    ("columns that were not asked for", "VALUES (1, 'x', 'a'), (2, 'x', 'b')", "VALUES ('a'), ('b')"),
    ("the last digits of a number", "SELECT 0.1::DOUBLE + 0.2::DOUBLE", "SELECT 0.3::DECIMAL(3,1)"),
    ("whole numbers as floats", "SELECT 3.0::DOUBLE", "SELECT 3"),
    ("a day and its midnight", "SELECT TIMESTAMP '2024-05-01'", "SELECT DATE '2024-05-01'"),
    ("nothing at all", "SELECT 1 WHERE false", "SELECT 2 WHERE false"),
)
DIFFERENT = (
    ("a row more", "VALUES (1), (2), (2)", "VALUES (1), (2)"),
    ("how often a row comes", "VALUES (1), (1), (2)", "VALUES (1), (2), (2)"),
    ("a column less", "VALUES (1), (2)", "VALUES (1, 'a'), (2, 'b')"),
    ("who belongs to whom", "VALUES (1, 'b'), (2, 'a')", "VALUES (1, 'a'), (2, 'b')"),
    ("missing and zero", "SELECT NULL::INTEGER", "SELECT 0"),
    ("a third digit", "SELECT 1.01", "SELECT 1.02"),
    ("rows where there should be none", "SELECT 1", "SELECT 1 WHERE false"),
)


@pytest.mark.parametrize(("what", "found", "gold"), SAME, ids=[one[0] for one in SAME])
def test_this_does_not_matter(session: Session, what: str, found: str, gold: str) -> None:
    assert same_rows(session.query(found), session.query(gold), ordered=False)


@pytest.mark.parametrize(("what", "found", "gold"), DIFFERENT, ids=[one[0] for one in DIFFERENT])
def test_this_does(session: Session, what: str, found: str, gold: str) -> None:
    assert not same_rows(session.query(found), session.query(gold), ordered=False)


def test_the_order_of_rows_counts_when_it_was_asked_for(session: Session) -> None:
    found, gold = session.query("VALUES (1, 'a'), (2, 'b')"), session.query("VALUES ('b'), ('a')")
    assert same_rows(found, gold, ordered=False)
    assert not same_rows(found, gold, ordered=True)
    assert same_rows(found, session.query("VALUES ('a'), ('b')"), ordered=True)


def test_one_column_does_not_stand_for_two(session: Session) -> None:
    assert not same_rows(session.query("VALUES (1, 2)"), session.query("VALUES (1, 1)"), ordered=False)
    assert not same_rows(session.query("VALUES (1, 2)"), session.query("VALUES (1, 1)"), ordered=True)
