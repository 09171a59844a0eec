"""Columns that change between two loads: they come along, or stop the load by name, or stay away."""

from __future__ import annotations

from decimal import Decimal

import pytest

from pluto_duck.errors import PlutoError, UsageError
from pluto_duck.ingest import ingest
from pluto_duck.ingest.widening import wider
from pluto_duck.session import Session
from tests.ingest.memory import Memory, Table


def source(columns: dict[str, str], rows: list[tuple[object, ...]]) -> Memory:
    return Memory(t=Table(columns, rows, key=("id",)))


@pytest.fixture
def loaded(session: Session) -> Session:
    ingest(session, source({"id": "BIGINT", "v": "INTEGER", "gone": "VARCHAR"}, [(1, 1, "x")]).open(), mode="merge")
    return session


CHANGED = source({"id": "BIGINT", "v": "BIGINT", "new": "VARCHAR"}, [(1, 2**40, "a"), (2, 2, "b")])


@pytest.mark.parametrize("mode", ["append", "merge", "scd2"])
def test_new_wider_and_missing_columns_come_along(session: Session, mode: str) -> None:
    ingest(session, source({"id": "BIGINT", "v": "INTEGER", "gone": "VARCHAR"}, [(1, 1, "x")]).open(), mode=mode,
           skip=())
    if mode == "append":
        session.query("DROP TABLE t")
        session.query("CREATE TABLE t (id BIGINT, v INTEGER, gone VARCHAR NOT NULL)")
        session.query("INSERT INTO t VALUES (1, 1, 'x')")
    done = ingest(session, CHANGED.open(), mode=mode).tables[0]
    assert done.notices == ("the column v was widened from INTEGER to BIGINT",
                            "the column new is new, empty in older rows",
                            "the source has no column gone: empty in new rows")
    assert session.query("SELECT id, v, new FROM t WHERE id = 2").rows() == [(2, 2, "b")]
    assert session.query("SELECT max(v) FROM t").rows() == [(2**40,)]


def test_frozen_columns_name_each_difference_and_nothing_is_loaded(loaded: Session) -> None:
    with pytest.raises(UsageError, match="v was INTEGER and comes as BIGINT; new is new; gone is gone") as caught:
        ingest(loaded, CHANGED.open(), mode="merge", columns="freeze")
    assert "--columns evolve" in caught.value.hint
    assert loaded.query("SELECT * FROM t").rows() == [(1, 1, "x")]


def test_columns_that_are_new_can_be_left_out(loaded: Session) -> None:
    more = source({"id": "BIGINT", "v": "INTEGER", "gone": "VARCHAR", "new": "VARCHAR"}, [(2, 2, "y", "z")])
    assert ingest(loaded, more.open(), mode="merge", columns="discard").tables[0].notices == (
        "the column new was left out",)
    assert loaded.query("SELECT * FROM t ORDER BY id").rows() == [(1, 1, "x"), (2, 2, "y")]
    with pytest.raises(UsageError, match=r"t.v comes as BIGINT, but t holds it as INTEGER"):
        ingest(loaded, CHANGED.open(), mode="merge", columns="discard")


def test_types_without_a_common_one_stop_the_load(loaded: Session) -> None:
    other = source({"id": "BIGINT", "v": "VARCHAR", "gone": "VARCHAR"}, [(1, "x", "y")])
    with pytest.raises(UsageError, match=r"t.v comes as VARCHAR, but t holds it as INTEGER") as caught:
        ingest(loaded, other.open(), mode="merge")
    assert "--cast v=" in caught.value.hint


def test_an_enum_takes_the_labels_that_were_added(session: Session) -> None:
    first = source({"id": "BIGINT", "mood": "ENUM('sad', 'it''s ok')"}, [(1, "sad")])
    ingest(session, first.open(), mode="merge")
    second = source({"id": "BIGINT", "mood": "ENUM('sad', 'fine', 'it''s ok')"}, [(1, "fine"), (2, "it's ok")])
    ingest(session, second.open(), mode="merge")
    assert session.query("SELECT id, mood::VARCHAR FROM t ORDER BY id").rows() == [(1, "fine"), (2, "it's ok")]
    assert ingest(session, second.open(), mode="merge").tables[0].notices == ()


def bare(value: str, digits: str, key: int = 1) -> Memory:
    return source({"id": "BIGINT", "v": digits}, [(key, value)])


