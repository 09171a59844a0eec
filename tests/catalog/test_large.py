"""Tables of more rows than a profile looks at: still certain where it counts, and no relation out of ignorance."""

from __future__ import annotations

from pluto_duck.catalog import Catalog
from pluto_duck.catalog.store import ValueStore
from pluto_duck.session import Session


def test_a_key_of_a_large_table_is_exact_and_its_texts_point_nowhere(session: Session) -> None:
    session.query("CREATE TABLE visits AS SELECT i AS id, 'note ' || i AS note, i % 50 AS shop_id FROM range(250000) t(i);"
                  "CREATE TABLE shops AS SELECT i AS id, 'note ' || i AS note FROM range(50) t(i)")
    catalog = Catalog.of(session)
    assert catalog.table("main.visits").key == "id"
    assert [(one.child_column, one.parent.name, one.complete) for one in catalog.relations] == [("shop_id", "shops", True)]
    session.query("INSERT INTO visits VALUES (7, 'again', 99)")
    catalog = Catalog.of(session)
    assert catalog.table("main.visits").key is None
    assert [one.complete for one in catalog.relations] == [False]


def test_what_was_counted_is_known_to_the_next_session_until_a_table_changes(session: Session) -> None:
    session.query("CREATE TABLE shops AS SELECT i AS id FROM range(20) t(i); CREATE TABLE visits AS SELECT i % 20 AS shop_id FROM range(99) t(i)")
    first = Catalog.of(session).relations
    with Session.open(session.workspace.root) as other:
        assert _counted(other) == 0
        assert Catalog.of(other).relations == first
        session.query("INSERT INTO visits VALUES (99)")
        assert _counted(other) == 1
        assert [one.complete for one in Catalog.of(other).relations] == [False]
    assert len(ValueStore(session.workspace.folder / "values.sqlite").tested()) == 1, "what is no longer so is forgotten"


def _counted(session: Session) -> int:
    """How often a catalog that is read now holds columns against each other."""
    asked: list[str] = []
    run = session.query
    session.query = lambda sql, *a, **k: (asked.append(sql), run(sql, *a, **k))[1]  # type: ignore[method-assign]
    Catalog.of(session)
    session.query = run  # type: ignore[method-assign]
    return sum("WITH c AS MATERIALIZED" in sql for sql in asked)


def test_the_values_of_a_child_are_gathered_once_for_all_its_parents(session: Session) -> None:
    for n in range(30):
        session.query(f"CREATE TABLE kind_{n} AS SELECT 1000 + i AS kind_{n}_id FROM range(20) t(i)")
    session.query("CREATE TABLE facts AS SELECT i AS id, 1000 + i % 20 AS kind_3_id, 1000 + i % 20 AS kind_7_id FROM range(99) t(i)")
    asked: list[str] = []
    run = session.query
    session.query = lambda sql, *a, **k: (asked.append(sql), run(sql, *a, **k))[1]  # type: ignore[method-assign]
    catalog = Catalog.of(session)
    assert {(one.child_column, one.parent.name) for one in catalog.relations} == {
        ("kind_3_id", "kind_3"), ("kind_7_id", "kind_7")}
    assert sum('DISTINCT "kind_3_id" AS v FROM "main"."facts"' in sql for sql in asked) <= 2
