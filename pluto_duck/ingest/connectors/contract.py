"""The tests every connector must pass. For a plug-in, in its own test suite:

    class TestMine(ConnectorContract):
        @pytest.fixture
        def source(self, tmp_path):
            ...                                   # put ROWS into a table called `things`
            return Source(MyConnector, "my://address")

The table `things` has the columns of COLUMNS and the rows of ROWS; a second table, `others`, is there too.
A source that can hold any table passes OddTables as well: no rows, hundreds of columns, names that hurt.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest

from pluto_duck.errors import PlutoError, UnknownName, UsageError
from pluto_duck.ingest.connectors import EVERYTHING, Connector, Selection, SourceTable

COLUMNS = ("id", "name", "amount")
ROWS = ((1, "one", 1.5), (2, "", -0.25), (3, 'tw"o, three\nlines', 1e300), (4, None, None), (5, "naïve 鴨", 0.1))
"""`id` is a whole number, `name` text (the second one is empty, not missing), `amount` a double."""


@dataclass(frozen=True)
class Source:
    connector: type[Connector]
    uri: str
    secret: str = ""
    """A password inside `uri`, if it holds one."""
    empty_text_is_null: bool = False
    """For formats that can't tell an empty text from a missing one."""


EMPTY = "empty"
"""A table with the columns of COLUMNS and no row."""
WIDE = "wide"
WIDE_COLUMNS = 300
"""Whole numbers, n0 to n299; in its only row each holds its own number."""
ODD = "sel\"ect; it's 鴨 --"
ODD_COLUMNS = ("order", 'a"b', "it's", "zażółć %s {0}", "SELECT *")
"""Texts; in the only row of ODD each holds its own name."""


def rows_of(connector: Connector, table: SourceTable, selection: Selection = EVERYTHING) -> list[tuple[Any, ...]]:
    """What a stream gives once the columns' expressions are applied, as DuckDB would."""
    import pyarrow

    from pluto_duck.workspace.database import open_memory

    reader = connector.read(table, selection)
    batches = list(reader)  # here, so that an error of the source comes out as it is
    memory = open_memory()
    memory.register("incoming", pyarrow.Table.from_batches(batches, reader.schema))
    picked = ", ".join(f"CAST({column.expression} AS {column.type})" for column in table.columns)
    return list(memory.execute(f"SELECT {picked} FROM incoming").fetchall())


@contextmanager
def host(connector: Connector) -> Iterator[Any]:
    """A DuckDB with the source open as a host would have it; None where it can't read this source."""
    from pluto_duck.workspace import extensions
    from pluto_duck.workspace.database import open_memory

    native = connector.native()
    memory = open_memory(["SET TimeZone = 'UTC'"])
    if native is None or not all(extensions.load(memory, one) for one in native.extensions):
        yield None
        return
    for statement in native.open:
        memory.execute(statement)
    try:
        yield memory
    finally:
        for statement in native.close:
            memory.execute(statement)


def rows_scanned(memory: Any, connector: Connector, table: SourceTable,
                 selection: Selection = EVERYTHING) -> list[tuple[Any, ...]] | None:
    """The same rows as the host reads them; None where this table must come by `read`."""
    scan = connector.scan(table, selection)
    if scan is None:
        return None
    memory.execute("BEGIN")
    try:
        for statement in scan.begin:
            memory.execute(statement).fetchall()
        assert len(scan.expressions) == len(table.columns)
        picked = ", ".join(f"CAST({expression} AS {column.type})"
                           for expression, column in zip(scan.expressions, table.columns, strict=True))
        return list(memory.execute(f"SELECT {picked} FROM ({scan.sql})").fetchall())
    finally:
        memory.execute("ROLLBACK")