@pytest.mark.parametrize("mode", ["append", "merge", "scd2"])
def test_a_number_without_declared_digits_gets_more_places(session: Session, mode: str) -> None:
    ingest(session, bare("1.10", "DECIMAL(38,2)").open(), mode=mode)
    done = ingest(session, bare("1.123456789", "DECIMAL(38,9)", 2).open(), mode=mode).tables[0]
    assert done.notices[0] == "the column v was widened from DECIMAL(38,2) to DECIMAL(38,9)"
    assert ingest(session, bare("7", "DECIMAL(38,0)", 3).open(), mode=mode).tables[0].notices == ()
    assert session.query("SELECT v FROM t ORDER BY id").rows() == [
        (Decimal("1.100000000"),), (Decimal("1.123456789"),), (Decimal("7.000000000"),)]


def test_places_that_would_cost_a_number_its_digits_stop_the_load(session: Session) -> None:
    ingest(session, bare("1" + "0" * 33 + ".25", "DECIMAL(38,2)").open(), mode="append")
    with pytest.raises(UsageError, match=r"t.v is DECIMAL\(38,2\) and has to become DECIMAL\(38,9\).*it holds 10{33}.25,"
                                         ) as caught:
        ingest(session, bare("1.123456789", "DECIMAL(38,9)").open(), mode="append")
    assert "--cast v=text" in caught.value.hint
    assert session.query("SELECT typeof(v) FROM t").rows() == [("DECIMAL(38,2)",)]
    with pytest.raises(UsageError, match="holds it as"):
        ingest(session, bare("1.123456789", "DECIMAL(38,9)").open(), mode="append", columns="discard")


def test_a_number_too_long_for_the_places_of_the_table_is_refused(session: Session) -> None:
    ingest(session, bare("1.123456789", "DECIMAL(38,9)").open(), mode="append")
    with pytest.raises(PlutoError, match="DECIMAL"):
        ingest(session, bare("1" + "0" * 35, "DECIMAL(38,0)").open(), mode="append")
    assert session.query("SELECT count(*) FROM t").rows() == [(1,)]


def test_a_number_that_came_to_be_text_names_both_ways_out(session: Session) -> None:
    ingest(session, bare("1.5", "DECIMAL(38,1)").open(), mode="merge")
    text = source({"id": "BIGINT", "v": "VARCHAR"}, [(2, "NaN")])
    with pytest.raises(UsageError, match=r"t.v comes as VARCHAR, but t holds it as DECIMAL\(38,1\)") as caught:
        ingest(session, text.open(), mode="merge")
    assert "--mode replace" in caught.value.hint
    assert "--cast 'v=DECIMAL(38,1)'" in caught.value.hint


@pytest.mark.parametrize(("one", "other", "both"), [
    ("INTEGER", "BIGINT", "BIGINT"), ("SMALLINT", "SMALLINT", "SMALLINT"), ("INTEGER", "UINTEGER", "BIGINT"),
    ("BIGINT", "UBIGINT", "HUGEINT"), ("HUGEINT", "UHUGEINT", None), ("USMALLINT", "UTINYINT", "USMALLINT"),
    ("DECIMAL(10,2)", "DECIMAL(12,4)", "DECIMAL(12,4)"), ("DECIMAL(12,2)", "DECIMAL(12,4)", "DECIMAL(14,4)"),
    ("DECIMAL(38,0)", "DECIMAL(38,2)", None), ("INTEGER", "DECIMAL(10,2)", "DECIMAL(12,2)"),
    ("HUGEINT", "DECIMAL(10,2)", None), ("INTEGER", "DOUBLE", "DOUBLE"), ("BIGINT", "DOUBLE", None),
    ("INTEGER", "FLOAT", "DOUBLE"), ("SMALLINT", "FLOAT", "FLOAT"), ("FLOAT", "DOUBLE", "DOUBLE"),
    ("DECIMAL(5,2)", "DOUBLE", None), ("DATE", "TIMESTAMP", "TIMESTAMP"), ("TIMESTAMP", "TIMESTAMP WITH TIME ZONE", None),
    ("UUID", "VARCHAR", "VARCHAR"), ("JSON", "VARCHAR", "VARCHAR"), ("BIGINT", "VARCHAR", None),
    ("INTEGER[]", "BIGINT[]", "BIGINT[]"), ("INTEGER[]", "INTEGER", None), ("BOOLEAN", "INTEGER", None),
    ("ENUM('a')", "ENUM('b', 'a')", "ENUM('a', 'b')"), ("ENUM('a')", "VARCHAR", "VARCHAR"),
])
def test_a_wider_type_holds_every_value_of_both(one: str, other: str, both: str | None) -> None:
    assert wider(one, other) == both
    assert wider(other, one) == both or str(both).startswith("ENUM")
