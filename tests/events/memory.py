"""A journal in memory that keeps the Protocol ChangeReader: what relays are tested with, but for the real one."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from typing import Any

import pyarrow

from pluto_duck.errors import HistoryGone
from pluto_duck.events.marks import batch_table
from pluto_duck.events.model import ChangeBatch, Position
from pluto_duck.events.sinks.contract import change
from pluto_duck.workspace.tableref import TableRef

THINGS = TableRef("things")


class MemoryJournal:
    """Tables of key -> text. Writes and reads may come from different threads."""

    def __init__(self) -> None:
        self.tables: dict[str, dict[Any, str]] = {}
        self.rows: list[dict[str, Any]] = []
        self.seq = 0
        self.gone = 0
        """Commits up to this one are not kept any more."""
        self.most = 0
        """Changes of the largest batch that was read."""
        self._changed = threading.Condition()

    def write(self, *changes: tuple[str, Any, str], table: str = "things") -> int:
        """(op, key, text) of one commit; its number."""
        with self._changed:
            self.seq += 1
            rows = self.tables.setdefault(table, {})
            for n, (op, key, text) in enumerate(changes, 1):
                if op == "d":
                    rows.pop(key, None)
                elif op in ("t", "drop"):
                    rows.clear()
                elif op in ("c", "u"):
                    rows[key] = text
                self.rows.append(change(self.seq, n, op=op, key=key, table=table, text=text)
                                 | {"last": n == len(changes)})
            self._changed.notify_all()
            return self.seq

    def change_unseen(self, table: str, rows: dict[Any, str]) -> None:
        """As another program would: the journal knows only that something happened."""
        with self._changed:
            self.tables[table] = dict(rows)
        self.write(("resync", 0, ""), table=table)

    def forget(self, seq: int) -> None:
        with self._changed:
            self.gone = seq
            self.rows = [one for one in self.rows if one["seq"] > seq]

    def tracked(self) -> list[TableRef]:
        with self._changed:
            return [TableRef(one) for one in self.tables]

    def changes(self, after: Position, *, tables: Sequence[TableRef] = (), limit: int = 1000,
                wait_s: float = 0.0) -> ChangeBatch:
        with self._changed:
            found = self._after(after, tables, limit)
            if not found and wait_s:
                self._changed.wait_for(lambda: bool(self._after(after, tables, limit)), wait_s)
                found = self._after(after, tables, limit)
            self.most = max(self.most, len(found))
            position = Position(found[-1]["seq"], found[-1]["n"]) if found else max(after, Position(self.seq, Position.LAST))
            return ChangeBatch(batch_table(found), position, self.seq)

    def _after(self, after: Position, tables: Sequence[TableRef], limit: int) -> list[dict[str, Any]]:
        if after.seq < self.gone:
            raise HistoryGone("These changes are no longer kept.")
        keys = {one.key for one in tables}
        found = []
        for one in self.rows:
            if Position(one["seq"], one["n"]) > after and (not keys or TableRef(one["name"]).key in keys):
                found.append(one)
                if len(found) == limit:
                    break
        return found

    def snapshot_changes(self, table: TableRef) -> tuple[Position, pyarrow.RecordBatchReader]:
        with self._changed:
            at = Position(self.seq, Position.LAST)
            rows = [change(self.seq, n, op="r", key=key, table=table.name, text=text)
                    for n, (key, text) in enumerate(self.tables.get(table.name, {}).items(), 1)]
        found = batch_table(rows)
        return at, found.to_reader(max_chunksize=100)


def replay(events: Sequence[str]) -> dict[str, dict[Any, str]]:
    """The tables that a reader of a target has, who drops what it has seen."""
    tables: dict[str, dict[Any, str]] = {}
    seen: dict[tuple[str, Any], tuple[int, int]] = {}
    for text in events:
        data = json.loads(text)["data"]
        name, op = data["source"]["table"], data["op"]
        rows = tables.setdefault(name, {})
        if op in ("t", "drop"):
            rows.clear()
            seen = {key: at for key, at in seen.items() if key[0] != name}
            continue
        if op not in ("c", "u", "r", "d"):
            continue
        row = data["after"] or data["before"]
        at = data["source"]["seq"], data["source"]["n"]
        if seen.get((name, row["id"]), (-1, 0)) >= at:
            continue
        seen[name, row["id"]] = at
        if op == "d":
            rows.pop(row["id"], None)
        else:
            rows[row["id"]] = row["text"]
    return tables
