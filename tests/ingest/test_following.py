"""Whatever is edited at the source between loads, an increment ends where a full copy would."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pluto_duck.ingest import ingest
from pluto_duck.session import Session
from tests.ingest.memory import Memory, Table

VALUES = st.one_of(st.none(), st.sampled_from(["", "a", "b", "ß"]))
EDITS = st.lists(st.lists(st.tuples(st.sampled_from(["insert", "update", "delete"]), st.integers(0, 12), VALUES,
                                    st.integers(0, 2)), max_size=6), min_size=1, max_size=4)


class Source:
    """A table whose cursor `at` grows with each write, several rows sharing a value."""

    def __init__(self) -> None:
        self.clock = 0
        self.rows: dict[int, tuple[int, str | None, int]] = {}
        self.memory = Memory(t=Table({"id": "BIGINT", "v": "VARCHAR", "at": "BIGINT"}, key=("id",)))

    def edit(self, kind: str, key: int, value: str | None, ticks: int, *, deleting: bool) -> None:
        self.clock += ticks
        if kind == "delete":
            if deleting:
                self.rows.pop(key, None)
        elif kind == "insert" or key in self.rows:
            self.rows[key] = (key, value, self.clock)
        self.memory.tables["t"].rows = list(self.rows.values())


_loads = iter(range(1_000_000))


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rounds=EDITS, remote=st.booleans())
def test_a_merge_by_cursor_equals_a_full_copy(session: Session, rounds: list[list[tuple[str, int, str | None, int]]],
                                              remote: bool) -> None:
    source, into = Source(), f"t{next(_loads)}"
    source.memory.selects = frozenset({"cursor", "after"} if remote else ())
    for edits in rounds:
        for edit in edits:
            source.edit(*edit, deleting=False)  # a cursor can't tell of deletes
        ingest(session, source.memory.open(), into=into, mode="merge", cursor="at")
        assert session.query(f"SELECT * FROM {into} ORDER BY id").rows() == sorted(source.rows.values())


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rounds=EDITS)
def test_a_whole_merge_that_deletes_equals_a_full_copy(
        session: Session, rounds: list[list[tuple[str, int, str | None, int]]]) -> None:
    source, into = Source(), f"t{next(_loads)}"
    for edits in rounds:
        for edit in edits:
            source.edit(*edit, deleting=True)
        ingest(session, source.memory.open(), into=into, mode="merge", delete_missing=True)
        ingest(session, source.memory.open(), into=f"h_{into}", mode="scd2", delete_missing=True)
        wanted = sorted(source.rows.values())
        assert session.query(f"SELECT * FROM {into} ORDER BY id").rows() == wanted
        assert session.query(f"SELECT id, v, \"at\" FROM h_{into} WHERE is_current ORDER BY id").rows() == wanted
    assert session.query(  # versions of one row follow each other without overlap
        f"SELECT count(*) FROM h_{into} a JOIN h_{into} b ON a.id = b.id AND a.valid_from < b.valid_from "
        "AND (a.valid_to IS NULL OR a.valid_to > b.valid_from)").rows() == [(0,)]


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rounds=st.lists(st.lists(st.tuples(VALUES, st.integers(0, 2)), max_size=6), min_size=1, max_size=4),
       lag=st.sampled_from([None, "1", "100"]))
def test_an_append_by_cursor_of_rows_that_only_come_equals_a_full_copy(
        session: Session, rounds: list[list[tuple[str | None, int]]], lag: str | None) -> None:
    source, into = Source(), f"t{next(_loads)}"
    source.memory.tables["t"].key = ()
    rows: list[tuple[int, str | None, int]] = source.memory.tables["t"].rows  # type: ignore[assignment]
    for edits in rounds:
        for value, ticks in edits:
            source.clock += ticks
            rows.append((1, value, source.clock))  # the same row may come many times
        ingest(session, source.memory.open(), into=into, mode="append", cursor="at", lag=lag)
        found = session.query(f"SELECT * FROM {into}").rows()
        assert sorted(found, key=repr) == sorted(rows, key=repr)
