"""What a load has written leaves the memory while it goes on, and nobody's statement meets the lower limit."""

from __future__ import annotations

import threading

import pytest

from pluto_duck.ingest import ingest
from pluto_duck.session import Session
from pluto_duck.session.trimming import AT, KEEP, in_bytes, written
from pluto_duck.workspace.database import _open
from tests.ingest.memory import Memory, Table

LIMIT = "SELECT current_setting('memory_limit')"


def pages(session: Session) -> int:
    return int(session.internal(["SELECT memory_usage_bytes FROM duckdb_memory() WHERE tag = 'BASE_TABLE'"])[0][0][0])


def limit(session: Session) -> str:
    return str(session.query(LIMIT).rows()[0][0])


def fill(session: Session) -> None:
    session.query("CREATE TABLE big AS SELECT random() AS a, random() AS b FROM range(4000000)")
    assert pages(session) > AT


def test_pages_that_stand_in_the_file_are_let_go_and_the_limit_is_as_it_was(session: Session) -> None:
    before = limit(session)
    fill(session)
    total = session.query("SELECT bit_xor(hash(a, b)) FROM big").rows()
    for _ in range(3):
        session.trim()
        assert pages(session) <= KEEP + (1 << 20)
        assert session.query("SELECT bit_xor(hash(a, b)) FROM big").rows() == total
        assert limit(session) == before


def test_nothing_is_let_go_under_a_running_statement(session: Session) -> None:
    fill(session)
    before = pages(session)
    with Session.open(session.workspace.root) as other:
        with other.stream("SELECT a FROM big") as rows:
            next(iter(rows))
            session.trim()
            assert pages(session) >= before
        session.trim()
        assert pages(session) < before


def test_nothing_is_let_go_where_a_connection_was_handed_out(session: Session) -> None:
    fill(session)
    before = pages(session)
    database = next(one for one in _open if one.path == session.workspace.database)
    database.cursor().native()
    session.trim()
    assert pages(session) >= before


@pytest.mark.parametrize("text", ["18.8 GiB", "476.8 MiB", "1.0 GiB", "975.5 KiB"])
def test_a_limit_that_is_set_again_is_called_the_same(session: Session, text: str) -> None:
    again = written(text)
    assert again is not None
    assert in_bytes(text) <= in_bytes(again) < in_bytes(text) * 1.06
    session.internal([f"SET GLOBAL memory_limit = '{again}'"])
    assert limit(session) == text


def test_a_load_lets_go_while_it_runs(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = threading.Event()
    trim = Session.trim

    def note(self: Session) -> None:
        trim(self)
        asked.set()

    monkeypatch.setattr(Session, "trim", note)
    source = Memory(t=Table({"id": "BIGINT"}, [(i,) for i in range(10)], key=("id",)))
    waited: list[bool] = []
    source.on_batch = lambda table, batch: waited.append(asked.wait(20))
    assert ingest(session, source.open()).tables[0].rows == 10
    assert waited == [True]
    asked.clear()
    source.on_batch = lambda table, batch: waited.append(asked.wait(0.5))
    ingest(session, source.open(), mode="merge")  # what it reads of its table is wanted again
    assert waited[1:] == [False]
