"""The SQL that reads changes of one shape, as one reader sees them."""

from __future__ import annotations

from dataclasses import dataclass

from pluto_duck.events.envelope import Origin, event_sql, field, image_sql
from pluto_duck.events.jsontext import literal, row_text
from pluto_duck.events.layout import changes_table
from pluto_duck.events.model import Position
from pluto_duck.session.changes.views import View
from pluto_duck.workspace.tableref import fold, quote

_META = ("seq", "n", "tx", "at_ms", "actor", "run", "op")


@dataclass(frozen=True)
class Window:
    """Changes after `start`, up to and with `end`; `first` and `last`: the numbers of their transactions."""

    start: Position
    end: Position
    first: int
    last: int

    def sql(self, seq: str = "l.seq", n: str = "c.n", tx: str = "c.tx") -> str:
        # By transaction, too, in whose order the changes stand more or less: DuckDB then skips most of them.
        parts = [f"{tx} BETWEEN {self.first} AND {self.last}", f"{seq} BETWEEN {self.start.seq} AND {self.end.seq}"]
        parts.append(f"({seq} > {self.start.seq} OR {n} > {self.start.n})")
        if self.end.n != Position.LAST:
            parts.append(f"({seq} < {self.end.seq} OR {n} <= {self.end.n})")
        return " AND ".join(parts)


def source_sql(ours: str, shape: int) -> str:
    return f"FROM {ours}.{changes_table(shape)} AS c JOIN {ours}.change_log AS l ON l.tx = c.tx"


def changes_sql(view: View, origin: Origin, ours: str, window: Window) -> str:
    """Columns seq, n, schema, name, op, key, event; in no order."""
    made = _as_it_is(view, ours, window) if view.sees_all else _through(view, ours, window)
    return _told(view, origin, made)


def snapshot_sql(view: View, origin: Origin, source: str, seq: int, at_ms: int) -> str:
    """The rows that are there now, as changes `r`, numbered from 1. `source`: the table in SQL."""
    columns = view.seen.columns
    rows = f"(SELECT {view.select or '*'} FROM {source}{f' WHERE {view.where}' if view.where else ''}) AS pluto_row"
    key = view.seen.of_key()
    made = (f"SELECT CAST({seq} AS BIGINT) AS seq, system.main.row_number() OVER () AS n, NULL AS tx, "
            f"CAST({at_ms} AS BIGINT) AS at_ms, NULL AS actor, NULL AS run, 'r' AS op, 'null' AS image_before, "
            f"{row_text(columns, lambda name: field('pluto_row', name))} AS image_after, "
            f"{row_text(key, lambda name: field('pluto_row', name)) if key else 'CAST(NULL AS VARCHAR)'} AS key "
            f"FROM {rows}")
    return _told(view, origin, made, snapshot=True)


def _told(view: View, origin: Origin, made: str, *, snapshot: bool = False) -> str:
    ref = view.seen.ref
    last = 'false AS "last", ' if snapshot else ""
    return (f'SELECT CAST(seq AS BIGINT) AS seq, CAST(n AS BIGINT) AS n, {last}{literal(ref.schema)} AS "schema", '
            f"{literal(ref.name)} AS \"name\", op, key, {event_sql(origin, view.seen, snapshot=snapshot)} AS event "
            f"FROM ({made})")


def _as_it_is(view: View, ours: str, window: Window) -> str:
    columns, key = view.seen.columns, view.seen.of_key()
    meta = "l.seq, c.n, c.tx, l.at_ms, l.actor, l.run, c.op"
    before = image_sql(columns, "pluto_b")
    if not view.kept.before and key:  # of a row that is gone the key alone is kept
        before = f"CASE WHEN op = 'd' THEN {image_sql(key, 'pluto_b')} ELSE {before} END"
    keyed = (f"CASE WHEN pluto_a IS NULL THEN {row_text(key, lambda name: field('pluto_b', name))} "
             f"ELSE {row_text(key, lambda name: field('pluto_a', name))} END") if key else "CAST(NULL AS VARCHAR)"
    return (f"SELECT seq, n, tx, at_ms, actor, run, op, {before} AS image_before, "
            f"{image_sql(columns, 'pluto_a')} AS image_after, {keyed} AS key FROM ("
            f'SELECT {meta}, c."before" AS pluto_b, c."after" AS pluto_a {source_sql(ours, view.kept.shape)} '
            f"WHERE {window.sql()})")


