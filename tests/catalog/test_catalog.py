"""What the catalog says of tables, and when it looks again."""

from __future__ import annotations

from pluto_duck.catalog import Catalog
from pluto_duck.session import Session


def _roles(session: Session, table: str) -> dict[str, str]:
    return {column.name: column.role for column in Catalog.of(session).table(f"main.{table}").columns}


def _relations(session: Session) -> set[tuple[str, str, str, str]]:
    return {(r.child.name, r.child_column, r.parent.name, r.parent_column) for r in Catalog.of(session).relations}


def test_columns_get_the_part_they_play(session: Session) -> None:
    session.query("CREATE TABLE sales AS SELECT i AS sale_id, i % 3 AS shop_id, i * 1.5 AS amount, i % 2 = 0 AS paid, "
                  "DATE '2024-01-01' + i::INTEGER AS sold_on, 'kind ' || (i % 4) AS kind, "
                  "'2024-02-0' || (1 + i % 9) AS noted, 2000 + i % 20 AS year FROM range(100) t(i)")
    assert _roles(session, "sales") == {
        "sale_id": "key", "shop_id": "key", "amount": "measure", "paid": "boolean", "sold_on": "date",
        "kind": "dimension", "noted": "date", "year": "date"}
    table = Catalog.of(session).table("main.sales")
    assert table.key == "sale_id"
    assert table.rows == 100
    assert table.column("noted").text_date
    assert table.column("year").part == "year"


def test_a_word_that_only_ends_like_an_id_is_a_measure(session: Session) -> None:
    session.query("CREATE TABLE weather AS SELECT i / 2.0 AS humid FROM range(50) t(i)")
    assert _roles(session, "weather") == {"humid": "measure"}


def test_declared_keys_are_relations_and_are_certain(session: Session) -> None:
    session.query("CREATE TABLE boss (id INTEGER PRIMARY KEY); CREATE TABLE unit (n INTEGER, led_by INTEGER REFERENCES boss(id))")
    assert [(r.child_column, r.declared, r.confidence) for r in Catalog.of(session).relations] == [("led_by", True, 1.0)]


def test_a_key_is_inferred_when_name_and_data_agree(session: Session) -> None:
    session.query("CREATE TABLE customers AS SELECT i AS id, 'c' || i AS name FROM range(20) t(i)")
    session.query("CREATE TABLE orders AS SELECT i AS id, i % 20 AS customer_id FROM range(100) t(i)")
    assert _relations(session) == {("orders", "customer_id", "customers", "id")}


def test_no_key_is_inferred_when_the_data_disagree(session: Session) -> None:
    session.query("CREATE TABLE customers AS SELECT i AS id FROM range(20) t(i)")
    session.query("CREATE TABLE orders AS SELECT i AS id, i % 20 + 500 AS customer_id FROM range(100) t(i)")
    assert _relations(session) == set()


def test_codes_under_other_names_are_recognised_by_their_values(session: Session) -> None:
    session.query("CREATE TABLE airports AS SELECT unnest(['JFK', 'LGA', 'EWR', 'LAX', 'SFO']) AS faa")
    session.query("CREATE TABLE flights AS SELECT ['JFK', 'LGA', 'EWR'][1 + i % 3] AS origin, "
                  "['LAX', 'SFO'][1 + i % 2] AS dest FROM range(30) t(i)")
    assert _relations(session) == {("flights", "origin", "airports", "faa"), ("flights", "dest", "airports", "faa")}


def test_the_same_catalog_comes_back_until_something_is_written(session: Session) -> None:
    session.query("CREATE TABLE a AS SELECT 1 AS x")
    session.query("CREATE TABLE b AS SELECT 'one' AS y")
    first = Catalog.of(session)
    assert Catalog.of(session) is first
    session.query("INSERT INTO b VALUES ('two')")
    second = Catalog.of(session)
    assert second is not first
    assert second.table("main.a") is first.table("main.a")
    assert (first.table("main.b").rows, second.table("main.b").rows) == (1, 2)


def test_a_dropped_table_leaves_the_catalog(session: Session) -> None:
    session.query("CREATE TABLE a AS SELECT 1 AS x")
    assert [str(table.ref) for table in Catalog.of(session).tables] == ["a"]
    session.query("DROP TABLE a")
    assert Catalog.of(session).tables == ()


def test_values_are_found_whole_in_part_and_misspelt(session: Session) -> None:
    session.query("CREATE TABLE airlines AS SELECT unnest(['JetBlue Airways', 'Delta Air Lines']) AS name")
    index = Catalog.of(session).values(session)
    assert [value.text for value in index.exact("DELTA air-lines")] == ["Delta Air Lines"]
    assert [value.text for value in index.containing("jetblue")] == ["JetBlue Airways"]
    assert [value.text for value, _score in index.alike("JetBlu Airways")] == ["JetBlue Airways"]
    assert index.exact("Lufthansa") == []


def test_values_follow_the_data(session: Session) -> None:
    session.query("CREATE TABLE t AS SELECT 'red' AS colour")
    assert Catalog.of(session).values(session).exact("blue") == []
    session.query("INSERT INTO t VALUES ('blue')")
    assert [value.text for value in Catalog.of(session).values(session).exact("blue")] == ["blue"]


