"""`%ask` and `%%ask` over the bundled flights."""

from __future__ import annotations

import pytest

from pluto_duck.errors import UsageError
from tests.magics.conftest import SAMPLE, Shell


@pytest.fixture
def flights(shell: Shell) -> Shell:
    shell.names["sample"] = str(SAMPLE)
    for name in ("flights", "airlines"):
        assert shell.run("%pluto ingest {sample}/" + f"{name}.parquet").error is None
    return shell


def test_an_answer_shows_its_rows_its_sql_and_a_chart(flights: Shell) -> None:
    ran = flights.run("%ask average departure delay by carrier")
    assert ran.error is None, ran.text
    kinds = {kind for bundle in ran.bundles for kind in bundle}
    assert {"text/html", "text/plain", "image/svg+xml", "application/vnd.plotly.v1+json"} <= kinds
    assert "SELECT" in ran.bundles[-1]["text/plain"]


def test_a_question_may_end_with_its_mark_and_hold_an_apostrophe(flights: Shell) -> None:
    for line in ("%ask how many flights are there?", "%pluto ask how many flights are there?"):
        ran = flights.run(line)
        assert "33682" in str(ran.bundles).replace(",", ""), ran
    assert flights.run("%ask what's the frobnication?").error is None


def test_a_question_in_a_cell_binds_its_rows(flights: Shell) -> None:
    ran = flights.run("%%ask total\nhow many\nflights are there?")
    assert ran.error is None, ran.text
    assert flights.names["total"].scalar() == 33682
    flights.run("%%pluto sql again\nFROM total")
    assert flights.names["again"].scalar() == 33682


def test_what_it_does_not_know_is_said_and_binds_nothing(flights: Shell) -> None:
    ran = flights.run("%%ask nothing\nhow many frobnicators are there?")
    assert ran.error is None
    assert "frobnicators" in str(ran.bundles)
    assert "nothing" not in flights.names


def test_an_answer_made_in_python_shows_itself(flights: Shell) -> None:
    ran = flights.run("import pluto_duck\nwith pluto_duck.open() as db:\n    answer = db.ask('how many flights?')\nanswer")
    assert ran.error is None, ran.text
    assert any("33682" in str(bundle).replace(",", "") for bundle in ran.bundles)


@pytest.mark.parametrize("code", ["%ask", "%%ask\n\n", "%%ask two words\nhow many flights?"])
def test_no_question_and_odd_names_are_refused(shell: Shell, code: str) -> None:
    assert isinstance(shell.run(code).error, UsageError)


def test_a_lone_question_mark_is_still_ipythons_help(shell: Shell) -> None:
    for line in ("%ask?", "%pluto?"):
        assert "pinfo" in shell.ipython.transform_cell(line)
    assert "run_line_magic('ask'" in shell.ipython.transform_cell("%ask how many?")
    text = "x = '''\n%ask how many?\n'''\n"
    assert shell.ipython.transform_cell(text) == text
