"""Which stored columns a statement's columns are made of: by itself, and held against DuckDB and sqlglot."""

from __future__ import annotations

import pytest

from pluto_duck.catalog.lineage import Known, Macro, trace

KNOWN = Known(
    {"main.t": ("a", "b B", "s"), "main.u": ("a", "c"), 'raw."odd"': (), "raw.t": ("a", "z"), "main.äpfel": ("Ä", "Q")},
    catalog="duck", aggregates=("sum", "max", "count_star"),
    macros=(Macro("main", "addone", ("x",), "(x + 1)", False), Macro("main", "twice", ("x",), "addone(addone(x))", False),
            Macro("main", "loop", ("x",), "loop(x)", False), Macro("main", "with_a", ("y",), "(y + a)", False),
            Macro("main", "above", ("n",), "SELECT a, c FROM u WHERE (a > n)", True)))

CASES: dict[str, dict[str, str]] = {
    "SELECT * FROM t": {"a": "t.a", "b B": "t.b B", "s": "t.s"},
    "FROM t": {"a": "t.a", "b B": "t.b B", "s": "t.s"},
    "SELECT t.* EXCLUDE (a), u.c AS d FROM t JOIN u USING (a)": {"b B": "t.b B", "s": "t.s", "d": "u.c"},
    "SELECT * FROM t JOIN u USING (a)": {"a": "t.a", "b B": "t.b B", "s": "t.s", "c": "u.c"},
    "SELECT a FROM t FULL JOIN u USING (a)": {"a": "t.a+ u.a+"},
    "SELECT a FROM t RIGHT JOIN u USING (a)": {"a": "u.a"},
    "SELECT * FROM t NATURAL JOIN u": {"a": "t.a", "b B": "t.b B", "s": "t.s", "c": "u.c"},
    "SELECT * FROM t SEMI JOIN u ON t.a = u.a": {"a": "t.a", "b B": "t.b B", "s": "t.s"},
    "SELECT * REPLACE (a + 1 AS a) RENAME (c AS k) FROM u": {"a": "u.a+", "k": "u.c"},
    "SELECT COLUMNS('^c') FROM u": {"c": "u.c"},
    "SELECT a AS x, x + c AS y FROM u": {"x": "u.a", "y": "u.a+ u.c+"},
    "WITH q AS (SELECT a + 1 AS k, k * 2 AS m FROM t) SELECT m FROM q": {"m": "t.a+"},
    "WITH q(k, m) AS (SELECT a, c FROM u), t AS (FROM q) SELECT m FROM t": {"m": "u.c"},
    "WITH t AS (SELECT c AS z FROM u) SELECT * FROM t": {"z": "u.c"},
    "SELECT (SELECT max(c) FROM u WHERE u.a = t.a) AS m FROM t": {"m": "t.a+ u.a+ u.c++"},
    "SELECT a IN (SELECT c FROM u) AS f FROM t": {"f": "t.a+ u.c+"},
    "SELECT EXISTS (SELECT 1 FROM u WHERE u.a = t.a) AS f FROM t": {"f": "t.a+ u.a+"},
    "SELECT x.k FROM t, LATERAL (SELECT c + t.a AS k FROM u) x": {"k": "t.a+ u.c+"},
    "SELECT a FROM t UNION ALL SELECT c FROM u": {"a": "t.a u.c"},
    "SELECT a FROM t UNION BY NAME SELECT c, a FROM u": {"a": "t.a u.a", "c": "u.c"},
    "SELECT a FROM t EXCEPT SELECT c FROM u": {"a": "t.a"},
    "WITH RECURSIVE r(n) AS (SELECT a FROM t UNION ALL SELECT n + c FROM r, u WHERE n < 9) FROM r": {"n": "t.a+ u.c+"},
    "SELECT addone(a) AS z FROM t": {"z": "t.a+"},
    "SELECT twice(a) AS z FROM t": {"z": "t.a+"},
    "SELECT loop(a) AS z FROM t": {"z": "t.a+"},
    "SELECT with_a(c) AS z FROM u": {"z": "u.a+ u.c+"},
    "SELECT * FROM above(3)": {"a": "u.a", "c": "u.c"},
    "SELECT s.x.y AS k, t.s['x'] AS l FROM t": {"k": "t.s+", "l": "t.s+"},
    "SELECT s->'$.x' AS k FROM t": {"k": "t.s+"},
    "SELECT list_transform([c], lambda a: a + 1) AS l FROM u": {"l": "u.c+"},
    "SELECT [x + c FOR x IN [a] IF x > 1] AS l FROM u": {"l": "u.a+ u.c+"},
    "SELECT u FROM u": {"u": "u.a+ u.c+"},
    "SELECT unnest(s) AS k FROM t": {"k": "t.s+"},
    "SELECT k FROM t, unnest(t.s) AS x(k)": {"k": "t.s+"},
    "SELECT sum(c) FILTER (WHERE a > 1) AS k, count(*) AS n FROM u GROUP BY ALL": {"k": "u.a++ u.c++", "n": ""},
    "SELECT row_number() OVER (PARTITION BY a ORDER BY c) AS k FROM u": {"k": "u.a+ u.c+"},
    "SELECT p, c FROM (VALUES (1, 2)) v(p, q), u": {"p": "", "c": "u.c"},
    "SELECT v, n FROM (UNPIVOT u ON a, c INTO NAME n VALUE v)": {"v": "u.a+ u.c+", "n": ""},
    "SELECT duck.main.t.a, main.u.c, raw.t.z FROM duck.main.t, u, raw.t": {"a": "main.t.a", "c": "u.c", "z": "raw.t.z"},
    'SELECT T."B b" AS k FROM "T"': {"k": "t.b B"},
    'SELECT ä FROM "äpfel"': {"ä": "?"},
    'SELECT q AS k, Ä FROM "äpfel"': {"k": "äpfel.Q", "Ä": "äpfel.Ä"},
    "SELECT (SELECT (SELECT t.a + u.c)) AS k FROM t, u": {"k": "t.a+ u.c+"},
}