def test_a_column_with_too_many_values_stays_out_of_the_index(session: Session) -> None:
    session.query("CREATE TABLE t AS SELECT 'v' || i AS code FROM range(20000) t(i)")
    catalog = Catalog.of(session)
    assert len(catalog.values(session)) == 0
    assert catalog.large_columns(catalog.tables[0].ref) == ["code"]


def test_odd_names_are_no_trouble(session: Session) -> None:
    session.query('CREATE SCHEMA "My Schema"; CREATE TABLE "My Schema"."odd ""table" AS SELECT 1 AS "select", \'ü\' AS "a b"')
    table = Catalog.of(session).tables[0]
    assert [column.name for column in table.columns] == ["select", "a b"]
    assert Catalog.of(session).values(session).exact("ü")[0].column == "a b"


def test_a_relation_says_whether_every_value_was_found(session: Session) -> None:
    session.query("CREATE TABLE customers AS SELECT i AS id FROM range(20) t(i)")
    session.query("CREATE TABLE orders AS SELECT i AS id, i % 21 AS customer_id FROM range(100) t(i)")
    assert [one.complete for one in Catalog.of(session).relations] == [False]
    session.query("INSERT INTO customers VALUES (20)")
    assert [one.complete for one in Catalog.of(session).relations] == [True]


def test_keys_that_came_as_floats_are_keys(session: Session) -> None:
    session.query("CREATE TABLE teams AS SELECT i::DOUBLE AS team_id, 'team ' || i AS name FROM range(9) t(i)")
    session.query("CREATE TABLE players AS SELECT i::DOUBLE AS pid, (i % 9)::DOUBLE AS team_id FROM range(50) t(i)")
    assert _roles(session, "players") == {"pid": "key", "team_id": "key"}
    assert _relations(session) == {("players", "team_id", "teams", "team_id")}


def test_a_number_meets_its_digits(session: Session) -> None:
    session.query("CREATE TABLE tracks AS SELECT i AS track_id, 'track ' || i AS name FROM range(9) t(i)")
    session.query("CREATE TABLE races AS SELECT i AS race_id, (i % 9)::VARCHAR AS track_id FROM range(30) t(i)")
    assert [(one.child_column, one.mixed) for one in Catalog.of(session).relations] == [("track_id", True)]


def test_a_unique_column_of_the_same_name_is_pointed_at(session: Session) -> None:
    session.query("CREATE TABLE teachers AS SELECT i AS id, 'n' || i AS name, 100 + i AS classroom FROM range(9) t(i)")
    session.query("CREATE TABLE pupils AS SELECT i AS id, 'p' || i AS name, 100 + i % 9 AS classroom FROM range(90) t(i)")
    assert _relations(session) == {("pupils", "classroom", "teachers", "classroom")}


def test_a_number_that_may_point_at_two_tables_points_at_none(session: Session) -> None:
    for name in ("cats", "dogs"):
        session.query(f"CREATE TABLE {name} AS SELECT 1000 + i AS id FROM range(50) t(i)")
    session.query("CREATE TABLE visits AS SELECT i AS visit, 1000 + i % 50 AS guest FROM range(90) t(i)")
    assert _relations(session) == set()
    session.query("DROP TABLE dogs")
    assert _relations(session) == {("visits", "guest", "cats", "id")}


def test_a_column_that_went_just_now_spoils_no_question(session: Session) -> None:
    from dataclasses import replace

    from pluto_duck.catalog import Catalog
    from pluto_duck.session import ColumnInfo

    session.query("CREATE TABLE a AS SELECT 1 AS x")
    session.query("CREATE TABLE b AS SELECT 1 AS y")
    seen = [replace(one, columns=(ColumnInfo("gone", "INTEGER"),)) if one.ref.name == "a" else one
            for one in session.tables()]
    session.tables = lambda only=None: seen  # type: ignore[method-assign,assignment]
    assert [one.ref.name for one in Catalog.of(session).tables] == ["b"]


def test_asking_as_an_agent_leaves_the_types_of_views_as_they_are(session: Session) -> None:
    session.query("CREATE TABLE t AS SELECT i AS id, 'c' || i AS code, i * 1.5 AS price FROM range(100) t(i)")
    session.query("CREATE VIEW named AS WITH a AS (FROM t) SELECT code AS item_id, concat('x', id) AS item, price + 1 AS more, "
                  "sum(price) OVER () AS total FROM a")
    session.query("CREATE VIEW upon AS SELECT item_id, item FROM named")

    def types() -> dict[str, list[str]]:
        return {info.ref.name: [one.type for one in info.columns] for info in session.tables() if info.kind == "view"}

    before = types()
    assert before == {"named": ["VARCHAR", "VARCHAR", "DECIMAL(22,1)", "DECIMAL(38,1)"], "upon": ["VARCHAR", "VARCHAR"]}
    session.query("SELECT id FROM t", read_only=True)
    assert types() == before
    assert Catalog.of(session).table("main.named").column("item_id").type == "VARCHAR"
