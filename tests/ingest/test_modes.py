"""append, merge and scd2: what the table holds afterwards is what the source has, once."""

from __future__ import annotations

import pytest

from pluto_duck.errors import SourceError, UnknownName, UsageError
from pluto_duck.ingest import LoadedTable, ingest
from pluto_duck.session import Session
from pluto_duck.workspace import TableRef
from tests.ingest.memory import Memory, Table


def orders() -> Memory:
    return Memory(orders=Table({"id": "BIGINT", "name": "VARCHAR", "at": "BIGINT"},
                               [(1, "a", 10), (2, "b", 20), (3, "c", 30)], key=("id",)))


def load(session: Session, source: Memory, **options: object) -> LoadedTable:
    return ingest(session, source.open(), **options).tables[0]


def rows(session: Session, table: str = "orders") -> list[tuple[object, ...]]:
    return session.query(f"SELECT * FROM {table} ORDER BY ALL").rows()


# -- merge --------------------------------------------------------------------------------------------


def test_merge_inserts_what_is_new_and_updates_what_really_differs(session: Session) -> None:
    source = orders()
    assert load(session, source, mode="merge").inserted == 3
    source.tables["orders"].rows = [(1, "a", 10), (2, "B", 20), (4, "d", 40)]
    done = load(session, source, mode="merge")
    assert (done.inserted, done.updated, done.deleted, done.rows) == (1, 1, 0, 2)
    assert rows(session) == [(1, "a", 10), (2, "B", 20), (3, "c", 30), (4, "d", 40)]


def test_merge_deletes_what_is_missing_only_when_told_to(session: Session) -> None:
    source = orders()
    load(session, source, mode="merge")
    source.tables["orders"].rows = [(2, "b", 20)]
    assert load(session, source, mode="merge").deleted == 0
    assert load(session, source, mode="merge", delete_missing=True).deleted == 2
    assert rows(session) == [(2, "b", 20)]


def test_a_merge_that_changes_nothing_moves_no_version(session: Session) -> None:
    source = orders()
    load(session, source, mode="merge")
    before = session.versions()["main.orders"]
    assert load(session, source, mode="merge").rows == 0
    assert session.versions()["main.orders"] == before
    assert session.query("SELECT count(*) FROM _pluto.loads").rows() == [(2,)]


def test_merge_keeps_nulls_apart_from_values(session: Session) -> None:
    source = orders()
    load(session, source, mode="merge")
    source.tables["orders"].rows = [(1, None, 10), (2, "b", None), (3, "c", 30)]
    assert load(session, source, mode="merge").updated == 2
    assert load(session, source, mode="merge").updated == 0


