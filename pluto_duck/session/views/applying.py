"""The rows of a view, in the open transaction of a cursor: made anew, or brought on by what the Journal tells.

Temporary tables go with the cursor."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass

from pluto_duck.events.journal import Journal
from pluto_duck.events.tracked import Tracked, exactly, text
from pluto_duck.session.views.plan import DELTA, Anew, Groups, Plan
from pluto_duck.session.views.store import View
from pluto_duck.workspace.database import Cursor
from pluto_duck.workspace.tableref import fold, quote

Run = Callable[[str], None]
"""Runs a statement that writes rows of the view, which may be tracked itself."""

WORTH = 0.5
"""Where more of the table has changed than that part of it, making the view anew is quicker."""
SMALL = 100_000
"""Fewer changes are not weighed against the size of the table."""
FEW = 500
"""Transactions that are named one by one."""


@dataclass(frozen=True)
class Delta:
    """What became of the table since the view saw it."""

    table: Tracked
    changes: str
    """FROM and WHERE of the Journal's rows."""
    plus: int
    minus: int

    @property
    def total(self) -> int:
        return self.plus + self.minus

    def rows(self, side: str) -> str:
        """`after` of rows that came, `before` of those that went."""
        ops = "('c', 'u')" if side == "after" else "('d', 'u')"
        picks = ", ".join(f"c.{side}.{quote(name)} AS {quote(name)}" for name, _kind in self.table.columns)
        return f"SELECT {picks} FROM {self.changes} AND c.op IN {ops}"


def delta(journal: Journal, cursor: Cursor, table: Tracked, view: View, upto: int) -> Delta:
    """Raises Anew where the Journal does not tell all."""
    ours = journal.ours
    if table.started_seq > view.seen_seq or table.shape != view.shape:
        raise Anew(f"{table.ref} has another shape, or was tracked anew")
    told = f"SELECT tx FROM {ours}.change_log WHERE seq > {view.seen_seq} AND seq <= {upto}"
    # In one statement: on a busy machine each of them may wait for its turn.
    [(oldest, found, mark)] = cursor.fetchall(
        f"SELECT (SELECT system.main.max(seq) FROM {ours}.change_trim), (SELECT system.main.list(tx) FROM ({told})), "
        f"(SELECT system.main.min(op) FROM {ours}.change_marks WHERE table_key = {text(table.key)} AND tx IN ({told}))")
    if (oldest or 0) > view.seen_seq:
        raise Anew("changes that it had not seen are no longer kept")
    if not found:
        return Delta(table, "", 0, 0)
    within = f"IN ({', '.join(map(str, found))})" if len(found) <= FEW else f"IN ({told})"
    if mark:
        raise Anew({"t": f"{table.ref} was emptied",
                    "resync": f"{table.ref} was changed in a way that could not be seen"}.get(
                        str(mark), f"{table.ref} has another shape"))
    changes = f"{table.changes(journal.catalog)} AS c WHERE c.tx {within}"
    ops = dict(cursor.fetchall(f"SELECT c.op, system.main.count_star() FROM {changes} GROUP BY c.op"))
    plus, minus = ops.get("c", 0) + ops.get("u", 0), ops.get("d", 0) + ops.get("u", 0)
    if minus and table.key_columns and not table.before:
        raise Anew(f"rows of {table.ref} were changed or deleted, and it is tracked without the rows as they were "
                   f"(changes track {table.ref.shell} --before)")
    if plus + minus > SMALL and plus + minus > WORTH * _size(cursor, journal.catalog, table):
        raise Anew(f"much of {table.ref} has changed")
    return Delta(table, changes, int(plus), int(minus))


def _size(cursor: Cursor, catalog: str, table: Tracked) -> int:
    return int(cursor.fetchall(f"SELECT system.main.count_star() FROM {table.source(catalog)}")[0][0])


def made_anew(cursor: Cursor, run: Run, plan: Plan, sql: str, into: str, state: str, source: str) -> int:
    """All of it; how many rows. `into`: the view, `state`: its kept groups, `source`: its table, in SQL."""
    if plan.groups is None or plan.because:
        cursor.execute(f"DROP TABLE IF EXISTS {state}")
        run(f"CREATE OR REPLACE TABLE {into} AS {sql}")
    else:
        cursor.execute(f"CREATE OR REPLACE TABLE {state} AS {plan.groups.rows(source)}")
        run(f"CREATE OR REPLACE TABLE {into} AS {_shown(plan, plan.groups, state)}")
    return int(cursor.fetchall(f"SELECT system.main.count_star() FROM {into}")[0][0])


def brought_on(cursor: Cursor, run: Run, plan: Plan, found: Delta, into: str, state: str) -> int:
    """How many rows of the view were written. Raises Anew where the changes can't be told in it."""
    if not found.total:
        return 0
    if plan.groups is not None:
        return _groups(cursor, run, plan, plan.groups, found, into, state)
    return _rows(cursor, run, plan, found, into)


# -- filter and projection ------------------------------------------------------------------------------