def _through(view: View, ours: str, window: Window) -> str:
    """Through the policy: each row as it was and as it is stands by itself as a row of the table, so that its
    conditions and masks are the very SQL that reads are governed by. A row that comes into sight is created for the
    reader, one that goes out of it is deleted."""
    kept = view.kept
    prefix = "pluto_"
    while any(fold(name).startswith(prefix) for name, _kind in kept.columns):
        prefix = f"_{prefix}"
    meta = ", ".join(f"{alias}.{name} AS {prefix}{name}" for alias, name in zip("lcclllc", _META, strict=True))
    names = ", ".join(f"{prefix}{one}" for one in (*_META, "is_after"))
    opened = ", ".join(f"{field(f'{prefix}row', name)} AS {quote(name)}" for name, _kind in kept.columns)

    def side(image: str, is_after: str) -> str:
        certain = f" AND NOT {blind_sql(view)}" if view.where else ""
        return (f"SELECT {meta}, {is_after} AS {prefix}is_after, c.{quote(image)} AS {prefix}row "
                f"{source_sql(ours, kept.shape)} WHERE {window.sql()} AND c.{quote(image)} IS NOT NULL{certain}")

    columns, key = view.seen.columns, view.seen.of_key()
    rows = (f"SELECT {names}, {view.select} FROM (SELECT {names}, {opened} FROM ({side('before', 'false')} UNION ALL "
            f"{side('after', 'true')})) AS {quote(kept.ref.name)}{f' WHERE {view.where}' if view.where else ''}")
    image = row_text(columns, lambda name: field("pluto_seen", name))
    if not kept.before and key:
        image = (f"CASE WHEN {prefix}op = 'd' THEN {row_text(key, lambda name: field('pluto_seen', name))} "
                 f"ELSE {image} END")
    keyed = row_text(key, lambda name: field("pluto_seen", name)) if key else "CAST(NULL AS VARCHAR)"
    plain = ", ".join(f"{prefix}{one} AS {one}" for one in (*_META, "is_after"))
    texts = f"SELECT {plain}, {image} AS image, {keyed} AS key FROM ({rows}) AS pluto_seen"
    whole = ", ".join(f"system.main.any_value({one}) AS {one}" for one in ("tx", "at_ms", "actor", "run"))
    both = (f"SELECT seq, n, {whole}, system.main.any_value(op) AS was, "
            "system.main.max(image) FILTER (NOT is_after) AS b, system.main.max(image) FILTER (is_after) AS a, "
            "system.main.max(key) FILTER (NOT is_after) AS kb, system.main.max(key) FILTER (is_after) AS ka "
            f"FROM ({texts}) GROUP BY seq, n")
    # Without a condition no row comes or goes; an update without its row before stays one.
    entered = "'c'" if view.where else "was"
    return (f"SELECT seq, n, tx, at_ms, actor, run, coalesce(b, 'null') AS image_before, coalesce(a, 'null') AS "
            f"image_after, coalesce(ka, kb) AS key, CASE WHEN a IS NULL THEN 'd' WHEN b IS NULL THEN {entered} "
            f"ELSE 'u' END AS op FROM ({both})")


def blind_sql(view: View) -> str:
    """Of which changes a condition can't tell whether the row was in sight."""
    if view.is_untold:
        return "true"
    if view.kept.before:
        return "(c.op = 'u' AND c.\"before\" IS NULL)"
    return "(c.op IN ('u', 'd'))"


def blind_changes_sql(view: View, ours: str, window: Window) -> str:
    """The first of them in each commit, as what a Mark needs: seq, n, tx, at_ms."""
    return (f"SELECT l.seq, system.main.min(c.n), system.main.any_value(c.tx), system.main.any_value(l.at_ms) "
            f"{source_sql(ours, view.kept.shape)} WHERE {window.sql()} AND {blind_sql(view)} GROUP BY l.seq")


__all__ = ["Window", "blind_changes_sql", "changes_sql", "snapshot_sql", "source_sql"]
