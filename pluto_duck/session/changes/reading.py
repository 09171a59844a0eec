"""The host's side of `Session.changes`: one lot of changes, in their order, as whoever asks may see them."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pluto_duck.errors import HistoryGone, PlutoError, UnknownName, UsageError
from pluto_duck.events.envelope import Mark, Origin, mark_event
from pluto_duck.events.kept import Kept
from pluto_duck.events.marks import batch_table
from pluto_duck.events.model import Position
from pluto_duck.session.changes.statements import (
    Window,
    blind_changes_sql,
    changes_sql,
    snapshot_sql,
    source_sql,
)
from pluto_duck.session.changes.views import OwnersViews, View
from pluto_duck.workspace.database import Cursor
from pluto_duck.workspace.literals import encode, to_sql
from pluto_duck.workspace.protocol import Reply, Request
from pluto_duck.workspace.tableref import TableRef, fold, quote

if TYPE_CHECKING:
    import pyarrow

    from pluto_duck.session.handler import SessionHandler

MOST = 10_000
"""Changes of one call."""
LOOK_FURTHER = 20
"""How many times as many are looked at where some are not wanted."""


class Reading:
    """Of one call, on a cursor of its own."""

    def __init__(self, handler: SessionHandler, cursor: Cursor, views: OwnersViews) -> None:
        self._handler, self._cursor, self._views = handler, cursor, views
        journal = handler.ledger.journal
        self._journal, self._ours = journal, journal.ours
        self._origin = Origin(handler.ledger.workspace_id, handler.database.workspace.name)

    # -- changes ------------------------------------------------------------------------------------

    def changes(self, request: Request) -> Reply:
        """{after, tables, limit}: changes after that position, with the position they end at and the newest commit."""
        args = request.args
        after = Position(*args["after"])
        limit = max(1, min(int(args["limit"]), MOST))
        with self._transaction():
            shapes = self._handler.kept.of(self._cursor)
            wanted = self._views.wanted(self._cursor, [TableRef(one[1], one[0]) for one in args["tables"]], shapes)
            views = self._seen(shapes, wanted)
            self._refuse_gone(after)
            head, window = self._window(after, limit, all_=len(views) == len(shapes) and not wanted)
            if window is None:
                table, position = _empty(), max(after, Position(head, Position.LAST))
            else:
                table, position = self._read(views, window, limit)
            prints = self._views.prints(one.kept for one in views)
        told = set(zip(table.column("schema").to_pylist(), table.column("name").to_pylist(), strict=True))
        return Reply({"position": [position.seq, position.n], "head": head, "view": prints,
                      "on": sorted(told)},
                     schema=table.schema, batches=iter(table.to_batches()))

    def _seen(self, shapes: dict[int, Kept], wanted: set[str]) -> list[View]:
        found = [self._views.of(one, strict=bool(wanted)) for one in shapes.values()
                 if not wanted or one.ref.key in wanted]
        # Changes that can't be told are told to nobody; who asks for the table by its name reads why.
        return [one for one in found if one is not None and (wanted or not (one.kept.newest and one.is_blind))]

    def _refuse_gone(self, after: Position) -> None:
        oldest = self._journal.oldest(self._cursor)
        if oldest and after < Position(oldest, Position.LAST):
            raise HistoryGone(f"Changes up to {oldest} are no longer kept; you have those up to {after}.",
                              hint="Read the tables anew, and then the changes since.", checked=True,
                              oldest=oldest, head=self._journal.head)

    def _window(self, after: Position, limit: int, *, all_: bool) -> tuple[int, Window | None]:
        """The newest commit, and what is looked at; None where nothing has come. Raises
        HistoryGone for a position that no commit has had yet: changes would be left out in silence."""
        most = limit if all_ else limit * LOOK_FURTHER
        rows = self._cursor.fetchall(
            f"SELECT seq, tx, changes, (SELECT coalesce(system.main.max(seq), 0) FROM {self._ours}.change_log) "
            f"FROM {self._ours}.change_log WHERE seq > {after.seq} "
            f"OR (seq = {after.seq} AND changes > {after.n}) ORDER BY seq LIMIT {most + 1}")
        if not rows:
            # Not the Journal's own head: a commit that it knows already may not be in what this transaction sees.
            head = max(self._newest(), self._journal.oldest(self._cursor))
            if after.seq > head:
                raise HistoryGone(f"The newest change here is {head}; yours, {after}, is of another database.",
                                  hint="Read the tables anew, and then the changes since.", checked=True,
                                  oldest=head, head=head)
            return head, None
        total, txs = 0, list[int]()
        end = after
        for seq, tx, changes, _head in rows:
            start = after.n if seq == after.seq else 0
            txs.append(tx)
            if total + changes - start > most:
                end = Position(seq, start + most - total)
                break
            total += changes - start
            end = Position(seq, Position.LAST)
        return int(rows[0][3]), Window(after, end, min(txs), max(txs))

    def _newest(self) -> int:
        return int(self._cursor.fetchall(
            f"SELECT coalesce(system.main.max(seq), 0) FROM {self._ours}.change_log")[0][0])

    def _read(self, views: list[View], window: Window, limit: int) -> tuple[pyarrow.Table, Position]:
        import pyarrow

        marks = self._marks(views, window)
        counts = self._counts(views, window)
        if sum(counts.values()) + len(marks) > limit:
            window = self._cut(views, counts, marks, window, limit)
            marks = [one for one in marks if Position(one.seq, one.n) <= window.end]
        parts = []
        for view in views:
            if counts.get(view.kept.shape):
                if view.where:
                    marks += self._blind(view, window)
                if not view.is_untold:
                    parts.append(self._cursor.execute(
                        changes_sql(view, self._origin, self._ours, window)).reader().read_all())
        if marks:
            parts.append(self._told(views, marks))
        table = pyarrow.concat_tables(parts) if parts else _empty().drop_columns(["last"])
        table = table.sort_by([("seq", "ascending"), ("n", "ascending")])
        return _with_last(table, window.end), window.end

    def _counts(self, views: list[View], window: Window) -> dict[int, int]:
        """How many changes of each shape there are; a statement for its texts costs milliseconds."""
        if not views:
            return {}
        rows = self._cursor.fetchall(" UNION ALL ".join(
            f"SELECT {one.kept.shape}, system.main.count(*) {source_sql(self._ours, one.kept.shape)} "
            f"WHERE {window.sql()}" for one in views))
        return {int(shape): int(count) for shape, count in rows}

    def _cut(self, views: list[View], counts: dict[int, int], marks: list[Mark], window: Window,
             limit: int) -> Window:
        """The same, ended after `limit` changes."""
        parts = [f"SELECT l.seq, c.n {source_sql(self._ours, one.kept.shape)} WHERE {window.sql()}"
                 for one in views if counts.get(one.kept.shape)]
        parts += [f"SELECT {one.seq}, {one.n}" for one in marks]
        seq, n = self._cursor.fetchall(f"SELECT seq, n FROM ({' UNION ALL '.join(parts)}) AS every(seq, n) "
                                       f"ORDER BY seq, n LIMIT 1 OFFSET {limit - 1}")[0]
        return Window(window.start, Position(int(seq), int(n)), window.first, window.last)

    # -- tables as a whole ----------------------------------------------------------------------------

    def _marks(self, views: list[View], window: Window) -> list[Mark]:
        keys = ", ".join(to_sql(encode(one)) for one in sorted({view.kept.ref.key for view in views}))
        if not keys:
            return []
        rows = self._cursor.fetchall(
            "SELECT l.seq, m.n, m.tx, l.at_ms, l.actor, l.run, m.table_key, m.op, m.shape, m.detail "
            f"FROM {self._ours}.change_marks AS m JOIN {self._ours}.change_log AS l ON l.tx = m.tx "
            f"WHERE {window.sql(n='m.n', tx='m.tx')} AND m.table_key IN ({keys})")
        return [Mark(*row) for row in rows]

    def _blind(self, view: View, window: Window) -> list[Mark]:
        rows = self._cursor.fetchall(blind_changes_sql(view, self._ours, window))
        return [Mark(seq, n, tx, at_ms, None, None, view.kept.ref.key, "resync", view.kept.shape, None)
                for seq, n, tx, at_ms in rows]

    def _told(self, views: list[View], marks: list[Mark]) -> pyarrow.Table:
        rows: list[dict[str, object]] = []
        by_shape = {view.kept.shape: view for view in views}
        newest = {view.kept.ref.key: view for view in sorted(views, key=lambda one: one.kept.version)}
        for one in marks:
            view = by_shape.get(one.shape) if one.shape is not None else None
            view = view or newest[one.table]
            ref = view.seen.ref
            rows.append({"seq": one.seq, "n": one.n, "last": False, "schema": ref.schema, "name": ref.name,
                         "op": one.op, "key": None,
                         "event": mark_event(self._origin, view.seen, one, _more(view, one))})
        return batch_table(rows).drop_columns(["last"])

    # -- rows as they are -------------------------------------------------------------------------------

    def snapshot(self, request: Request, stream: Callable[..., Reply]) -> Reply:
        """{table}: its rows as changes `r`; the transaction, and so this moment, lasts until the last one is taken."""
        ref = TableRef(request.args["table"][1], request.args["table"][0])
        self._cursor.execute("BEGIN TRANSACTION READ ONLY")
        shapes = self._handler.kept.of(self._cursor)
        self._views.wanted(self._cursor, [ref], shapes)
        kept = max((one for one in shapes.values() if one.ref.key == ref.key), key=lambda one: one.version)
        view = self._views.of(kept)
        shape = self._handler.shapes.of(self._cursor, ref, fresh=True)
        if view is None or shape is None:
            raise UnknownName(f"There is no table {ref}.", kind="table", name=str(ref), checked=True)
        if {fold(name) for name, _kind in kept.columns} - {fold(one.name) for one in shape.columns}:
            raise UsageError(f"{ref} is changing its shape.", hint="Try again in a moment.", checked=True)
        head = max(self._newest(), self._journal.oldest(self._cursor))  # of a quiet table all may have been dropped
        named = f"{shape.source} AS {quote(kept.ref.name)}"
        rows = self._cursor.execute(snapshot_sql(view, self._origin, named, head, int(time.time() * 1000)),
                                    select=True)
        reply = stream(rows)
        reply.header["position"] = [head, Position.LAST]
        reply.header["view"] = self._views.prints([kept])
        return reply

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """Everything of a call is of one moment."""
        self._cursor.execute("BEGIN TRANSACTION READ ONLY")
        try:
            yield
        finally:
            try:
                self._cursor.execute("ROLLBACK")
            except PlutoError:
                pass


def _more(view: View, mark: Mark) -> dict[str, Any]:
    """What the data of an event tells of a table as a whole."""
    if mark.op == "schema":
        return {"columns": [{"name": name, "type": kind} for name, kind in view.seen.columns],
                "key": list(view.seen.key)}
    if mark.op == "resync":
        why = ""
        if mark.detail and view.sees_all:
            found = json.loads(mark.detail)
            why = str(found.get("why", "")) if isinstance(found, dict) else ""
        return {"why": why or "It can't be told what has changed: read the table anew."}
    return {}


def _with_last(table: pyarrow.Table, end: Position) -> pyarrow.Table:
    """`last`: no later change of its transaction is among those that were looked at, up to its end."""
    import pyarrow

    seqs: Sequence[int] = table.column("seq").to_pylist()
    last = [following != seq for seq, following in itertools.pairwise(seqs)]
    if seqs:
        last.append(seqs[-1] < end.seq or end.n == Position.LAST)
    made = table.append_column("last", pyarrow.array(last, pyarrow.bool_()))
    return made.select(["seq", "n", "last", "schema", "name", "op", "key", "event"])


def _empty() -> pyarrow.Table:
    return batch_table([])


__all__ = ["MOST", "Reading"]
