"""Classification, what nobody may do, refusals that help, and the cache."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import pytest

from pluto_duck.errors import PlutoError, Refused, StatementError, UnknownName
from pluto_duck.governance import Gate, Names
from pluto_duck.workspace import TableRef
from pluto_duck.workspace.parser import Parser, Token
from tests.governance.conftest import Agent

PEOPLE = Names([TableRef("people")])


@pytest.fixture(scope="module")
def gate() -> Gate:
    return Gate(Parser())


# -- every statement, whoever asks ----------------------------------------------------------------

def test_statements_are_classified_one_by_one(gate: Gate) -> None:
    found = gate.statements("CREATE TABLE t (i INTEGER); INSERT INTO t VALUES ($n); SELECT ';' -- ;")
    assert [one.type for one in found] == ["CREATE", "INSERT", "SELECT"]
    assert [set(one.parameters) for one in found] == [set(), {"n"}, set()]


@pytest.mark.parametrize("sql", [
    "CALL enable_logging()",
    "SELECT * FROM enable_logging(storage = 'file', storage_path = '/tmp/x')",
    'SELECT * FROM system.main."ENABLE_LOGGING" /* so */ ()',
    "CALL disable_logging()",
    "CALL truncate_duckdb_logs()",
    "SELECT write_log('x')",
    "PRAGMA enable_logging",
    "CREATE MACRO m() AS TABLE FROM enable_logging()",
    "CREATE VIEW v AS SELECT * FROM enable_logging()",
    "PREPARE p AS SELECT * FROM enable_logging()",
    "SELECT 1; CALL enable_logging()",
    "SELECT * FROM query('FROM enable_logging()')",
    "SELECT * FROM query('FROM enable_' || 'logging()')",
    "SELECT * FROM query($$FROM Enable_Logging()$$)",
    "SELECT * FROM query($a$ FROM enable_logging() $a$)",
    r"SELECT * FROM query(E'FROM en\x61ble_logging()')",
    r"SELECT * FROM query(E'FROM en\141ble_logging()')",
    """SELECT * FROM json_execute_serialized_sql('{"function_name": "enable_logging"}')""",
    "PREPARE p AS SELECT * FROM query('CALL enable_logging()'); EXECUTE p",
])
def test_what_ends_the_process_is_refused_to_the_owner_too(gate: Gate, sql: str) -> None:
    with pytest.raises(Refused, match="refused to everybody") as refused:
        gate.statements(sql)
    assert refused.value.hint


@pytest.mark.parametrize("sql", [
    "SELECT enable_logging FROM settings_of_mine",
    "SELECT 'CALL enable_logging()' AS text",
    "SELECT * FROM query('SELECT 1')",
    "CREATE TABLE write_log (i INTEGER)",
    "SET enable_logging = false",
    "CALL enable_profiling()",
    "-- enable_logging()\nSELECT 1",
])
def test_words_alone_are_not_refused(gate: Gate, sql: str) -> None:
    assert gate.statements(sql)


@pytest.fixture
def guarded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Gate, Path]:
    folder = tmp_path / "w" / ".pluto-duck"
    folder.mkdir(parents=True)
    path = folder / "workspace.duckdb"
    path.write_bytes(b"")
    (tmp_path / "link.duckdb").symlink_to(path)
    os.link(path, tmp_path / "hard.bin")
    (tmp_path / "other.duckdb").write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    return Gate(Parser(), [path, f"{path}.wal"]), path


@pytest.mark.parametrize("sql", [
    "SELECT * FROM read_blob('{path}')",
    "SELECT * FROM read_text(['{path}'])",
    "SELECT * FROM read_csv('{folder}/../.pluto-duck/workspace.duckdb')",
    "SELECT * FROM read_blob('{folder}/*')",
    "SELECT * FROM read_blob('{folder}/work[a-s]pace.duckdb')",
    "SELECT * FROM read_blob('w/**')",
    "SELECT * FROM read_blob('{folder}/**/workspace.duckdb')",
    "SELECT * FROM read_blob('**/work*.duckdb')",
    "SELECT * FROM read_blob('{folder}/workspace.duck??')",
    "SELECT * FROM read_blob('{folder}/work' || 'space.duckdb')",
    "SELECT * FROM read_blob('w/.pluto-duck/workspace.duckdb.wal')",
    "SELECT * FROM read_blob('file://{path}')",
    "SELECT * FROM read_blob('link.duckdb')",
    "SELECT * FROM read_blob('hard.bin')",
    "SELECT * FROM '{path}'",
    'SELECT * FROM "{path}"',
    "ATTACH '{path}' AS again",
    "ATTACH 'duckdb:{path}' AS again (READ_ONLY)",
    "ATTACH '{path}'",
    "COPY t TO '{path}'",
    "COPY t FROM '{path}'",
    "CREATE TABLE t AS SELECT * FROM read_blob('{path}')",
    "CREATE MACRO m() AS TABLE FROM read_blob('{path}')",
    "SELECT 1; SELECT * FROM read_blob($${path}$$)",
])
def test_nobody_opens_the_database_file_behind_its_back(guarded: tuple[Gate, Path], sql: str) -> None:
    gate, path = guarded
    with pytest.raises(Refused, match="open database itself") as refused:
        gate.statements(sql.format(path=path, folder=path.parent))
    assert refused.value.hint


@pytest.mark.parametrize("sql", [
    "SELECT * FROM read_blob('other.duckdb')", "ATTACH 'other.duckdb' AS other", "SELECT * FROM read_csv('*.csv')",
    "SELECT 'workspace.duckdb'", "SELECT * FROM t WHERE a LIKE '%*%' AND b ~ '^[a-z]+$'", "SELECT ''",
    "ATTACH ':memory:' AS m", """SELECT '{"a": 1}'::JSON, '{}', '[{"a": [1, 2]}]'""", "SELECT '**bold**', '*/'",
])
def test_other_files_and_plain_text_stay_free(guarded: tuple[Gate, Path], sql: str) -> None:
    assert guarded[0].statements(sql)


# -- refusals that help ---------------------------------------------------------------------------

@pytest.mark.parametrize(("sql", "hint"), [
    ("DROP TABLE people", "single SELECT"),
    ("SELECT 1; SELECT 2", "single SELECT"),
    ("PIVOT people ON name USING count(*)", "IN ('a', 'b')"),
    ("EXPLAIN SELECT 1", "SELECT itself"),
    ("SELECT name.upper() FROM people", "upper(name)"),
    ("SELECT * FROM other.main.people", "only people"),
    ("SELECT * FROM read_csv('x.csv')", "Name a table"),
    ("SELECT * FROM 'x.csv'", "pluto-duck ingest"),
    ("SELECT $x", "value into the statement"),
    ("SELECT uper('x')", "upper"),
    ("SHOW DATABASES", "SHOW TABLES"),
    ("SELECT 'a'::mood", "VARCHAR"),
])
def test_a_refusal_says_what_to_do(gate: Gate, sql: str, hint: str) -> None:
    with pytest.raises(Refused) as refused:
        gate.read_only(sql, PEOPLE)
    assert hint in refused.value.hint


def test_an_unknown_table_offers_the_nearest_name(gate: Gate) -> None:
    with pytest.raises(UnknownName) as unknown:
        gate.read_only("SELECT * FROM poeple", PEOPLE)
    assert unknown.value.hint == "Did you mean people?"
    assert unknown.value.facts["name"] == "poeple"


@pytest.mark.parametrize("sql", ["", ";", " -- nothing\n"])
def test_nothing_is_not_a_select(gate: Gate, sql: str) -> None:
    with pytest.raises(Refused):
        gate.read_only(sql, PEOPLE)


@pytest.mark.parametrize("sql", ["SELECT 1\0; DROP TABLE people", "SELECT 'a\0b'"])
def test_a_nul_character_is_an_error(gate: Gate, sql: str) -> None:
    with pytest.raises(PlutoError):
        gate.read_only(sql, PEOPLE)


def test_a_syntax_error_stays_one(gate: Gate) -> None:
    with pytest.raises(StatementError, match="syntax error"):
        gate.read_only("SELECT * FRM people", PEOPLE)


def test_nothing_is_read_from_disk_to_check_a_statement(gate: Gate, tmp_path: Path) -> None:
    (tmp_path / "schema.sql").write_text("SELECT 'read';", encoding="utf-8")
    (tmp_path / "load.sql").write_text("", encoding="utf-8")
    for sql in (f"IMPORT DATABASE '{tmp_path}'", f"SELECT 1; IMPORT DATABASE '{tmp_path}'",
                f"PRAGMA import_database('{tmp_path}')"):
        with pytest.raises(Refused):
            gate.read_only(sql, PEOPLE)


# -- names ----------------------------------------------------------------------------------------

def test_a_dot_inside_a_name_is_not_a_schema(gate: Gate) -> None:
    dotted = Names([TableRef("b.c", "a")])
    assert gate.read_only('SELECT * FROM a."b.c"', dotted)
    with pytest.raises(UnknownName):
        gate.read_only('SELECT * FROM "a.b".c', dotted)


def test_only_ascii_is_folded(gate: Gate) -> None:
    names = Names([TableRef("k"), TableRef("Été")])
    assert gate.read_only("SELECT * FROM K", names)
    assert gate.read_only('SELECT * FROM "ÉTé"'.replace("T", "t"), names)
    for other in ("\u212a", "ÉTÉ", "été"):  # the Kelvin sign, and capitals that only Python folds
        with pytest.raises(UnknownName):
            gate.read_only(f'SELECT * FROM "{other}"', names)


def test_names_hold_tables_and_list_them_in_order() -> None:
    names = Names([TableRef("b"), TableRef("A"), TableRef("c", "Raw")])
    assert [str(one) for one in names] == ["A", "b", "Raw.c"]
    assert len(names) == 3
    assert TableRef("C", "raw") in names
    assert TableRef("c") not in names
    assert "c" not in names


# -- the cache ------------------------------------------------------------------------------------

def test_an_answer_holds_for_one_set_of_names_only(gate: Gate) -> None:
    other = Names([TableRef("cities")])
    assert gate.read_only("SELECT * FROM people", PEOPLE) == "SELECT * FROM people"
    with pytest.raises(UnknownName):
        gate.read_only("SELECT * FROM people", other)
    assert gate.read_only("SELECT * FROM people", PEOPLE) == "SELECT * FROM people"


def test_a_refusal_is_remembered_and_raised_afresh(gate: Gate) -> None:
    seen = []
    for _ in range(2):
        with pytest.raises(Refused) as refused:
            gate.read_only("SELECT getvariable('x')", PEOPLE)
        seen.append(refused.value)
    assert seen[0] is not seen[1]
    assert seen[0].to_dict() == seen[1].to_dict()


def test_the_cache_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    from pluto_duck.governance import gate as module

    monkeypatch.setattr(module, "CACHED", 4)
    small = Gate(Parser())
    for number in range(12):
        small.read_only(f"SELECT {number}", PEOPLE)
    assert len(small._answers) == 4


def test_a_check_that_is_known_does_not_parse_again(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    sql = "SELECT name FROM people WHERE id = 77"
    agent.check(sql)

    def parsed(_text: str) -> dict[str, object]:
        raise AssertionError("parsed again")

    monkeypatch.setattr(agent.gate.parser, "tree", parsed)
    assert agent.check(sql) == sql


# -- depth ------------------------------------------------------------------------------------------

DEEP = ["SELECT " + one[0] * 20_000 + "1" + one[1] * 20_000 for one in ("()", "[]", "{}")]
SHALLOW = [
    "SELECT '" + "(" * 3_000 + "'", "SELECT '''" + "([" * 3_000 + "'''", r"SELECT E'\''" + " || '" + "(" * 3_000 + "'",
    "SELECT $a$" + "'(" * 3_000 + "$a$", 'SELECT 1 AS "' + "(" * 3_000 + '"', "SELECT 1 /* " + "(" * 3_000 + " */",
    "SELECT 1 -- " + "(" * 3_000 + "\n", "SELECT 1 IN (" + "(1), " * 3_000 + "2)"]


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    found, tokens = list[str](), Parser._tokens

    def noted(self: Parser, sql: str) -> tuple[Token, ...]:
        found.append(sql)
        return tokens(self, sql)

    monkeypatch.setattr(Parser, "_tokens", noted)
    return found


def test_what_is_nested_too_deep_is_refused_before_it_is_read(read: list[str]) -> None:
    gate = Gate(Parser())
    for sql in DEEP:
        for look in (lambda sql: gate.approved(sql, PEOPLE), gate.statements, lambda sql: gate.bound(sql + ", $x", {})):
            with pytest.raises(Refused, match="more than 1,000 brackets"):
                look(sql)
    assert read == []


def test_brackets_of_texts_and_lists_are_no_depth(gate: Gate) -> None:
    for sql in SHALLOW:
        assert [one.type for one in gate.statements(sql)] == ["SELECT"], sql[:20]
    for unfinished in ("'", '"', "E'", "$$", "/*", r"e'\' " * 20_000):
        with contextlib.suppress(PlutoError):  # in no time
            gate.statements("SELECT " + unfinished + "(" * 3_000)


def test_a_long_statement_is_cut_into_tokens_once(read: list[str]) -> None:
    sql = "SELECT 1 IN (" + ", ".join(map(str, range(4_000))) + ")"
    Gate(Parser()).approved(sql, PEOPLE)
    assert len(read) == 1
