"""`%pluto VERB`: the shell's verbs, seen from a notebook."""

from __future__ import annotations

from pathlib import Path

import pytest

from pluto_duck.errors import PlutoError, UsageError
from tests.magics.conftest import SAMPLE, Shell


def test_ingest_and_tables(shell: Shell) -> None:
    shell.names["place"] = str(SAMPLE / "airlines.parquet")
    ran = shell.run("%pluto ingest {place}")
    assert ran.error is None, ran.text
    assert "16 rows" in str(ran.bundles)
    table = shell.run("%pluto tables").bundles[-1]
    assert "airlines" in table["text/html"]
    assert "airlines" in table["text/plain"]


def test_a_variable_in_braces_is_one_word_whatever_it_holds(shell: Shell, tmp_path: Path) -> None:
    folder = tmp_path / "a folder's \"name\""
    folder.mkdir()
    (folder / "sales.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    shell.names["folder"] = folder
    ran = shell.run("%pluto ingest {folder}/sales.csv --into sold")
    assert ran.error is None, ran.text
    assert shell.run("%pluto describe sold").error is None


def test_help_teaches_the_verbs_and_the_notebooks_own(shell: Shell) -> None:
    every = shell.run("%pluto help")
    assert "ingest" in str(every.bundles)
    assert "%%pluto sql" in every.text
    assert "Usage: %pluto query" in str(shell.run("%pluto help query").bundles)
    assert "$month" in shell.run("%pluto help sql").text
    assert shell.run("%pluto").error is None


def test_a_slip_offers_the_nearest_verb(shell: Shell) -> None:
    ran = shell.run("%pluto tabels")
    assert isinstance(ran.error, UsageError)
    assert "Did you mean tables?" in ran.text


def test_a_quote_left_open_is_said(shell: Shell) -> None:
    assert isinstance(shell.run("%pluto ingest 'sales.csv").error, UsageError)


@pytest.mark.parametrize("verb", ["tables", "ingest x.csv", "", "history"])
def test_only_sql_and_questions_take_a_cell(shell: Shell, verb: str) -> None:
    assert isinstance(shell.run(f"%%pluto {verb}\nSELECT 1").error, UsageError)


def test_another_workspace_can_be_chosen_and_stays(shell: Shell, tmp_path: Path) -> None:
    shell.run("%pluto sql CREATE TABLE here AS SELECT 1 AS a")
    shell.names["other"] = str(tmp_path / "other")
    shell.run("%pluto init {other}")
    assert shell.run("%pluto -w {other} status").error is None
    assert isinstance(shell.run("%pluto sql FROM here").error, PlutoError)
    shell.names["back"] = str(tmp_path / "workspace")
    shell.run("%pluto -w {back} tables")
    assert shell.run("%pluto sql FROM here").error is None


def test_a_verb_that_would_block_the_cell_is_refused(shell: Shell) -> None:
    ran = shell.run("%pluto serve")
    assert isinstance(ran.error, PlutoError)
    assert "terminal" in ran.text


def test_no_error_yet(shell: Shell) -> None:
    assert shell.run("%pluto traceback").text == "No error yet.\n"