def test_a_large_merge_writes_only_the_columns_that_differ_and_leaves_none_out(
        session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pluto_duck.ingest.landing.MANY", 0)
    kinds = {"id": "BIGINT", "same": "VARCHAR", "name": "VARCHAR", "x": "DOUBLE", "n": "BIGINT"}
    source = Memory(t=Table(kinds, [(1, "s", "a", 0.0, None), (2, "s", None, 1.0, 5), (3, "s", "c", 0.0, 6)], key=("id",)))
    load(session, source, mode="merge")
    source.tables["t"].rows = [(1, "s", "A", 0.0, None), (2, "s", "b", 1.0, None), (3, "s", "c", 0.0, 6), (4, "new", "d", 4.0, 7)]
    done = load(session, source, mode="merge")
    assert (done.inserted, done.updated, done.deleted) == (1, 2, 0)
    assert rows(session, "t") == [
        (1, "s", "A", 0.0, None), (2, "s", "b", 1.0, None), (3, "s", "c", 0.0, 6), (4, "new", "d", 4.0, 7)]
    before = session.versions()["main.t"]
    assert load(session, source, mode="merge").rows == 0
    assert session.versions()["main.t"] == before


def test_merge_without_any_key_is_refused_with_the_way_out(session: Session) -> None:
    source = orders()
    source.tables["orders"].key = ()
    with pytest.raises(UsageError, match="orders has no primary key, so merge can't tell") as caught:
        load(session, source, mode="merge")
    assert "--key id" in caught.value.hint
    assert load(session, source, mode="merge", key=("ID",)).inserted == 3
    assert session.tables()[0].primary_key == ("id",)
    with pytest.raises(UnknownName, match='no column "idd"'):
        load(session, source, mode="merge", key="idd")


@pytest.mark.parametrize("mode", ["merge", "scd2"])
def test_a_key_that_comes_twice_is_named_with_its_value(session: Session, mode: str) -> None:
    source = orders()
    source.tables["orders"].key = ()
    load(session, source, mode=mode, key="id")
    for _ in range(2):  # into the table that is there, and into none
        source.tables["orders"].rows = [(7, "x", 1), (7, "y", 2)]
        with pytest.raises(SourceError, match="the key id does not tell rows apart: 2 rows have id = 7"):
            load(session, source, mode=mode, key="id")
        source.tables["orders"].rows = [(None, "x", 1)]
        with pytest.raises(SourceError, match="1 rows have no value in the key id"):
            load(session, source, mode=mode, key="id")
        session.query("DROP TABLE IF EXISTS orders")


def test_merge_into_a_table_made_by_hand(session: Session) -> None:
    session.query("CREATE TABLE mine (ID INTEGER, name VARCHAR, note VARCHAR DEFAULT 'none')")
    session.query("INSERT INTO mine VALUES (1, 'old', 'kept')")
    done = load(session, orders(), mode="merge", into="mine")
    assert (done.inserted, done.updated) == (2, 1)
    assert session.query("SELECT id, name, note, \"at\" FROM mine ORDER BY 1").rows() == [
        (1, "a", "kept", 10), (2, "b", "none", 20), (3, "c", "none", 30)]
    assert "the column ID was widened from INTEGER to BIGINT" in done.notices


def test_a_key_of_several_columns(session: Session) -> None:
    source = Memory(t=Table({"a": "BIGINT", "b": "VARCHAR", "v": "BIGINT"}, [(1, "x", 1), (1, "y", 2)], key=("a", "b")))
    load(session, source, mode="merge")
    source.tables["t"].rows = [(1, "y", 3), (2, "x", 4)]
    done = load(session, source, mode="merge")
    assert (done.inserted, done.updated) == (1, 1)
    assert rows(session, "t") == [(1, "x", 1), (1, "y", 3), (2, "x", 4)]


def test_a_table_that_is_nothing_but_key_can_be_merged(session: Session) -> None:
    source = Memory(t=Table({"a": "BIGINT"}, [(1,)], key=("a",)))
    load(session, source, mode="merge")
    source.tables["t"].rows = [(1,), (2,)]
    assert load(session, source, mode="merge").inserted == 1
    assert load(session, source, mode="scd2", into="h").inserted == 2
    assert load(session, source, mode="scd2", into="h").rows == 0


def test_a_merge_key_that_needs_a_wider_type_gets_it(session: Session) -> None:
    source = Memory(t=Table({"a": "SMALLINT", "v": "VARCHAR"}, [(1, "x")], key=("a",), not_null=("v",)))
    load(session, source, mode="merge")
    source.tables["t"] = Table({"a": "BIGINT", "v": "VARCHAR"}, [(1, "y"), (2**40, "z")], key=("a",), not_null=("v",))
    assert "the column a was widened from SMALLINT to BIGINT" in load(session, source, mode="merge").notices
    assert rows(session, "t") == [(1, "y"), (2**40, "z")]
    table = session.tables()[0]
    assert (table.primary_key, table.columns[1].nullable) == (("a",), False)


@pytest.mark.parametrize(("options", "said"), [
    ({"delete_missing": True}, "Nothing is ever missing after replace"),
    ({"mode": "merge", "delete_missing": True, "cursor": "at"}, "With a cursor only some rows"),
    ({"mode": "merge", "delete_missing": True, "where": "id > 1"}, "With --where only some rows"),
    ({"mode": "append", "cursor": "at", "limit": 5}, "stay behind the cursor"),
    ({"mode": "append", "cursor": "xmin"}, "xmin tells which rows were written"),
    ({"lag": "1"}, "--lag says where to begin"),
    ({"sample": 0.0}, "makes no sense"),
    ({"limit": 10**25}, "No table has that many rows"),
    ({"columns": "grow"}, "There is no columns 'grow'"),
])
def test_what_would_lose_or_double_rows_is_refused(session: Session, options: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        load(session, orders(), **options)
    assert caught.value.hint


# -- scd2 ---------------------------------------------------------------------------------------------


def versions(session: Session) -> list[tuple[object, ...]]:
    return session.query("SELECT id, name, is_current, valid_to IS NULL FROM history "
                         "ORDER BY id, valid_from").rows()


def test_scd2_keeps_every_version_of_a_row(session: Session) -> None:
    source = orders()
    assert load(session, source, mode="scd2", into="history").inserted == 3
    source.tables["orders"].rows = [(1, "a", 10), (2, "B", 20), (4, "d", 40)]
    done = load(session, source, mode="scd2", into="history")
    assert (done.inserted, done.updated, done.deleted) == (1, 1, 0)
    assert versions(session) == [(1, "a", True, True), (2, "b", False, False), (2, "B", True, True),
                                 (3, "c", True, True), (4, "d", True, True)]
    assert load(session, source, mode="scd2", into="history").rows == 0
    assert session.query(  # one version ends where the next begins
        "SELECT count(*) FROM history a JOIN history b ON a.id = b.id AND a.valid_to = b.valid_from").rows() == [(1,)]


def test_scd2_closes_what_vanished_and_opens_it_again(session: Session) -> None:
    source = orders()
    load(session, source, mode="scd2", into="history")
    gone = source.tables["orders"].rows.pop()
    assert load(session, source, mode="scd2", into="history").deleted == 0
    assert load(session, source, mode="scd2", into="history", delete_missing=True).deleted == 1
    source.tables["orders"].rows.append(gone)
    assert load(session, source, mode="scd2", into="history").inserted == 1
    assert versions(session)[-2:] == [(3, "c", False, False), (3, "c", True, True)]


def test_scd2_into_a_table_without_history_is_refused(session: Session) -> None:
    session.query("CREATE TABLE history (id BIGINT)")
    with pytest.raises(UsageError, match="holds no history"):
        load(session, orders(), mode="scd2", into="history")
    source = Memory(t=Table({"id": "BIGINT", "Valid_From": "VARCHAR"}, key=("id",)))
    with pytest.raises(UsageError, match="has a column Valid_From of its own"):
        load(session, source, mode="scd2")


# -- incremental --------------------------------------------------------------------------------------


@pytest.mark.parametrize("selects", [frozenset(), frozenset({"cursor", "after"})])
@pytest.mark.parametrize("mode", ["append", "merge"])
def test_the_next_load_takes_what_is_new_and_neither_loses_nor_doubles_the_boundary(
        session: Session, mode: str, selects: frozenset[str]) -> None:
    source = orders()
    source.selects = selects
    load(session, source, mode=mode, cursor="at")
    source.tables["orders"].rows += [(4, "same moment", 30), (5, "e", 50)]
    done = load(session, source, mode=mode, cursor="at")
    assert done.rows == 2
    assert rows(session) == source.tables["orders"].rows
    assert load(session, source, mode=mode, cursor="at").rows == 0
    assert (source.reads[-1][1].after, source.reads[-1][1].cursor) == (("50", "at") if selects else (None, ""))


def test_a_lag_looks_again_at_rows_that_came_late(session: Session) -> None:
    source = orders()
    load(session, source, mode="append", cursor="at")
    source.tables["orders"].rows = [(1, "a", 10), (2, "changed", 20), (9, "late", 21), (3, "c", 30), (4, "d", 40)]
    done = load(session, source, mode="append", cursor="at", lag="10")
    assert (done.inserted, done.updated) == (2, 1)
    assert rows(session) == sorted(source.tables["orders"].rows)
    with pytest.raises(UsageError, match="A lag of '1 hour' can't be taken from a cursor of type BIGINT"):
        load(session, source, mode="append", cursor="at", lag="1 hour")


def test_nothing_new_moves_no_version_but_is_recorded(session: Session) -> None:
    source = orders()
    load(session, source, mode="append", cursor="at")
    before = session.versions()["main.orders"]
    assert load(session, source, mode="append", cursor="at").rows == 0
    assert load(session, source, mode="append", cursor="at").rows == 0
    assert session.versions()["main.orders"] == before
    assert session.query("SELECT rows FROM _pluto.loads ORDER BY finished_at").rows() == [(3,), (0,), (0,)]


@pytest.mark.parametrize("cursor", ["at", "xmin"])
def test_a_source_that_can_tell_that_nothing_is_new_is_not_read(session: Session, cursor: str) -> None:
    source = orders()
    source.pulses = True
    source.selects = frozenset({"cursor", "after", "changed_since"})
    for expected in (1, 2, 2, 2):
        load(session, source, mode="merge", cursor=cursor)
        assert len(source.reads) == expected
    source.tables["orders"].rows.append((4, "d", 30))
    assert load(session, source, mode="merge", cursor=cursor).inserted == 1
    assert load(session, source, mode="merge", cursor=cursor).rows == 0
    before = len(source.reads)
    assert load(session, source, mode="merge", cursor=cursor).rows == 0
    assert len(source.reads) == before
    session.query("DELETE FROM orders WHERE id = 4")
    assert load(session, source, mode="merge", cursor=cursor).inserted == 1
    assert session.query("SELECT count(*) FROM _pluto.loads").rows() == [(8,)]


def test_since_says_where_the_first_load_begins(session: Session) -> None:
    source = orders()
    load(session, source, mode="append", cursor="at", since="20")
    assert rows(session) == [(2, "b", 20), (3, "c", 30)]


def test_rows_without_a_cursor_are_told(session: Session) -> None:
    source = orders()
    source.tables["orders"].rows.append((4, "never", None))
    assert "1 rows have no at: what changes in them later will not be seen" in load(
        session, source, mode="merge", cursor="AT").notices


def test_a_cursor_that_can_not_grow_is_refused(session: Session) -> None:
    source = Memory(t=Table({"id": "BIGINT", "flag": "BOOLEAN"}, key=("id",)))
    with pytest.raises(UsageError, match=r"t.flag is BOOLEAN, which does not grow"):
        load(session, source, mode="append", cursor="flag")
    with pytest.raises(UnknownName, match='no column "updated_at" in t'):
        load(session, source, mode="append", cursor="updated_at")
    with pytest.raises(UsageError, match="has no row versions"):
        load(session, source, mode="merge", cursor="xmin")


def test_row_versions_of_the_source_are_a_cursor_too(session: Session) -> None:
    source = orders()
    source.selects = frozenset({"changed_since"})
    load(session, source, mode="merge", cursor="xmin")
    source.tables["orders"].rows += [(4, "d", 40), (1, "changed", 10)]
    done = load(session, source, mode="merge", cursor="xmin")
    assert (done.inserted, done.updated) == (1, 1)
    assert source.reads[-1][1].changed_since == {"rows": 3}
    assert load(session, source, mode="merge", cursor="xmin").rows == 0
    assert source.reads[-1][1].changed_since == {"rows": 5}


def test_replace_with_a_cursor_loads_all_and_begins_anew(session: Session) -> None:
    source = orders()
    load(session, source, mode="append", cursor="at")
    source.tables["orders"].rows = [(8, "low", 1)]
    assert load(session, source, cursor="at").rows == 1
    source.tables["orders"].rows.append((9, "next", 2))
    assert load(session, source, mode="append", cursor="at").rows == 1
    assert rows(session) == [(8, "low", 1), (9, "next", 2)]


def test_a_table_that_was_dropped_is_loaded_whole_again(session: Session) -> None:
    source = orders()
    load(session, source, mode="append", cursor="at")
    session.query("DROP TABLE orders")
    done = load(session, source, mode="append", cursor="at")
    assert done.rows == 3
    assert done.notices == ("orders was dropped here since its last load: loaded whole again",)


def test_a_table_that_was_made_anew_is_loaded_whole_again(session: Session) -> None:
    source = orders()
    load(session, source, mode="append", cursor="at")
    session.query("CREATE OR REPLACE TABLE orders (id BIGINT, name VARCHAR, \"at\" BIGINT)")
    done = load(session, source, mode="append", cursor="at")
    assert done.notices == ("orders was made anew here since its last load: loaded whole again",)
    assert rows(session) == source.tables["orders"].rows


def test_a_merged_table_that_was_changed_by_hand_is_compared_whole(session: Session) -> None:
    source = orders()
    load(session, source, mode="merge", cursor="at")
    session.query("DELETE FROM orders WHERE id = 1")
    session.query("UPDATE orders SET name = 'mine' WHERE id = 2")
    session.query("CREATE TABLE unrelated (i INTEGER)")
    done = load(session, source, mode="merge", cursor="at")
    assert (done.inserted, done.updated) == (1, 1)
    assert done.notices == ("orders was changed here since its last load: all of the source was compared with it",)
    assert rows(session) == source.tables["orders"].rows
    assert load(session, source, mode="merge", cursor="at").notices == ()


def test_rows_of_other_origin_are_never_taken_away(session: Session) -> None:
    first, second = orders(), orders()
    second.tables = {"more": Table({"id": "BIGINT", "name": "VARCHAR", "at": "BIGINT"}, [(90, "z", 30)])}
    first.tables["orders"].key = ()
    for _ in range(2):
        load(session, first, mode="append", cursor="at", into="all")
        load(session, second, mode="append", cursor="at", into="all")
    session.query("INSERT INTO \"all\" VALUES (77, 'by hand', 30)")
    first.tables["orders"].rows.append((4, "d", 30))
    load(session, first, mode="append", cursor="at", into="all")
    load(session, second, mode="append", cursor="at", into="all")
    assert [row[0] for row in rows(session, '"all"')] == [1, 2, 3, 4, 77, 90]


def test_another_filter_than_last_time_is_noticed(session: Session) -> None:
    source = orders()
    load(session, source, mode="merge", cursor="at", where="id < 3")
    done = load(session, source, mode="merge", cursor="at")
    assert (done.inserted, rows(session)) == (1, source.tables["orders"].rows)
    load(session, source, mode="append", cursor="at", where="id < 3", into="other")
    with pytest.raises(UsageError, match="going on would double rows"):
        load(session, source, mode="append", cursor="at", into="other")


def test_an_increment_of_many_rows_is_read_by_the_host(session: Session, tmp_path: object) -> None:
    source = orders()
    source.selects = frozenset({"cursor", "after"})
    source.native_folder = tmp_path  # type: ignore[assignment]
    load(session, source, mode="merge", cursor="at")
    source.tables["orders"].rows += [(i, "x", i) for i in range(100, 30_100)]
    done = load(session, source, mode="merge", cursor="at")
    assert (done.native, done.inserted) == (True, 30_000)
    assert load(session, source, mode="merge", cursor="at").native is False


# -- filters ------------------------------------------------------------------------------------------


def test_what_the_source_can_not_choose_is_chosen_here(session: Session) -> None:
    source = orders()
    assert load(session, source, where="id > 1 -- not one", limit=1).rows == 1
    assert rows(session)[0][0] in (2, 3)
    with pytest.raises(UsageError, match="is not one condition"):
        load(session, source, where="true)); DROP TABLE orders; SELECT ((1")
    source.tables["orders"].rows = [(i, "x", i) for i in range(20_000)]
    assert 0 < load(session, source, sample=10).rows < 20_000
    assert session.tables()[0].ref == TableRef("orders")
