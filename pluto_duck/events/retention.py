"""What of the Journal is kept, and how the rest goes: in small steps, oldest first, that nobody waits for."""

from __future__ import annotations

from dataclasses import dataclass

from pluto_duck.events.journal import Journal
from pluto_duck.workspace.database import Cursor

BATCH_ROWS = 50_000
"""Changes that go in one transaction."""
DAY_MS = 86_400_000


@dataclass(frozen=True)
class Keep:
    days: float
    max_rows: int
    """0: any number."""
    at_most_days: float
    """Beyond it changes go even where a consumer has not read them."""


def limit(journal: Journal, cursor: Cursor, keep: Keep, now_ms: int, slowest: int | None) -> int:
    """The newest commit whose changes may go; 0 for none. `slowest`: up to which commit all consumers have read; None
    where there are none."""
    log = f"{journal.ours}.change_log"
    old = now_ms - int(keep.days * DAY_MS)
    found = int(cursor.fetchall(f"SELECT coalesce(system.main.max(seq), 0) FROM {log} WHERE at_ms < {old}")[0][0])
    if keep.max_rows:
        found = max(found, int(cursor.fetchall(
            f"SELECT coalesce(system.main.max(seq), 0) FROM (SELECT seq, system.main.sum(changes) OVER (ORDER BY seq "
            f"DESC) AS newer FROM {log}) WHERE newer > {int(keep.max_rows)}")[0][0]))
    if slowest is not None and slowest < found:
        oldest = now_ms - int(keep.at_most_days * DAY_MS)
        beyond = int(cursor.fetchall(
            f"SELECT coalesce(system.main.max(seq), 0) FROM {log} WHERE at_ms < {oldest}")[0][0])
        found = max(slowest, min(beyond, found))
    return found


def drop_some(journal: Journal, cursor: Cursor, until: int) -> bool:
    """In the cursor's open transaction, the oldest commits up to that one; False where there are none left."""
    ours = journal.ours
    last = cursor.fetchall(
        f"SELECT system.main.max(seq) FROM (SELECT seq, coalesce(system.main.sum(changes) OVER (ORDER BY seq ROWS "
        f"BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS older FROM {ours}.change_log WHERE seq <= {until}) "
        f"WHERE older < {BATCH_ROWS}")[0][0]
    if last is None:
        return False
    gone = f"tx IN (SELECT tx FROM {ours}.change_log WHERE seq <= {int(last)})"
    for table in _tables(journal, cursor):
        cursor.execute(f"DELETE FROM {ours}.{table} WHERE {gone}")
    cursor.execute(f"DELETE FROM {ours}.change_marks WHERE {gone}")
    cursor.execute(f"DELETE FROM {ours}.change_log WHERE seq <= {int(last)}")
    cursor.execute(f"DELETE FROM {ours}.change_trim")
    cursor.execute(f"INSERT INTO {ours}.change_trim VALUES ({int(last)})")
    return True


def drop_shapes(journal: Journal, cursor: Cursor) -> bool:
    """Shapes that no change is left of and no table has now; False where there are none."""
    ours, newest = journal.ours, {one.shape for one in journal.tracked.values()}
    found = []
    for table in _tables(journal, cursor):
        shape = int(table.rpartition("_")[2])
        if shape not in newest and not cursor.fetchall(f"SELECT 1 FROM {ours}.{table} LIMIT 1") and not cursor.fetchall(
                f"SELECT 1 FROM {ours}.change_marks WHERE shape = {shape} LIMIT 1"):
            found.append(shape)
    for shape in found:
        cursor.execute(f"DROP TABLE {ours}.changes_{shape}")
        cursor.execute(f"DELETE FROM {ours}.change_shapes WHERE shape = {shape}")
    return bool(found)


def _tables(journal: Journal, cursor: Cursor) -> list[str]:
    return [f"changes_{int(row[0])}" for row in cursor.fetchall(f"SELECT shape FROM {journal.ours}.change_shapes "
                                                                "ORDER BY shape")]