def _rows(cursor: Cursor, run: Run, plan: Plan, found: Delta, into: str) -> int:
    count = 0
    if found.plus:
        before = _count(cursor, into)
        run(f"INSERT INTO {into} WITH {DELTA} AS ({found.rows('after')}) {plan.select}")
        count = _count(cursor, into) - before
    if found.minus:
        count += _taken_away(cursor, run, plan, found, into)
    return count


def _taken_away(cursor: Cursor, run: Run, plan: Plan, found: Delta, into: str) -> int:
    """As many of the view's rows as the rows that went have given it, told apart by all of their values."""
    if any(fold(one.name) == "rowid" for one in plan.columns):
        raise Anew("it has a column that is called rowid")
    gone = f"temp.main.pluto_gone_{uuid.uuid4().hex}"
    names = [quote(row[0]) for row in cursor.fetchall(f"DESCRIBE {into}")]
    marks = [exactly(one.type, name) for one, name in zip(plan.columns, names, strict=True)]
    picks = ", ".join(f"{mark} AS k{i}" for i, mark in enumerate(marks))
    ks = ", ".join(f"k{i}" for i in range(len(marks)))
    cursor.execute(f"CREATE TEMPORARY TABLE {gone} AS WITH {DELTA} AS ({found.rows('before')}), pluto_given"
                   f"({', '.join(names)}) AS ({plan.select}) SELECT {picks}, system.main.count_star() AS pluto_n "
                   f"FROM pluto_given GROUP BY {ks}")
    wanted = int(cursor.fetchall(f"SELECT coalesce(system.main.sum(pluto_n), 0) FROM {gone}")[0][0])
    same = " AND ".join(f"v.k{i} IS NOT DISTINCT FROM o.k{i}" for i in range(len(marks)))
    vks = ", ".join(f"v.k{i}" for i in range(len(marks)))
    before = _count(cursor, into)
    run(f"DELETE FROM {into} WHERE rowid IN (SELECT place FROM (SELECT v.place, o.pluto_n, row_number() OVER "
        f"(PARTITION BY {vks}) AS number FROM (SELECT rowid AS place, {picks} FROM {into}) AS v JOIN {gone} AS o "
        f"ON {same}) WHERE number <= pluto_n)")
    if before - _count(cursor, into) != wanted:
        raise Anew("rows that went could not be told in it")
    return wanted


def _count(cursor: Cursor, into: str) -> int:
    return int(cursor.fetchall(f"SELECT system.main.count_star() FROM {into}")[0][0])


# -- aggregates -------------------------------------------------------------------------------------------


def _groups(cursor: Cursor, run: Run, plan: Plan, groups: Groups, found: Delta, into: str, state: str) -> int:
    if found.minus and not groups.subtracts:
        raise Anew("a row that went may have held the smallest or largest value")
    parts, ctes = [], []
    for number, (side, count) in enumerate((("after", found.plus), ("before", found.minus))):
        if count:
            name = f"{DELTA}_{number}"
            ctes.append(f"{name} AS ({found.rows(side)})")
            parts.append(groups.rows(name, minus=side == "before"))
    new = parts[0] if len(parts) == 1 else groups.together(f"({' UNION ALL '.join(parts)})")
    fresh, merged = (f"temp.main.pluto_{what}_{uuid.uuid4().hex}" for what in ("new", "merged"))
    cursor.execute(f"CREATE TEMPORARY TABLE {fresh} AS WITH {', '.join(ctes)} {new}")
    keys = [f"g{i}" for i in range(len(groups.keys))]
    # Where no key is missing, = finds the same groups, and lets DuckDB skip the others while it reads.
    missing = " OR ".join(f"{key} IS NULL" for key in keys)
    equal = "IS NOT DISTINCT FROM" if missing and cursor.fetchall(
        f"SELECT 1 FROM {fresh} WHERE {missing} LIMIT 1") else "="
    same = " AND ".join(f"o.{key} {equal} t.{key}" for key in keys) or "true"
    cursor.execute(f"CREATE TEMPORARY TABLE {merged} AS "
                   + groups.merged(fresh, state, same))
    cursor.execute(f"DELETE FROM {state} AS t USING {merged} AS o WHERE {same}")
    left = " WHERE n > 0" if groups.keys else ""
    count = int(cursor.execute(f"INSERT INTO {state} SELECT * FROM {merged}{left}").fetchall()[0][0])
    where = " AND ".join(f"o.{mine} {equal} t.{quote(column)}" for column, mine in groups.matches)
    run(f"DELETE FROM {into} AS t USING {merged} AS o WHERE {where}" if where else f"DELETE FROM {into}")
    run(f"INSERT INTO {into} {_shown(plan, groups, merged)}{left}")
    return count


def _shown(plan: Plan, groups: Groups, state: str) -> str:
    picks = ", ".join(f"{final} AS {quote(column.name)}" for final, column in zip(groups.finals, plan.columns,
                                                                                   strict=True))
    return f"SELECT {picks} FROM {state}"
