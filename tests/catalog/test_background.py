"""Values are read beside the questions, kept between processes, and never block anybody."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pluto_duck import catalog as room
from pluto_duck.catalog import Catalog, ValueIndex, background
from pluto_duck.catalog.store import Kept, ValueStore
from pluto_duck.session import Session
from pluto_duck.workspace import Workspace
from pluto_duck.workspace.locks import FileLock

WAIT_S = 60.0


@pytest.fixture
def kernel(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    """A session that asks again, and for which 20 rows are many."""
    monkeypatch.setattr(room, "READ_AT_ONCE", 20)
    with Session.open(workspace.root, role="kernel") as session:
        yield session
        assert background.wait(workspace.root, WAIT_S)


def _fill(session: Session) -> None:
    session.query("CREATE TABLE small AS SELECT 'red' AS colour; "
                  "CREATE TABLE large AS SELECT ['London', 'Paris'][1 + i % 2] AS city FROM range(100) t(i)")


def _values(session: Session) -> ValueIndex:
    return Catalog.of(session).values(session)


def _texts(index: ValueIndex, text: str) -> list[str]:
    return [one.text for one in index.exact(text)]


def test_a_question_gets_what_is_there_and_is_told_what_is_not(kernel: Session) -> None:
    _fill(kernel)
    lock = FileLock.try_acquire(kernel.workspace.folder / "values.lock")
    assert lock is not None  # nobody else can read now
    index = _values(kernel)
    assert background.wait(kernel.workspace.root, WAIT_S)
    assert (_texts(index, "RED"), _texts(index, "london")) == (["red"], [])
    assert [one.ref.name for one in index.unread()] == ["large"]
    lock.close()
    assert _values(kernel) is index
    assert background.wait(kernel.workspace.root, WAIT_S)
    assert (_texts(index, "london"), index.unread()) == (["London"], [])
    assert [one.text for one, _score in index.alike("Londonn")] == ["London"]


def test_a_question_does_not_read_what_is_being_read(kernel: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer tables are left the longer it goes on, and the rest would seem few enough."""
    _fill(kernel)
    monkeypatch.setattr(room, "READ_AT_ONCE", 1_000_000)
    monkeypatch.setattr(room, "pending", lambda root: frozenset({"main.large"}))
    monkeypatch.setattr(room, "read", lambda session, tables: None)
    index = _values(kernel)
    assert (_texts(index, "red"), [one.ref.name for one in index.unread()]) == (["red"], ["large"])


def test_values_of_before_are_used_until_a_table_has_been_read_again(kernel: Session) -> None:
    _fill(kernel)
    _values(kernel)
    assert background.wait(kernel.workspace.root, WAIT_S)
    kernel.query("INSERT INTO large VALUES ('Oslo')")
    lock = FileLock.try_acquire(kernel.workspace.folder / "values.lock")
    assert lock is not None
    index = _values(kernel)
    assert background.wait(kernel.workspace.root, WAIT_S)
    assert (_texts(index, "paris"), _texts(index, "oslo")) == (["Paris"], [])
    assert [one.ref.name for one in index.unread()] == ["large"]
    lock.close()
    assert _texts(_values(kernel), "paris") == ["Paris"]
    assert background.wait(kernel.workspace.root, WAIT_S)
    assert _texts(index, "oslo") == ["Oslo"]


def test_a_shell_reads_all_at_once(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "READ_AT_ONCE", 20)
    with Session.open(workspace.root) as session:
        _fill(session)
        assert _texts(_values(session), "london") == ["London"]


def test_the_next_process_starts_warm(session: Session) -> None:
    _fill(session)
    _values(session)
    code = ("import sys; from pluto_duck.session import Session; from pluto_duck.catalog import Catalog\n"
            "session = Session.open(sys.argv[1]); run = session.query\n"
            "session.query = lambda sql, *a, **k: (print('read') if 'SELECT DISTINCT' in sql else None, run(sql, *a, **k))[1]\n"
            "print(Catalog.of(session).values(session).exact('paris')[0].text)")
    done = subprocess.run([sys.executable, "-c", code, str(session.workspace.root)], capture_output=True, text=True,
                          timeout=120, check=True)
    assert done.stdout.split() == ["Paris"]


def test_another_table_under_the_same_name_is_read_again(session: Session) -> None:
    _fill(session)
    _values(session)
    session.query("DROP TABLE small")
    session.query("CREATE TABLE small AS SELECT 'blue' AS colour")
    index = _values(session)
    assert (_texts(index, "blue"), _texts(index, "red")) == (["blue"], [])
    session.query("DROP TABLE small")
    assert _texts(_values(session), "blue") == []
    assert "main.small" not in ValueStore(session.workspace.folder / "values.sqlite").kept()