def _shown(origins: object) -> str:
    marks = {"same": "", "computed": "+", "aggregated": "++"}
    return " ".join(sorted(f"{table.removeprefix('main.')}.{column}{marks[how]}"
                           for (table, column), how in origins.items()))  # type: ignore[attr-defined]


@pytest.mark.parametrize("sql", CASES)
def test_the_origin_of_each_column(sql: str) -> None:
    found = trace(sql, KNOWN)
    wanted = {name: origins.replace("main.", "") for name, origins in CASES[sql].items()}
    assert not found.problem
    if "?" in wanted.values():
        assert list(found.unknown) == list(wanted), "another letter: DuckDB folds ASCII alone"
        return
    assert {name: _shown(origins) for name, origins in found.columns} == wanted
    assert found.rest is None
    assert not found.unknown


def test_a_pivot_tells_what_its_values_are_made_of() -> None:
    found = trace("SELECT * FROM (PIVOT u ON a IN (1, 2) USING sum(c))", KNOWN)
    assert _shown(found.under(["1", "2"])["1"]) == "u.a+ u.c++"


def test_columns_of_files_and_functions_come_from_the_file() -> None:
    found = trace("SELECT f.k, t.a FROM read_csv(['in/x.csv', 'y.csv']) f, t", KNOWN)
    assert found.outside == {"outside:in/x.csv": "in/x.csv"}
    assert [_shown(origins) for _name, origins in found.columns] == ["outside:in/x.csv.*+", "t.a"]
    assert list(trace("FROM 'a b/*.parquet'", KNOWN).outside.values()) == ["a b/*.parquet"]


def test_a_password_in_a_function_is_not_told() -> None:
    found = trace("FROM postgres_scan('host=db password=hunter2', 'public', 'x')", KNOWN)
    assert "hunter2" not in str(found)
    assert list(found.outside.values()) == ["postgres_scan(...)"]


def test_a_table_that_is_gone_is_said_and_the_rest_is_read() -> None:
    found = trace("SELECT nope.k, t.a FROM nope JOIN t ON nope.id = t.a", KNOWN)
    assert list(found.missing) == ["main.nope"]
    assert {name: _shown(origins) for name, origins in found.columns} == {"k": "nope.k", "a": "t.a"}


