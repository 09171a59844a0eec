"""Names that are markup, views upon hundreds of views, definitions that are broken: through a real workspace, to the end."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest

from pluto_duck.commands import Door, invoke
from pluto_duck.commands.lineage_whole import whole
from pluto_duck.commands.render import to_bundles, to_text
from pluto_duck.errors import PlutoError
from pluto_duck.session import Session
from pluto_duck.workspace import quote

NAMES = ('a"b', "x\ny", "<img src=x onerror=alert(1)>", "]]><script>alert(1)</script>", "'; DROP TABLE t; --", "\u202etxt.exe",
         "a.b", " ", "{{ 1 }}", "tab\there", "&amp;", "\x1b[31mred")


@pytest.fixture
def door(session: Session) -> Door:
    return Door(lambda: session, workspace=str(session.workspace.root))


def test_odd_names_are_names_to_the_end(session: Session, door: Door) -> None:
    session.query("CREATE TABLE t AS SELECT 1 AS a")
    above = "t"
    for name in NAMES:
        session.query(f"CREATE VIEW {quote(name)} AS SELECT {quote(NAMES[0])} AS {quote(name)}, * FROM "
                      f"(SELECT a AS {quote(NAMES[0])}, a FROM {quote(above)})")
        above = name
    found = invoke(["lineage", "t"], door)
    (bundle,) = to_bundles(found)
    root = ElementTree.fromstring(bundle["image/svg+xml"])
    texts = "".join(root.itertext())
    assert "<script>alert(1)</script>" in texts, "as text"
    assert {one.tag.rpartition("}")[2] for one in root.iter()} <= {"svg", "title", "desc", "rect", "g", "text", "path"}
    for shown in (bundle["text/plain"], to_text(found), texts):
        assert not {"\x1b", "\u202e"} & set(shown)
    told = json.loads(str(invoke(["lineage", "t", "--json"], door)))
    assert len(told["nodes"]) == len(NAMES) + 1
    assert all(one["note"] == "" for one in told["nodes"])
    for name in NAMES:
        column = invoke(["lineage", f"{quote(name)}.{quote(name)}", "--up"], door)
        assert "  a  " in f"  {to_text(column)}  ".replace("t.a", "  a  "), name


def test_views_upon_views_are_followed_as_deep_as_duckdb_goes(session: Session, door: Door) -> None:
    session.query("CREATE TABLE v0 AS SELECT 1 AS a")
    deep = 0
    try:
        for i in range(1, 71):
            session.query(f"CREATE VIEW v{i} AS SELECT a + 1 AS a FROM v{i - 1}")
            deep = i
    except PlutoError:
        pass
    assert deep > 50
    text = to_text(invoke(["lineage", f"v{deep}.a", "--up"], door))
    assert text.count("computed") == deep
    assert to_text(invoke(["lineage", "impact", "v0.a"], door)).count("  breaks: ") == deep
    session.query("DROP TABLE v0")
    assert whole(session).nodes["main.v1"].note == "it reads v0, which is not there"
    ElementTree.fromstring(to_bundles(invoke(["lineage", "v1"], door))[0]["image/svg+xml"])


@pytest.mark.parametrize(("view", "above"), [
    ("SELECT * EXCLUDE (c) REPLACE (b + 1 AS a) FROM t", {"a": {"b"}, "b": {"b"}}),
    ("SELECT COLUMNS('a|b') * 2 FROM t", {"a": {"a"}, "b": {"b"}}),
    ("SELECT * FROM (PIVOT t ON a IN (1, 2) USING sum(b) GROUP BY c)", {"c": {"c"}, "1": {"a", "b"}, "2": {"a", "b"}}),
    ("SELECT x.k FROM t, LATERAL (SELECT t.a + i AS k FROM range(3) r(i)) x", {"k": {"a"}}),
    ("SELECT s.f.g AS k FROM (SELECT {'f': {'g': b}} AS s FROM t)", {"k": {"b"}}),
    ("WITH RECURSIVE r(n) AS (SELECT a FROM t UNION ALL SELECT n + 1 FROM r WHERE n < 3) SELECT n FROM r", {"n": {"a"}}),
    ("SELECT twice(b) AS k FROM t", {"k": {"b"}}), ("SELECT k FROM of_t(1)", {"k": {"a", "c"}}),
    ("SELECT f.x, t.a FROM read_csv('{folder}/f.csv') f JOIN t ON true", {"x": {"*"}, "a": {"a"}})])
def test_what_views_say_is_followed_by_column(session: Session, view: str, above: dict[str, set[str]]) -> None:
    (session.workspace.root / "f.csv").write_text("x\n1\n")
    session.query("CREATE TABLE t AS SELECT 1 AS a, 2 AS b, 3 AS c; CREATE MACRO twice(x) AS x * 2;"
                  "CREATE MACRO of_t(n) AS TABLE SELECT a + c + n AS k FROM t")
    session.query(f"CREATE VIEW v AS {view.replace('{folder}', str(session.workspace.root))}")
    found = whole(session)
    made: dict[str, set[str]] = {}
    for link in found.above("main.v"):
        for name, below, _how in link.columns:
            made.setdefault(below, set()).add(name)
    assert made == above
    assert found.nodes["main.v"].note == ""
