"""Views at random: what lineage says of them is what DuckDB does, when a column goes and when its values change."""

from __future__ import annotations

import random

import pytest

from pluto_duck.catalog.lineage import Branch, Lineage, collect, impact, known
from pluto_duck.errors import PlutoError
from pluto_duck.session import Session

TABLES = {"t": ("a", "b", "c"), "u": ("a", "k", "m"), "w": ("b", "k", "z")}
Names = dict[str, tuple[str, ...]]


def table(name: str) -> str:
    columns = ", ".join(f"CAST((g * {i + 2}) % 5 AS INT) + 1 AS {column}" for i, column in enumerate(TABLES[name]))
    return f"CREATE TABLE {name} AS SELECT {columns} FROM range(6) AS h(g)"


class Writer:
    def __init__(self, seed: int, names: Names) -> None:
        self._random, self._names, self._aliases = random.Random(seed), names, 0

    def select(self, depth: int = 0) -> tuple[str, tuple[str, ...]]:
        """(SQL, its columns)."""
        chance = self._random
        froms, columns = self._from(depth)
        names = [name for _alias, name in columns]
        if len(set(names)) == len(names) > 1 and chance.random() < 0.3:
            last = columns[-1]
            star, out = chance.choice([
                ("*", names), (f"* EXCLUDE ({names[0]})", names[1:]),
                (f"* REPLACE ({last[0]}.{last[1]} + 1 AS {last[1]})", names)])
            sql = f"SELECT {star} FROM {froms}"
        else:
            out = [f"o{i}" for i in range(chance.randint(1, 3))]
            made = ", ".join(f"{self._expression([f'{alias}.{name}' for alias, name in columns])} AS {one}" for one in out)
            sql = f"SELECT {made} FROM {froms}"
        if chance.random() < 0.3:
            sql += " WHERE {}.{} > 1".format(*chance.choice(columns))
        if depth == 0 and chance.random() < 0.3:
            other, theirs = self.select(2)
            if len(theirs) == len(out):
                kind = chance.choice(["UNION ALL", "UNION", "EXCEPT", "UNION ALL BY NAME"])
                sql = f"({sql}) {kind} ({other})"
                out = list(dict.fromkeys([*out, *theirs])) if kind.endswith("NAME") else out
        if depth == 0 and chance.random() < 0.3:
            picked = chance.choice(["*", out[0]])
            sql, out = f"WITH q AS ({sql}) SELECT {picked} FROM q", out if picked == "*" else [picked]
        return sql, tuple(out)

    def _from(self, depth: int) -> tuple[str, list[tuple[str, str]]]:
        chance = self._random
        left, one, mine = self._relation(depth)
        columns = [(one, name) for name in mine]
        if depth >= 3 or chance.random() > 0.4:
            return left, columns
        right, two, theirs = self._relation(depth)
        shared = [name for name in mine if name in theirs]
        if shared and chance.random() < 0.4:
            kind = chance.choice(["", "LEFT ", "FULL "])
            return (f"{left} {kind}JOIN {right} USING ({shared[0]})",
                    [*columns, *((two, name) for name in theirs if name != shared[0])])
        on = f"ON {one}.{chance.choice(mine)} = {two}.{chance.choice(theirs)}"
        if chance.random() < 0.2:
            return f"{left} SEMI JOIN {right} {on}", columns
        return f"{left} JOIN {right} {on}", [*columns, *((two, name) for name in theirs)]

    def _relation(self, depth: int) -> tuple[str, str, tuple[str, ...]]:
        self._aliases += 1
        alias = f"x{self._aliases}"
        kind = self._random.choice(["table", "table", "view", "sub"]) if depth < 3 else "table"
        if kind == "sub":
            sql, columns = self.select(depth + 1)
            return f"({sql}) AS {alias}", alias, columns
        views = [name for name in self._names if name not in TABLES]
        name = self._random.choice(views if kind == "view" and views else list(TABLES))
        return f"{name} AS {alias}", alias, self._names[name]

    def _expression(self, columns: list[str]) -> str:
        one, two = self._random.choice(columns), self._random.choice(columns)
        name = self._random.choice(list(TABLES))
        mine, theirs = self._random.choice(TABLES[name]), self._random.choice(TABLES[name])
        return self._random.choice([
            one, one, f"{one} + {two}", f"coalesce({one}, {two})", f"CASE WHEN {one} > 1 THEN {two} ELSE 0 END",
            f"(SELECT max(s.{mine}) FROM {name} AS s WHERE s.{theirs} < {one})",
            f"list_sum(list_transform([{one}], lambda q: q + {two}))", f"row_number() OVER (PARTITION BY {one} ORDER BY {two})"])


def _values(session: Session, view: str) -> dict[str, list[str]]:
    found = session.query(f"FROM {view}")
    rows = found.rows()
    return {one.name: sorted(str(row[i]) for row in rows) for i, one in enumerate(found.columns)}


def _reached(lineage: Lineage, branches: tuple[Branch, ...]) -> set[tuple[str, str | None]]:
    """Columns; None for a view whose rows are others, with all views over it."""
    found: set[tuple[str, str | None]] = set()
    for one in branches:
        found |= {(one.node.name, one.column)} | _reached(lineage, one.branches)
        if one.column is None:
            found |= {(below.name, None) for below in lineage.around(one.node.id, up=False).nodes}
    return found


@pytest.mark.parametrize(("seed", "views"), [(7, 6), *(pytest.param(seed, 30, marks=pytest.mark.soak) for seed in range(20))])
def test_what_lineage_says_is_what_duckdb_does(session: Session, seed: int, views: int) -> None:
    names: Names = dict(TABLES)
    session.query(";".join(map(table, TABLES)))
    writer, texts = Writer(seed, names), dict[str, str]()
    for i in range(views):
        sql, _columns = writer.select()
        try:
            session.query(f"CREATE VIEW v{i} AS {sql}")
            names[f"v{i}"] = tuple(one.name for one in session.query(f"FROM v{i}").columns)
            texts[f"v{i}"] = sql
        except PlutoError:  # it makes no sense
            session.query(f"DROP VIEW IF EXISTS v{i}")
    assert len(texts) > views / 2
    tables = session.tables()
    lineage = Lineage([collect(session, tables, *known(session, tables))[0]])
    assert not [one.note for one in lineage.nodes.values() if one.note]
    for name, columns in TABLES.items():
        for column in columns:
            _changed(session, lineage, texts, name, column)
            _dropped(session, lineage, texts, name, column)


def _changed(session: Session, lineage: Lineage, texts: dict[str, str], name: str, column: str) -> None:
    before = {view: _values(session, view) for view in texts}
    session.query(f"UPDATE {name} SET {column} = {column} + 7")
    reached = _reached(lineage, lineage.around(f"main.{name}", column, up=False).down)
    for view, sql in texts.items():
        for out, values in _values(session, view).items():
            assert values == before[view][out] or {(view, out), (view, None)} & reached, (name, column, view, out, sql)
    session.query(f"UPDATE {name} SET {column} = {column} - 7")


def _dropped(session: Session, lineage: Lineage, texts: dict[str, str], name: str, column: str) -> None:
    said = {one.node.name for one in impact(lineage, f"main.{name}", column).effects if one.what == "breaks"}
    session.query(f"ALTER TABLE {name} DROP COLUMN {column}")
    broken = set()
    for view in texts:
        try:
            session.query(f"FROM {view} LIMIT 0")
        except PlutoError:
            broken.add(view)
    session.query(f"DROP TABLE {name}; {table(name)}")
    assert said == broken, (name, column, {view: texts[view] for view in said ^ broken})
