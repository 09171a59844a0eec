"""The tests every connector must pass. For a plug-in, in its own test suite:

    class TestMine(ConnectorContract):
        @pytest.fixture
        def source(self, tmp_path):
            ...                                   # put ROWS into a table called `things`
            return Source(MyConnector, "my://address")

The table `things` has the columns of COLUMNS and the rows of ROWS; a second table, `others`, is there too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest

from pluto_duck.errors import PlutoError, UnknownName
from pluto_duck.ingest.connectors import Connector, SourceTable

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


def rows_of(connector: Connector, table: SourceTable) -> list[tuple[Any, ...]]:
    """What a stream gives once the columns' expressions are applied, as DuckDB would."""
    from pluto_duck.workspace.database import open_memory

    memory = open_memory()
    memory.register("incoming", connector.read(table))
    picked = ", ".join(f"CAST({column.expression} AS {column.type})" for column in table.columns)
    return list(memory.execute(f"SELECT {picked} FROM incoming").fetchall())


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


__all__ = ["COLUMNS", "ROWS", "ConnectorContract", "Source", "rows_of"]