def test_a_table_that_grew_wide_leaves_the_index(session: Session) -> None:
    session.query("CREATE TABLE t AS SELECT 'v' || i AS code FROM range(300000) t(i)")
    catalog = Catalog.of(session)
    assert len(catalog.values(session)) == 0
    assert catalog.large_columns(catalog.tables[0].ref) == ["code"]


def test_only_the_first_rows_of_a_large_table_were_alike(session: Session) -> None:
    """What was seen in a sample says nothing of the rest: the column is counted before it is read."""
    session.query("CREATE TABLE t AS SELECT CASE WHEN i < 250000 THEN 'same' ELSE 'v' || i END AS code FROM range(300000) t(i)")
    catalog = Catalog.of(session)
    assert (len(catalog.values(session)), catalog.large_columns(catalog.tables[0].ref)) == (0, ["code"])


@pytest.mark.skipif(os.name != "posix", reason="modes and links as POSIX has them")
def test_the_cache_is_the_users_alone_and_no_link_leads_it_elsewhere(session: Session, tmp_path: Path) -> None:
    outside, cache = tmp_path / "outside", session.workspace.folder / "values.sqlite"
    outside.write_text("mine")
    cache.symlink_to(outside)
    _fill(session)
    assert _texts(_values(session), "red") == ["red"]
    assert outside.read_text() == "mine"
    assert stat.S_IMODE(cache.stat().st_mode) == 0o600


@pytest.mark.parametrize("content", [b"no database at all, but long enough to be looked at", b""])
def test_a_damaged_cache_is_begun_anew(session: Session, content: bytes) -> None:
    (session.workspace.folder / "values.sqlite").write_bytes(content)
    _fill(session)
    assert _texts(_values(session), "red") == ["red"]


def test_a_cache_that_is_torn_in_the_middle_is_begun_anew(session: Session) -> None:
    session.query("CREATE TABLE t AS SELECT 'some word ' || i AS a FROM range(3000) t(i)")
    assert _texts(_values(session), "some word 7") == ["some word 7"]
    cache = session.workspace.folder / "values.sqlite"
    store = ValueStore(cache)
    store._rows("PRAGMA wal_checkpoint(TRUNCATE)")
    store.close()
    whole = cache.read_bytes()
    begun = len(whole) * 3 // 4  # it opens: the first pages, which name the tables, are whole
    cache.write_bytes(whole[:begun] + b"torn" * ((len(whole) - begun) // 4))
    torn = ValueStore(cache)
    torn.keys()
    assert torn.words() == []  # whichever of the two met the torn pages
    assert torn.put("main.t", Kept(1, "", ()), [("red", "a", "Red")])
    assert torn.exact("red") == [("main.t", "a", "Red")]
    torn.close()


def test_a_cache_of_many_values_and_no_keys_opens_at_once(session: Session) -> None:
    """A process of its own, which can be ended: SQLite would go through all pairs of values and words."""
    cache = session.workspace.folder / "values.sqlite"
    store = ValueStore(cache)
    store.put("main.t", Kept(1, "", ()), [(f"some word {i}", "a", f"Some word {i}") for i in range(50_000)])
    store.close()
    program = "import sys; from pathlib import Path; from pluto_duck.catalog.store import ValueStore; " \
              "print(len(ValueStore(Path(sys.argv[1])).keys()))"
    done = subprocess.run([sys.executable, "-c", program, str(cache)], capture_output=True, text=True, timeout=WAIT_S)
    assert done.stdout.strip() == "50000", done.stderr


def test_a_cache_of_other_things_is_begun_anew(session: Session) -> None:
    _fill(session)
    _values(session)
    store = ValueStore(session.workspace.folder / "values.sqlite")
    store._rows("UPDATE tables SET large = 'nonsense'")
    assert store.kept() == {}
    store.close()
    with Session.open(session.workspace.root) as again:
        assert _texts(_values(again), "red") == ["red"]


def test_a_view_that_is_broken_is_no_reason_to_read_for_ever(session: Session) -> None:
    session.query("CREATE TABLE t AS SELECT 'x' AS a; CREATE VIEW v AS SELECT a, a::INTEGER AS b FROM t")
    index = _values(session)
    assert index.unread() == []


def test_closing_the_session_ends_the_reading(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "READ_AT_ONCE", 0)
    with Session.open(workspace.root, role="kernel") as session:
        _fill(session)
        _values(session)
    assert background.wait(workspace.root, WAIT_S)
    with Session.open(workspace.root) as again:
        assert again.hosting == "host"
        assert _texts(_values(again), "paris") == ["Paris"]
