"""Whatever happens to a table, a view that is refreshed from its changes has the rows that its definition gives."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pluto_duck.errors import PlutoError
from pluto_duck.events.retention import Keep
from pluto_duck.session import Session, TableRef
from pluto_duck.workspace import create
from tests.session.views.test_views import handler_of

VIEWS = {
    "whole": "SELECT * FROM {t}",
    "some": "SELECT id * 2 AS twice, upper(s) AS s, d, w FROM {t} AS x WHERE x.m > 0 OR g IS NULL",
    "least": "SELECT g, count(*) AS n, count(s) AS c, sum(id) AS i, avg(m) AS a, min(d) AS l, max(w) AS h, min(s) AS f "
             "FROM {t} GROUP BY g",
    "sums": "SELECT d, count(d) AS n, sum(m) AS m, avg(id) AS a, sum(g) AS g FROM {t} GROUP BY ALL",
    "all_of_it": "SELECT count(*) AS n, sum(m) AS m, avg(g) AS a, count(s) FILTER (g > 1) AS c FROM {t} WHERE id <> 3",
    "two": "SELECT w AS day, s, sum(m) FILTER (WHERE g > 0) AS m, count(*) AS n FROM {t} GROUP BY 1, s",
    "doubles": "SELECT g, sum(d) AS d FROM {t} WHERE NOT isnan(d) AND NOT isinf(d) GROUP BY g",
    "distinct": "SELECT DISTINCT g, w FROM {t}",
}

_VALUES = {
    "id": [str(i) for i in range(12)],
    "g": ["NULL", "0", "1", "2"],
    "d": ["NULL", "'nan'", "'inf'", "'-inf'", "0.0", "-0.0", "1.5", "0.1", "-2.25"],
    "m": ["NULL", "0", "-1.005", "2.5", "99999999.999"],
    "s": ["NULL", "''", "'a'", "'A'", "'it''s'", "'ß'"],
    "w": ["NULL", "DATE '2024-02-29'", "DATE '1969-12-31'", "DATE 'infinity'"],
}
_TABLE = "(id BIGINT{key}, g INTEGER, d DOUBLE, m DECIMAL(18,3), s VARCHAR, w DATE)"

_row = st.tuples(*(st.sampled_from(values) for values in _VALUES.values())).map(lambda one: f"({', '.join(one)})")
_rows = st.lists(_row, min_size=1, max_size=5).map(", ".join)
_where = st.sampled_from(["id < 4", "g IS NULL", "d = 'nan'", "s > 'a'", "m > 0 AND id % 2 = 0", "w IS NOT NULL", "true"])
_write = st.one_of(
    _rows.map(lambda rows: f"INSERT INTO {{t}} (id, g, d, m, s, w) VALUES {rows}"),
    _rows.map(lambda rows: f"INSERT OR IGNORE INTO {{t}} (id, g, d, m, s, w) VALUES {rows}"),
    st.integers(1, 4).map(lambda n: "INSERT INTO {t} (id, g, d, m, s, w) SELECT {next} + i, i % 3, i / 4, i / 8, i::VARCHAR, "
                                    f"DATE '2024-01-01' + i::INTEGER FROM range({n * 400}) r(i)"),
    _where.map(lambda where: f"DELETE FROM {{t}} WHERE {where}"),
    st.tuples(st.sampled_from(["g = g + 1", "m = m * -1, s = 'new'", "d = CASE WHEN isnan(d) THEN NULL ELSE d + 0.5 END",
                               "w = NULL", "s = s"]), _where).map(lambda one: f"UPDATE {{t}} SET {one[0]} WHERE {one[1]}"),
)
_step = st.one_of(
    _write.map(lambda sql: ("write", [sql])), _write.map(lambda sql: ("write", [sql])),
    st.lists(_write, min_size=1, max_size=3).map(lambda found: ("commit", found)),
    st.lists(_write, min_size=1, max_size=3).map(lambda found: ("rollback", found)),
    st.sampled_from([
        ("write", ["TRUNCATE {t}"]), ("write", ["ALTER TABLE {t} ADD COLUMN extra INTEGER DEFAULT 7"]),
        ("write", ["ALTER TABLE {t} ALTER s TYPE VARCHAR"]), ("write", ["ALTER TABLE {t} DROP COLUMN extra"]),
        ("write", ["CREATE OR REPLACE TABLE {t} AS SELECT * FROM {t}"]),
        ("native", ["DELETE FROM {t} WHERE id < 2"]), ("native", ["INSERT INTO {v} SELECT * FROM {v}"]),
        ("restart", []), ("again", []), ("untrack", []), ("trim", [])]),
    st.sampled_from(sorted(VIEWS)).map(lambda name: ("refresh", [name])),
    st.sampled_from(sorted(VIEWS)).map(lambda name: ("refresh", [name])),
    st.just(("refresh", sorted(VIEWS))),
)


class Bench:
    """A workspace in which each example has tables of its own."""

    def __init__(self, root: Path) -> None:
        self.root = create(root).root
        self.session = Session.open(self.root)
        self.examples = 0
        self.ways: Counter[str] = Counter()
        self.ids = 100

    def begin(self, tracking: str) -> None:
        self.examples += 1
        self.table = TableRef(f"t{self.examples}")
        self.tracking = tracking
        self.session.query(f"CREATE TABLE {self.table} " + _TABLE.format(
            key=" PRIMARY KEY" if tracking != "rows" else ""))
        self.track()
        for name, sql in VIEWS.items():
            self.session.views.create(self.view(name), sql.format(t=self.table), track=False)

    def end(self) -> None:
        for name in VIEWS:
            self.session.views.drop(self.view(name))
        self.session.query(f"DROP TABLE {self.table}")

    def track(self) -> None:
        if self.tracking != "none":
            with suppress(PlutoError):  # a table made anew has no key
                self.session.track(self.table, before=self.tracking == "before", full_row=self.tracking == "rows")

    def view(self, name: str) -> TableRef:
        return TableRef(f"{name}_{self.examples}")

    def write(self, sql: str) -> None:
        self.ids += 2_000
        with suppress(PlutoError):  # what breaks the key, or names a column that is not there, changes nothing
            self.session.query(sql.format(t=self.table, next=self.ids))

    def step(self, what: str, given: list[str]) -> None:
        if what in ("commit", "rollback"):
            self.session.query("BEGIN")
            for sql in given:
                self.write(sql)
            with suppress(PlutoError):
                self.session.query(what.upper())
            if self.session.in_transaction:
                self.session.query("ROLLBACK")
        elif what == "write":
            self.write(given[0])
        elif what == "native":
            native = handler_of(self.session).database.cursor()
            native.native().execute(given[0].format(t=self.table, v=self.view("whole")))
            native.close()
        elif what == "restart":
            self.session.close()
            self.session = Session.open(self.root)
        elif what in ("untrack", "again"):
            self.session.untrack(self.table)
            if what == "again":
                self.track()
        elif what == "trim":
            handler = handler_of(self.session)
            handler.retaining.keep = Keep(0, 0, 0)
            handler.retaining.trim(now_ms=2**45)
        else:
            for name in given:
                self.refresh(name)

    def refresh(self, name: str) -> None:
        done = self.session.views.refresh(self.view(name))
        self.ways[done.way] += 1
        self.ways[f"{name} {done.way}"] += 1
        wanted = self.rows(VIEWS[name].format(t=self.table))
        found = self.rows(f"FROM {self.view(name)}")
        assert found == wanted, (name, done, found - wanted, wanted - found)
        shape = "SELECT column_name, column_type FROM (DESCRIBE {})"
        assert self.session.query(shape.format(f"FROM {self.view(name)}")).rows() == self.session.query(
            shape.format(VIEWS[name].format(t=self.table))).rows()

    def rows(self, sql: str) -> Counter[tuple[Any, ...]]:
        return Counter(tuple(map(plain, row)) for row in self.session.query(sql).rows())


def plain(value: Any) -> Any:
    """0.0 and -0.0 are one group, of which either may be shown; an average may differ in its last digit."""
    if isinstance(value, float):
        return "nan" if math.isnan(value) else f"{value + 0.0:.12g}"
    return repr(value)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    made = Bench(tmp_path_factory.mktemp("views") / "workspace")
    yield made
    made.session.close()


def check(bench: Bench, tracking: str, rows: str, steps: list[tuple[str, list[str]]]) -> None:
    bench.begin(tracking)
    try:
        bench.write(f"INSERT INTO {{t}} VALUES {rows}")
        for what, given_ in (*steps, ("refresh", sorted(VIEWS))):
            bench.step(what, given_)
    finally:
        bench.end()


_TRACKING = st.sampled_from(["key", "before", "rows", "none"])
_quiet = settings(deadline=None, derandomize=True, database=None,
                  suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@given(_TRACKING, _rows, st.lists(_step, min_size=3, max_size=8))
@settings(_quiet, max_examples=3)
def test_a_refreshed_view_is_what_its_definition_gives(bench: Bench, tracking: str, rows: str,
                                                       steps: list[tuple[str, list[str]]]) -> None:
    check(bench, tracking, rows, steps)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@given(_TRACKING, _rows, st.lists(_step, min_size=3, max_size=20))
@settings(_quiet, max_examples=200)
def test_a_refreshed_view_is_what_its_definition_gives_in_many_rounds(bench: Bench, tracking: str, rows: str,
                                                                      steps: list[tuple[str, list[str]]]) -> None:
    check(bench, tracking, rows, steps)


def test_the_rounds_take_every_way(bench: Bench) -> None:
    """Appends, then rows that go, of each view that can follow them."""
    check(bench, "rows", "(1, 1, 'nan', 1, 'a', NULL), (1, 1, 'nan', 1, 'a', NULL), (2, NULL, -0.0, NULL, NULL, NULL)", [
        ("refresh", sorted(VIEWS)),
        ("write", ["INSERT INTO {t} VALUES (3, 2, 'nan', 0.125, '', DATE '2024-02-29'), (4, 1, 0.0, NULL, 'b', NULL)"]),
        ("refresh", sorted(VIEWS)), ("write", ["DELETE FROM {t} WHERE rowid = 0"]), ("refresh", sorted(VIEWS)),
        ("write", ["UPDATE {t} SET m = 7, s = NULL"])])
    for name in ("whole", "some", "sums", "all_of_it", "two"):
        assert bench.ways[f"{name} incremental"] >= 3, (name, bench.ways)
    assert bench.ways["least incremental"] >= 1
