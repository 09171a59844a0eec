"""A consumer that knows nothing but the Journal: whoever replays it must come to the same table."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from pluto_duck.session import Session
from pluto_duck.workspace import TableRef

Row = tuple[tuple[str, str], ...]
"""Column names and values as text, NULLs left out."""


@dataclass
class Replica:
    rows: Counter[Row] = field(default_factory=Counter)
    resyncs: list[str] = field(default_factory=list)
    ops: list[str] = field(default_factory=list)
    there: bool = True


def journal(session: Session, ref: TableRef) -> list[dict[str, Any]]:
    """Every change of a table, in order: {seq, tx, n, op, before, after, key, detail, actor, label}."""
    shapes = session.query("SELECT shape, columns, key_columns FROM _pluto.change_shapes WHERE table_key = $1",
                           [ref.key]).rows()
    found = []
    for shape, columns, key in shapes:
        def packed(what: str, names: list[str]) -> str:
            fields = [f"CASE WHEN c.{what}.{_quoted(one)} IS NOT NULL THEN [{_text(one)}, "
                      f"CAST(c.{what}.{_quoted(one)} AS VARCHAR)] END" for one in names]
            return f"CASE WHEN c.{what} IS NOT NULL THEN list_filter([{', '.join(fields)}], lambda x: x IS NOT NULL) END"
        names = [one["name"] for one in columns]
        rows = session.query(
            f"SELECT l.seq, c.tx, c.n, c.op, {packed('before', names)}, {packed('after', names)}, l.actor, l.label "
            f"FROM _pluto.changes_{shape} AS c JOIN _pluto.change_log AS l USING (tx)").rows()
        found += [{"seq": seq, "tx": tx, "n": n, "op": op, "before": _row(before), "after": _row(after), "key": key,
                   "detail": None, "actor": actor, "label": label}
                  for seq, tx, n, op, before, after, actor, label in rows]
    found += [{"seq": seq, "tx": tx, "n": n, "op": op, "before": None, "after": None, "key": [],
               "detail": json.loads(detail) if detail else {}, "actor": actor, "label": label}
              for seq, tx, n, op, detail, actor, label in session.query(
                  "SELECT l.seq, m.tx, m.n, m.op, m.detail, l.actor, l.label FROM _pluto.change_marks AS m "
                  "JOIN _pluto.change_log AS l USING (tx) WHERE m.table_key = $1", [ref.key]).rows()]
    return sorted(found, key=lambda one: (one["seq"], one["n"]))


def replayed(session: Session, ref: TableRef, start: Counter[Row] | None = None, *, after: int = 0) -> Replica:
    """What a consumer has that began with the rows `start` and read all changes."""
    replica = Replica(Counter(start or {}))
    for change in journal(session, ref):
        if change["seq"] > after:
            _apply(replica, change)
    assert all(count > 0 for count in replica.rows.values())
    return replica


def table(session: Session, ref: TableRef) -> Counter[Row]:
    columns = [one.name for one in session.tables([ref])[0].columns]
    picks = ", ".join(f"CAST({_quoted(one)} AS VARCHAR)" for one in columns)
    rows = session.query(f"SELECT {picks} FROM {ref.sql}").rows()
    return Counter(tuple((name, value) for name, value in zip(columns, row, strict=True) if value is not None)
                   for row in rows)


def counts(session: Session) -> None:
    """Each commit's `changes` is what stands there of it, numbered without a gap."""
    shapes = [one[0] for one in session.query("SELECT shape FROM _pluto.change_shapes").rows()]
    every = " UNION ALL ".join(["SELECT tx, n FROM _pluto.change_marks",
                                *(f"SELECT tx, n FROM _pluto.changes_{one}" for one in shapes)])
    wrong = session.query(
        f"SELECT * FROM (SELECT tx, count(*) AS c, min(n) AS a, max(n) AS b, count(DISTINCT n) AS d FROM ({every}) "
        "GROUP BY tx) FULL JOIN _pluto.change_log USING (tx) "
        "WHERE c IS DISTINCT FROM changes OR a <> 1 OR b <> c OR d <> c").rows()
    assert not wrong
    order = session.query("SELECT seq, tx FROM _pluto.change_log").rows()
    assert len({seq for seq, _tx in order}) == len(order) == len({tx for _seq, tx in order})


def _apply(replica: Replica, change: dict[str, Any]) -> None:
    rows, op = replica.rows, change["op"]
    replica.ops.append(op)
    if op == "c":
        if change["key"]:
            assert not _of_key(rows, change["after"], change["key"]), change
        rows[change["after"]] += 1
    elif op in ("u", "d"):
        was = change["before"]
        if change["key"]:
            [known] = _of_key(rows, change["after"] or was, change["key"])
            if was is not None and len(was) > len(change["key"]):
                assert was == known, (was, known)
            was = known
        assert rows[was] > 0, (change, rows)
        rows[was] -= 1
        rows += Counter()
        if op == "u":
            rows[change["after"]] += 1
    elif op == "t":
        rows.clear()
    elif op == "drop":
        assert replica.there
        rows.clear()
        replica.there = False
    elif op == "schema":
        names = [name for name, _kind in change["detail"]["after"]]
        projected: Counter[Row] = Counter()
        for row, count in rows.items():
            values = dict(row)
            projected[tuple((name, values[name]) for name in names if name in values)] += count
        rows.clear()
        rows.update(projected)
        replica.there = True
    else:
        replica.resyncs.append(change["detail"]["why"])


def _of_key(rows: Counter[Row], row: Row, key: list[str]) -> list[Row]:
    wanted = {name: dict(row).get(name) for name in key}
    return [one for one, count in rows.items() if count and {name: dict(one).get(name) for name in key} == wanted]


def _row(pairs: list[list[str]] | None) -> Row | None:
    return None if pairs is None else tuple((name, value) for name, value in pairs)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