class ConnectorContract:
    """Subclass it and give the fixture `source`."""

    def things(self, connector: Connector) -> SourceTable:
        return connector.discover(["things"])[0]

    def test_it_accepts_its_own_address_and_no_foreign_one(self, source: Source) -> None:
        assert source.connector.accepts(source.uri)
        assert not source.connector.accepts("unheard-of://somewhere/else")

    def test_making_one_connects_nowhere_and_keeps_secrets(self, source: Source) -> None:
        connector = source.connector(source.uri)
        assert connector.kind
        assert connector.source
        if source.secret:
            assert source.secret not in connector.source + repr(connector)

    def test_check_says_in_one_line_what_answers(self, source: Source) -> None:
        with source.connector(source.uri) as connector:
            said = connector.check()
        assert said
        assert "\n" not in said

    def test_discover_lists_every_table_with_its_columns(self, source: Source) -> None:
        with source.connector(source.uri) as connector:
            tables = {table.name: table for table in connector.discover()}
        assert {"things", "others"} <= set(tables)
        assert tuple(column.name for column in tables["things"].columns) == COLUMNS
        assert all(column.type and column.expression for column in tables["things"].columns)

    def test_named_tables_come_in_the_order_asked_for(self, source: Source) -> None:
        with source.connector(source.uri) as connector:
            assert [table.name for table in connector.discover(["things", "others"])] == ["things", "others"]
            assert [table.name for table in connector.discover(["oth*", "things"])] == ["others", "things"]

    def test_an_unknown_table_is_answered_with_the_nearest_name(self, source: Source) -> None:
        with source.connector(source.uri) as connector, pytest.raises(UnknownName) as caught:
            connector.discover(["thinks"])
        assert "things" in caught.value.facts["nearest"]

    def test_every_value_arrives_as_it_is(self, source: Source) -> None:
        with source.connector(source.uri) as connector:
            rows = sorted(rows_of(connector, self.things(connector)))
        assert rows == [self._expected(row, source) for row in ROWS]

    def _expected(self, row: tuple[Any, ...], source: Source) -> tuple[Any, ...]:
        return tuple(None if value == "" and source.empty_text_is_null else value for value in row)

    def test_columns_can_be_left_out(self, source: Source) -> None:
        with source.connector(source.uri) as connector:
            things = self.things(connector)
            narrow = replace(things, columns=(things.columns[2], things.columns[0]))
            rows = rows_of(connector, narrow)
        assert sorted(rows, key=lambda row: row[1]) == [(row[2], row[0]) for row in ROWS]

    def test_a_stream_may_be_left_early_and_another_read(self, source: Source) -> None:
        with source.connector(source.uri) as connector:
            things = self.things(connector)
            left = connector.read(things)
            left.read_next_batch()
            del left
            assert len(rows_of(connector, things)) == len(ROWS)

    def test_a_stream_that_was_left_does_not_keep_the_connector_open(self, source: Source) -> None:
        with source.connector(source.uri) as connector:
            left = connector.read(self.things(connector))
            left.read_next_batch()
        assert left.schema is not None

    def test_an_impossible_cast_is_an_error_of_ours(self, source: Source) -> None:
        with source.connector(source.uri) as connector:
            things = self.things(connector)
            with pytest.raises(PlutoError) as caught:
                connector.cast(things, things.columns[1], "no_such_type")
            assert caught.value.hint
            assert len(rows_of(connector, things)) == len(ROWS)

    def test_interrupting_nothing_does_nothing(self, source: Source) -> None:
        with source.connector(source.uri) as connector:
            connector.interrupt()
            assert len(rows_of(connector, self.things(connector))) == len(ROWS)

    def test_state_is_plain_json(self, source: Source) -> None:
        import json

        with source.connector(source.uri) as connector:
            connector.discover()
            assert json.loads(json.dumps(dict(connector.state()))) == dict(connector.state())

    def test_an_unknown_option_is_refused_by_name(self, source: Source) -> None:
        connector = source.connector(source.uri)
        connector.configure({})
        with pytest.raises(UsageError) as caught:
            connector.configure({"no_such_option": "1"})
        assert "no_such_option" in caught.value.message
        assert caught.value.hint

    def test_what_it_selects_itself_is_selected(self, source: Source) -> None:
        with source.connector(source.uri) as connector:
            things = self.things(connector)
            for field, selection, ids in (
                    ("where", Selection(where="id > 2"), [3, 4, 5]),
                    ("where", Selection(where="id > 2 OR id = 1"), [1, 3, 4, 5]),
                    ("cursor", Selection(cursor="id", after="3"), [3, 4, 5]),
                    ("cursor", Selection(where="id < 5", cursor="id", after="3"), [3, 4])):
                if field in connector.selects and (not selection.where or "where" in connector.selects):
                    assert sorted(row[0] for row in rows_of(connector, things, selection)) == ids
            if "limit" in connector.selects:
                assert len(rows_of(connector, things, Selection(limit=2))) == 2
                assert rows_of(connector, things, Selection(limit=0)) == []
            if "sample" in connector.selects:
                assert len(rows_of(connector, things, Selection(sample=100))) == len(ROWS)
                assert rows_of(connector, things, Selection(sample=0)) == []

    def test_a_condition_that_makes_no_sense_is_an_error_of_ours(self, source: Source) -> None:
        with source.connector(source.uri) as connector:
            if "where" not in connector.selects:
                return
            things = self.things(connector)
            for where in ("no_such_column = 1", "id = 1) --", "id = 1; DROP TABLE things", "("):
                with pytest.raises(PlutoError):
                    rows_of(connector, things, Selection(where=where))
            assert len(rows_of(connector, self.things(connector))) == len(ROWS)

    def test_the_host_reads_the_same_values(self, source: Source) -> None:
        with source.connector(source.uri) as connector:
            things = self.things(connector)
            with host(connector) as memory:
                for selection in (EVERYTHING, Selection(cursor="id", after="3"), Selection(where="id = 2 OR id = 4")):
                    scanned = rows_scanned(memory, connector, things, selection) if memory is not None else None
                    if scanned is None or (selection.where and "where" not in connector.selects) \
                            or (selection.cursor and "cursor" not in connector.selects):
                        continue
                    assert sorted(scanned) == sorted(rows_of(connector, things, selection))

    def test_the_host_s_errors_come_back_in_the_source_s_words_or_untouched(self, source: Source) -> None:
        with source.connector(source.uri) as connector:
            mine = PlutoError("nothing to do with it")
            assert connector.explained(mine, self.things(connector)) is mine

    def test_a_twin_reads_the_same_and_leaves_the_first_alone(self, source: Source) -> None:
        with source.connector(source.uri) as connector:
            things = self.things(connector)
            twin = connector.twin()
            if twin is not None:
                with_first = rows_of(connector, things)
                assert sorted(rows_of(twin, things)) == sorted(with_first)
                twin.__exit__(None, None, None)
            assert len(rows_of(connector, things)) == len(ROWS)

    def test_nothing_is_left_out_of_good_rows(self, source: Source) -> None:
        with source.connector(source.uri) as connector:
            things = self.things(connector)
            rows_of(connector, things)
            assert connector.rejects(things) is None

    def test_a_query_is_one_table_or_refused(self, source: Source) -> None:
        with source.connector(source.uri) as connector:
            try:
                tables = connector.discover(["picked"], query="SELECT id, name FROM things WHERE id < 3")
            except UsageError:
                return
            assert [table.name for table in tables] == ["picked"]
            assert sorted(row[0] for row in rows_of(connector, tables[0])) == [1, 2]
            with pytest.raises(PlutoError):
                connector.discover(["picked"], query="SELECT no_such_column FROM things")
            with pytest.raises(PlutoError):
                connector.discover(["picked"], query="DROP TABLE things")

    def test_an_unknown_schema_is_refused(self, source: Source) -> None:
        with source.connector(source.uri) as connector, pytest.raises(PlutoError):
            connector.discover(schema="no_such_schema")