def test_a_column_that_no_table_has_is_said() -> None:
    assert list(trace("SELECT oops FROM t", KNOWN).unknown) == ["oops"]


@pytest.mark.parametrize("sql", ["", "SELEC 1", "DROP TABLE t", "SELECT 1; SELECT 2", "SELECT '" + "\0" + "'"])
def test_what_is_no_select_is_said(sql: str) -> None:
    assert trace(sql, KNOWN).problem


def test_what_is_nested_too_deep_is_said_or_read() -> None:
    found = trace("SELECT " + "(" * 400 + "a" + " + 1)" * 400 + " AS k FROM t", KNOWN)
    assert found.problem or _shown(dict(found.columns)["k"]) == "t.a+"


def test_what_rows_are_chosen_by_is_kept_apart() -> None:
    found = trace("SELECT t.a FROM t JOIN u ON t.a = u.a WHERE c > 1 GROUP BY t.a, s ORDER BY \"b B\"", KNOWN)
    uses = {f"{table}.{column}": sorted(kinds) for (table, column), kinds in found.uses.items()}
    assert uses == {"main.t.a": ["group", "join"], "main.u.a": ["join"], "main.u.c": ["filter"], "main.t.s": ["group"],
                    "main.t.b B": ["sort"]}


@pytest.mark.parametrize(("sql", "chosen"), [
    ("SELECT DISTINCT a FROM t", {"t.a"}), ("SELECT a FROM t UNION SELECT c FROM u", {"t.a", "u.c"}),
    ("SELECT a FROM t UNION ALL SELECT c FROM u", set()), ("SELECT a FROM t EXCEPT SELECT c FROM u", {"t.a", "u.c"}),
])
def test_where_rows_that_are_alike_are_one_every_column_decides(sql: str, chosen: set[str]) -> None:
    assert {f"{table.removeprefix('main.')}.{column}" for table, column in trace(sql, KNOWN).uses} == chosen


def _oracle(sql: str) -> dict[str, str]:
    """sqlglot's own lineage: for each column the leaves, as table.column."""
    import sqlglot
    from sqlglot.lineage import lineage

    schema = {"t": {"a": "int", "s": "int"}, "u": {"a": "int", "c": "int"}}
    tree = sqlglot.parse_one(sql, dialect="duckdb")
    found = {}
    for name in tree.named_selects:
        leaves = [one for one in lineage(name, tree.copy(), schema=schema, dialect="duckdb").walk()
                  if isinstance(one.source, sqlglot.exp.Table) and not one.downstream]
        found[name] = " ".join(sorted({f"{one.source.name}.{one.name.rpartition('.')[2].strip(chr(34))}"
                                       for one in leaves}))
    return found


ALIKE = (
    "SELECT t.a + u.c AS k, u.a FROM t JOIN u ON t.a = u.a",
    "SELECT a, sum(c) AS total, count(*) AS n FROM u GROUP BY a",
    "WITH q AS (SELECT a, c AS m FROM u), r AS (SELECT m + a AS k FROM q) SELECT k, t.s FROM r, t",
    "SELECT a FROM t UNION ALL SELECT c AS a FROM u",
    "SELECT CASE WHEN a > 1 THEN c ELSE 0 END AS k, upper(CAST(a AS TEXT)) AS l FROM u",
    "SELECT x.k FROM (SELECT a AS k FROM (SELECT c AS a FROM u) AS y) AS x",
    "SELECT rank() OVER (PARTITION BY t.a ORDER BY t.s) AS k FROM t",
    "SELECT coalesce(u.c, t.s) AS k FROM t LEFT JOIN u ON t.a = u.a",
)


@pytest.mark.parametrize("sql", ALIKE)
def test_sqlglot_says_the_same(sql: str) -> None:
    ours = {name: _shown(origins).replace("+", "") for name, origins in trace(sql, Known(
        {"main.t": ("a", "s"), "main.u": ("a", "c")})).columns}
    assert ours == _oracle(sql)
