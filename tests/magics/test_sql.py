"""`%pluto sql` and `%%pluto sql` in a real IPython."""

from __future__ import annotations

import re

import pytest

from pluto_duck.errors import StatementError, UnknownName, UsageError
from pluto_duck.workspace import Result
from tests.magics.conftest import Shell


def test_a_cell_of_sql_binds_its_result_and_shows_it(shell: Shell) -> None:
    ran = shell.run("%%pluto sql numbers\nSELECT i AS n FROM range(3) t(i);\n")
    assert ran.error is None
    assert ran.text.endswith("3 rows\n") or "3 rows" in str(ran.bundles)
    assert isinstance(shell.names["numbers"], Result)
    assert shell.names["numbers"].rows() == [(0,), (1,), (2,)]


def test_one_line_of_sql_can_be_assigned(shell: Shell) -> None:
    ran = shell.run("found = %pluto sql SELECT 42 AS answer")
    assert ran.error is None
    assert ran.text == ""
    assert shell.names["found"].scalar() == 42


def test_variables_are_bound_as_values_never_as_text(shell: Shell) -> None:
    shell.run("%pluto sql CREATE TABLE people AS SELECT unnest(['Ann', 'Bob']) AS name")
    shell.names["name"] = "x' OR true --"
    shell.run("%%pluto sql found\nSELECT * FROM people WHERE name = $name")
    assert shell.names["found"].rows() == []
    shell.names["name"] = "Ann"
    shell.run("%%pluto sql found\nSELECT * FROM people WHERE name = $name")
    assert shell.names["found"].rows() == [("Ann",)]


def test_numbers_dates_and_lists_keep_their_type(shell: Shell) -> None:
    shell.run("import datetime\nlow, day, names = 2, datetime.date(2013, 7, 4), ['a', 'b']")
    shell.run("%%pluto sql found\nSELECT $low + 1, $day + 1, list_contains($names, 'b')")
    assert [str(one) for one in shell.names["found"].rows()[0]] == ["3", "2013-07-05", "True"]


def test_a_dollar_in_a_string_or_a_comment_is_no_variable(shell: Shell) -> None:
    ran = shell.run("%%pluto sql found\nSELECT '$low {low}' AS a -- $nothing\n")
    assert ran.error is None
    assert shell.names["found"].scalar() == "$low {low}"


def test_a_missing_variable_is_named(shell: Shell) -> None:
    error = shell.run("%pluto sql SELECT $nowhere").error
    assert isinstance(error, UsageError)
    assert error.facts["name"] == "nowhere"


def test_frames_of_the_notebook_are_tables_by_name(shell: Shell) -> None:
    shell.run("import pandas, polars, pyarrow\n"
              "one = pandas.DataFrame({'a': [1, 2]})\ntwo = polars.DataFrame({'a': [3]})\n"
              "three = pyarrow.table({'a': [4]})")
    shell.run("%pluto sql SELECT 5 AS a")
    shell.run("%%pluto sql four\nSELECT 5 AS a")
    shell.run("%%pluto sql total\nFROM one UNION ALL FROM two UNION ALL FROM three UNION ALL FROM four")
    assert sorted(shell.names["total"].rows()) == [(1,), (2,), (3,), (4,), (5,)]


def test_a_table_of_the_workspace_goes_before_a_variable(shell: Shell) -> None:
    shell.run("%pluto sql CREATE TABLE t AS SELECT 'stored' AS a")
    shell.run("import pandas\nt = pandas.DataFrame({'a': ['variable']})")
    shell.run("%%pluto sql found\nFROM t")
    assert shell.names["found"].scalar() == "stored"


def test_writes_say_how_many_rows(shell: Shell) -> None:
    ran = shell.run("%pluto sql CREATE TABLE t AS FROM range(5)")
    assert "5 rows" in ran.text + str(ran.bundles)


def test_a_transaction_spans_cells(shell: Shell) -> None:
    for line in ("CREATE TABLE t (a INT)", "BEGIN", "INSERT INTO t VALUES (1)", "ROLLBACK"):
        assert shell.run(f"%pluto sql {line}").error is None
    shell.run("%%pluto sql found\nSELECT count(*) FROM t")
    assert shell.names["found"].scalar() == 0


def test_an_error_is_one_block_and_its_traceback_waits_for_a_request(shell: Shell) -> None:
    shell.run("%pluto sql CREATE TABLE flights AS SELECT 1 AS a")
    ran = shell.run("%pluto sql SELECT * FROM flight")
    assert isinstance(ran.error, UnknownName)
    assert ran.text == 'UnknownName: There is no table "flight".\nHint: Did you mean flights?\n'
    full = shell.run("%pluto traceback").text
    assert "Traceback (most recent call last)" in full
    assert 'There is no table "flight"' in full


def test_a_failed_cell_leaves_its_name_unbound(shell: Shell) -> None:
    assert isinstance(shell.run("%%pluto sql found\nSELEC 1").error, StatementError)
    assert "found" not in shell.names


@pytest.mark.parametrize("name", ["1x", "a b", "class", "a.b", "x;y"])
def test_a_name_that_no_variable_can_have_is_refused(shell: Shell, name: str) -> None:
    assert isinstance(shell.run(f"%%pluto sql {name}\nSELECT 1").error, UsageError)


def test_an_empty_statement_is_no_failure(shell: Shell) -> None:
    assert isinstance(shell.run("%pluto sql").error, UsageError)
    assert shell.run("%%pluto sql\n-- nothing\n").error is None


def test_long_results_are_capped_on_screen_but_kept_whole(shell: Shell) -> None:
    ran = shell.run("%%pluto sql many\nFROM range(1234)")
    shown = ran.text + str(ran.bundles)
    assert "50 of 1,234 rows" in shown
    assert len(shell.names["many"]) == 1234
    assert len(re.findall(r"<tr>|\n", shown)) < 120


def test_what_was_run_is_in_the_history(shell: Shell) -> None:
    shell.run("%pluto sql SELECT 1 AS first")
    shell.run("%pluto sql SELECT nothing")
    shown = str(shell.run("%pluto history").bundles)
    assert "SELECT 1 AS first" in shown
    assert "failed" in shown
    assert ">sql<" in shown  # the same word as from a shell and over HTTP
