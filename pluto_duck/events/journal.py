"""The Journal: which tables are tracked, the numbers of transactions and commits, and who waits for changes."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from pluto_duck.errors import UnknownName, UsageError, unknown_name
from pluto_duck.events.layout import SETUP, changes_ddl
from pluto_duck.events.recent import Commit, Recent
from pluto_duck.events.tracked import Standing, Tracked, columns_of, columns_of_many, standing_of, text
from pluto_duck.workspace.database import Cursor, Database
from pluto_duck.workspace.tableref import TableRef, fold, quote


@dataclass(frozen=True)
class Who:
    """Whose changes they are."""

    actor: str = "owner"
    label: str = ""
    run: str = ""


@dataclass(frozen=True)
class Unsteady:
    """Functions, folded, and what people made themselves."""

    of_a_row: frozenset[str] = frozenset()
    """Those that need not tell the same twice of one row."""
    of_a_statement: frozenset[str] = frozenset()
    """Those that another statement may be told something else by, too."""


class Journal:
    """One for each open database. What is told here is committed; open transactions have a Recording each."""

    def __init__(self, database: Database, catalog: str) -> None:
        self.database = database
        self.catalog = catalog
        self.ours = f"{quote(catalog)}._pluto"
        self.tracked: dict[str, Tracked] = {}
        """By TableRef.key. Replaced as a whole under the commit lock, so that others may walk through it."""
        self.head = 0
        """The newest commit that has changes."""
        self.listeners: list[Callable[[int], None]] = []
        """Called with the number of each commit that has changes, from the thread that made it."""
        self._changed = threading.Condition()
        self._standing: dict[str, tuple[int, Standing]] = {}
        self._unsteady = -1, Unsteady()
        cursor = database.cursor()
        try:
            self._set_up(cursor)
            last = cursor.fetchall(
                f"SELECT system.main.max(seq), system.main.max(tx) FROM {self.ours}.change_log")[0]
            self.head = max(int(last[0] or 0), self.oldest(cursor))
            self.recent = Recent(self.head)
            self._numbers = itertools.count(int(last[1] or 0) + 1)
            self.tracked = self.read(cursor)
        finally:
            cursor.close()

    def _set_up(self, cursor: Cursor) -> None:
        there = cursor.fetchall(
            f"SELECT count(*) FROM system.main.duckdb_tables() WHERE database_name = {text(self.catalog)} "
            "AND schema_name = '_pluto' AND table_name IN ('tracked', 'change_shapes', 'change_marks', 'change_log', "
            "'change_trim')")[0][0]
        if there < len(SETUP):
            cursor.execute("BEGIN TRANSACTION")
            for statement in SETUP:
                cursor.execute(statement)
            cursor.execute("COMMIT")

    def read(self, cursor: Cursor) -> dict[str, Tracked]:
        """What is tracked, as the cursor's transaction has it."""
        rows = cursor.fetchall(
            "SELECT t.schema_name, t.table_name, t.key_columns, t.before, t.started_seq, s.shape, s.version, "
            f"s.columns, s.key_columns FROM {self.ours}.tracked AS t JOIN {self.ours}.change_shapes AS s "
            "ON s.table_key = t.table_key QUALIFY row_number() OVER (PARTITION BY t.table_key ORDER BY s.version DESC) "
            "= 1 ORDER BY t.table_key")
        found = [Tracked(TableRef(name, schema), tuple(declared), before, started, shape, version,
                         tuple((one["name"], one["type"]) for one in columns), tuple(key))
                 for schema, name, declared, before, started, shape, version, columns, key in rows]
        return {one.key: one for one in found}

    def next_tx(self) -> int:
        return next(self._numbers)

    def standing(self, cursor: Cursor, table: Tracked, schema_version: int | None) -> Standing:
        """`schema_version`: of what is committed; None where the cursor's transaction has changed shapes itself."""
        if schema_version is None:
            return standing_of(cursor, self.catalog, table)
        known = self._standing.get(table.key)
        if known is None or known[0] != schema_version:
            known = self._standing[table.key] = schema_version, standing_of(cursor, self.catalog, table)
        return known[1]

    def unsteady(self, cursor: Cursor, schema_version: int | None) -> Unsteady:
        if schema_version is None or self._unsteady[0] != schema_version:
            rows = cursor.fetchall(
                "SELECT DISTINCT function_name, stability = 'VOLATILE' OR NOT internal FROM "
                "system.main.duckdb_functions() WHERE stability IS DISTINCT FROM 'CONSISTENT' OR NOT internal")
            found = Unsteady(frozenset(fold(name) for name, in_a_row in rows if in_a_row),
                             frozenset(fold(name) for name, _in_a_row in rows))
            if schema_version is None:
                return found
            self._unsteady = schema_version, found
        return self._unsteady[1]

    # -- track ------------------------------------------------------------------------------------

    def plan(self, cursor: Cursor, ref: TableRef, *, before: bool, full_row: bool, started: int) -> Tracked:
        """A table as it would be tracked from commit `started` on. Raises UnknownName and UsageError."""
        columns = columns_of(cursor, self.catalog, ref)
        if columns is None:
            raise self._no_table(cursor, ref)
        rows = cursor.fetchall(
            "SELECT schema_name, table_name, constraint_column_names FROM system.main.duckdb_constraints() "
            f"WHERE database_name = {text(self.catalog)} AND constraint_type = 'PRIMARY KEY' "
            f"AND table_name ILIKE {text(ref.name.replace('_', '%'))}")
        found = next((tuple(key) for schema, name, key in rows if TableRef(name, schema).key == ref.key), ())
        names = {fold(name): name for name, _kind in columns}
        key = () if full_row else tuple(names[fold(one)] for one in found)
        if not key and not full_row:
            raise UsageError(f"{ref} has no primary key that its rows could be told by.",
                             hint=f"pluto-duck changes track {ref.shell} --full-row compares whole rows; or give it a "
                                  f"key: ALTER TABLE {ref.sql} ADD PRIMARY KEY (...)")
        version = cursor.fetchall(
            f"SELECT system.main.max(version) FROM {self.ours}.change_shapes WHERE table_key = {text(ref.key)}")[0][0]
        shape = self._next_shape(cursor)
        exact = cursor.fetchall(
            f"SELECT schema_name, table_name FROM system.main.duckdb_tables() WHERE database_name = "
            f"{text(self.catalog)} AND schema_name <> '_pluto' AND NOT internal")
        real = next(TableRef(name, schema) for schema, name in exact if TableRef(name, schema).key == ref.key)
        return Tracked(real, key, before, started, shape, int(version or 0) + 1, columns, key)

    def _no_table(self, cursor: Cursor, ref: TableRef) -> Exception:
        rows = cursor.fetchall(
            f"SELECT schema_name, view_name FROM system.main.duckdb_views() WHERE database_name = "
            f"{text(self.catalog)} AND NOT internal")
        if any(TableRef(name, schema).key == ref.key for schema, name in rows):
            return UsageError(f"{ref} is a view, and has no rows of its own.",
                              hint="Track the tables that it reads.")
        return unknown_name("table", str(ref), [str(one) for one in self.user_tables(cursor)])

    def user_tables(self, cursor: Cursor) -> list[TableRef]:
        rows = cursor.fetchall(
            f"SELECT schema_name, table_name FROM system.main.duckdb_tables() WHERE database_name = "
            f"{text(self.catalog)} AND schema_name <> '_pluto' AND NOT internal AND NOT temporary ORDER BY 1, 2")
        return [TableRef(name, schema) for schema, name in rows]

    def _next_shape(self, cursor: Cursor) -> int:
        # Also past the shapes of tables that are tracked no longer, whose changes may still stand there.
        return int(cursor.fetchall(
            f"SELECT coalesce(system.main.max(shape), 0) + 1 FROM {self.ours}.change_shapes")[0][0])

    def shaped(self, cursor: Cursor, table: Tracked) -> None:
        """Writes a new shape in the cursor's transaction."""
        columns = ", ".join(f"{{'name': {text(name)}, 'type': {text(kind)}}}" for name, kind in table.columns)
        cursor.execute(f"INSERT INTO {self.ours}.change_shapes VALUES ({table.shape}, {text(table.key)}, "
                       f"{table.version}, [{columns}], {listed(table.key_columns)}, "
                       f"{'true' if table.before else 'false'})")
        cursor.execute(changes_ddl(table.shape, table.row_type).replace("_pluto.", f"{self.ours}.", 1))

    def reshaped(self, cursor: Cursor, table: Tracked, columns: tuple[tuple[str, str], ...],
                 key: tuple[str, ...]) -> Tracked:
        return replace(table, shape=self._next_shape(cursor), version=table.version + 1, columns=columns,
                       key_columns=key)

    def note_tracked(self, cursor: Cursor, table: Tracked) -> None:
        self.note_untracked(cursor, table.key)
        cursor.execute(f"INSERT INTO {self.ours}.tracked VALUES ({text(table.key)}, {text(table.ref.schema)}, "
                       f"{text(table.ref.name)}, {listed(table.declared)}, {'true' if table.before else 'false'}, "
                       f"{table.started_seq})")
        self.shaped(cursor, table)

    def note_untracked(self, cursor: Cursor, key: str) -> None:
        cursor.execute(f"DELETE FROM {self.ours}.tracked WHERE table_key = {text(key)}")

    # -- what is there ----------------------------------------------------------------------------

    def oldest(self, cursor: Cursor) -> int:
        """The newest commit whose changes are no longer kept; a reader that stands before it has missed some."""
        return int(cursor.fetchall(f"SELECT coalesce(system.main.max(seq), 0) FROM {self.ours}.change_trim")[0][0])

    def status(self, cursor: Cursor) -> list[dict[str, Any]]:
        found = []
        there = columns_of_many(cursor, self.catalog, [one.ref for one in self.tracked.values()])
        for one in self.tracked.values():
            shapes = [int(row[0]) for row in cursor.fetchall(
                f"SELECT shape FROM {self.ours}.change_shapes WHERE table_key = {text(one.key)} ORDER BY 1")]
            kept = " UNION ALL ".join(
                [f"SELECT tx FROM {self.ours}.changes_{shape}" for shape in shapes]
                + [f"SELECT tx FROM {self.ours}.change_marks WHERE table_key = {text(one.key)}"])
            count, first, last, at = cursor.fetchall(
                f"SELECT count(*), system.main.min(l.seq), system.main.max(l.seq), "
                f"system.main.max(l.at_ms) FROM ({kept}) AS c JOIN {self.ours}.change_log AS l USING (tx)"
            )[0]
            found.append({"schema": one.ref.schema, "name": one.ref.name, "key": list(one.key_columns),
                          "before": one.before, "started_seq": one.started_seq, "version": one.version,
                          "there": one.key in there, "changes": int(count), "first_seq": first, "last_seq": last,
                          "last_at_ms": at})
        return found

    # -- commits ----------------------------------------------------------------------------------

    def adopt(self, tables: dict[str, Tracked | None], seq: int, told: Commit | None, *, changes: bool) -> None:
        """Under the commit lock, after COMMIT `seq`: what is tracked now, and what has changed."""
        if told is not None:
            self.recent.add(told)
        elif changes or tables:
            self.recent.forget(seq, changes=changes)
        if tables:
            changed = {**self.tracked, **tables}
            self.tracked = {key: one for key, one in sorted(changed.items()) if one is not None}

    def committed(self, seq: int) -> None:
        """Wakes whoever waits."""
        with self._changed:
            self.head = max(self.head, seq)
            self._changed.notify_all()
        for listener in list(self.listeners):
            listener(seq)

    def wait(self, seq: int, seconds: float) -> bool:
        """True as soon as there is a commit with changes after `seq`."""
        with self._changed:
            return self._changed.wait_for(lambda: self.head > seq, seconds)


def listed(names: tuple[str, ...]) -> str:
    return "[" + ", ".join(text(one) for one in names) + "]::VARCHAR[]"


def detail(**facts: Any) -> str:
    return text(json.dumps(facts, ensure_ascii=False))


__all__ = ["Journal", "UnknownName", "Who"]