class OddTables:
    """For sources that can hold any table. Give the fixture `odd_source`, with EMPTY, WIDE and ODD in it."""

    def test_a_table_without_rows_has_its_columns(self, odd_source: Source) -> None:
        with odd_source.connector(odd_source.uri) as connector:
            table = connector.discover([EMPTY])[0]
            assert tuple(column.name for column in table.columns) == COLUMNS
            assert all(column.type for column in table.columns)
            assert rows_of(connector, table) == []

    def test_hundreds_of_columns_come_in_their_order(self, odd_source: Source) -> None:
        with odd_source.connector(odd_source.uri) as connector:
            table = connector.discover([WIDE])[0]
            assert [column.name for column in table.columns] == [f"n{i}" for i in range(WIDE_COLUMNS)]
            assert rows_of(connector, table) == [tuple(range(WIDE_COLUMNS))]

    def test_names_with_quotes_keywords_and_unicode_are_names(self, odd_source: Source) -> None:
        with odd_source.connector(odd_source.uri) as connector:
            table = connector.discover([ODD])[0]
            assert table.name == ODD
            assert tuple(column.name for column in table.columns) == ODD_COLUMNS
            assert rows_of(connector, table) == [ODD_COLUMNS]
            with host(connector) as memory:
                scanned = rows_scanned(memory, connector, table) if memory is not None else None
                assert scanned is None or scanned == [ODD_COLUMNS]


def odd_statements(quote: Any, text: str = "text") -> list[str]:
    """SQL that makes the tables of OddTables; `quote` quotes a name as the source wants it."""
    numbers = range(WIDE_COLUMNS)
    texts = ", ".join("'" + one.replace("'", "''") + "'" for one in ODD_COLUMNS)
    return [
        f"CREATE TABLE {EMPTY} (id int, name {text}, amount double precision)",
        f"CREATE TABLE {WIDE} ({', '.join(f'n{i} int' for i in numbers)})",
        f"INSERT INTO {WIDE} VALUES ({', '.join(str(i) for i in numbers)})",
        f"CREATE TABLE {quote(ODD)} ({', '.join(f'{quote(one)} {text}' for one in ODD_COLUMNS)})",
        f"INSERT INTO {quote(ODD)} VALUES ({texts})"]


__all__ = ["COLUMNS", "EMPTY", "ODD", "ODD_COLUMNS", "ROWS", "WIDE", "WIDE_COLUMNS", "ConnectorContract", "OddTables",
           "Source", "host", "odd_statements", "rows_of", "rows_scanned"]
