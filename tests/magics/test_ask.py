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


def test_the_finding_stands_below_the_rows(flights: Shell) -> None:
    ran = flights.run("%ask how many flights per carrier?")
    texts = [one["text/plain"] for one in ran.bundles]
    said = next(i for i, one in enumerate(texts) if "add up to 33,682" in one)
    assert texts[said - 1].endswith("16 rows")


def test_a_single_number_stands_large_in_place_of_a_table(flights: Shell) -> None:
    ran = flights.run("%ask how many flights?")
    pages = [one.get("text/html", "") for one in ran.bundles]
    assert any("33,682" in page and "font-size" in page for page in pages)
    assert not any("<table" in page for page in pages)


def test_an_answer_becomes_a_cell_that_runs_without_a_planner(flights: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    flights.run("%ask average departure delay by carrier")
    inserted: list[str] = []
    monkeypatch.setattr(flights.ipython, "set_next_input", inserted.append)
    assert flights.run("%pluto cell delays").error is None
    (text,) = inserted
    assert text.startswith("%%pluto sql delays\nSELECT\n")
    monkeypatch.setenv("PLUTODUCK_AGENT__PLANNER", "none-of-that-name")
    assert flights.run(text).error is None
    assert flights.names["delays"].row_count == 16


@pytest.mark.parametrize("before", ["", "%ask how many frobnicators are there?"])
def test_without_sql_there_is_no_cell(flights: Shell, before: str) -> None:
    flights.run(before)
    assert isinstance(flights.run("%pluto cell").error, UsageError)


def test_sql_of_another_hand_is_not_laid_out_anew() -> None:
    from pluto_duck.agent import Answer
    from pluto_duck.magics.asking import cell_of

    odd = "FROM t SELECT columns('a.*') -- mine"
    assert cell_of(Answer("answered", "q", "p", "t", odd)) == f"%%pluto sql\n{odd}"


def test_a_chart_is_edited_by_its_words(flights: Shell) -> None:
    flights.run("%ask how many flights per carrier?")
    ran = flights.run("%pluto chart limit=3 sort=descending title='The busiest'")
    assert ran.error is None, ran.text
    plot = ran.bundles[0]["application/vnd.plotly.v1+json"]
    assert plot["data"][0]["x"] == ["UA", "B6", "EV"]
    assert plot["layout"]["title"]["text"] == "The busiest"
    line = ran.text.strip()
    assert line.startswith("%pluto chart kind=bar x=carrier y=")
    assert flights.run(line).bundles == ran.bundles
    as_json = flights.run('%pluto chart {"kind": "histogram", "x": "' + plot["layout"]["yaxis"]["title"]["text"] + '"}')
    assert as_json.bundles[0]["text/plain"].startswith("Histogram of")


def test_a_result_is_drawn_by_its_name(flights: Shell) -> None:
    flights.run("%%pluto sql far\nSELECT distance, air_time FROM flights WHERE air_time > 0 LIMIT 100")
    assert flights.run("%pluto chart far").text.strip() == "%pluto chart far kind=scatter x=distance y=air_time"
    assert flights.run("%pluto chart far kind=histogram x=distance").error is None


@pytest.mark.parametrize(("line", "says"), [
    ("%pluto chart kind=pie", "not 'pie'"), ("%pluto chart bars", "no Result"), ("%pluto chart x=carier", "carrier"),
    ("%pluto chart {kind", "no JSON"), ("%pluto chart kind=bar bar", "NAME=VALUE"),
])
def test_a_wrong_chart_says_what_is_wrong(flights: Shell, line: str, says: str) -> None:
    flights.run("%ask how many flights per carrier?")
    error = flights.run(line).error
    assert says in f"{error} {getattr(error, 'hint', '')}"


def test_a_choice_is_picked_by_its_number(shell: Shell) -> None:
    shell.run("%pluto sql CREATE TABLE shifts AS SELECT i AS early_load, i * 2 AS late_load FROM range(5) t(i)")
    asked = shell.run("%ask what is the average load?")
    assert "Pick one: %ask --choose 1" in asked.bundles[-1]["text/plain"]
    assert isinstance(shell.run("%ask --choose 9").error, UsageError)
    ran = shell.run("%ask --choose 2 late")
    assert ran.error is None, ran.text
    assert shell.names["late"].scalar() == 4
    assert shell.run("%ask --choose 1").error is None  # a second look at the same choices
    shell.run("%ask how many shifts?")
    assert isinstance(shell.run("%ask --choose 1").error, UsageError)
