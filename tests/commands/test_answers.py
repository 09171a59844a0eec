"""An Answer on a terminal and in a page: what stands where."""

from __future__ import annotations

import re

import pytest

from pluto_duck.agent import Answer, Choice, Cost
from pluto_duck.commands import Formatted
from pluto_duck.commands.render import beside, to_bundles, to_chunks, to_text
from pluto_duck.session import Session

SQL = "SELECT kind, count(*) AS pets FROM pets GROUP BY kind ORDER BY kind"


@pytest.fixture
def answer(session: Session) -> Answer:
    session.query("CREATE TABLE pets AS SELECT unnest(['cat', 'cat', 'cat', 'dog', 'owl', 'owl']) AS kind")
    return Answer("assumed", "how many?", "builtin", "Number of pets, by kind.", SQL, ("owls are pets",), 0.9,
                  result=session.query(SQL))


WIDE = """\
Number of pets, by kind.
kind  pets
────  ────
cat      3  ████████████████████████
dog      1  ████████
owl      2  ████████████████
3 rows
Highest pets: cat with 3; lowest: dog with 1. The 3 add up to 6, of which cat has 50.0 %.
Assumed: owls are pets
SQL: SELECT kind, count(*) AS pets FROM pets GROUP BY kind ORDER BY kind"""


def test_a_terminal_shows_bars_beside_the_rows_and_what_they_say(answer: Answer) -> None:
    assert "".join(to_chunks(answer, width=80)) == WIDE


def test_a_pipe_gets_no_bars(answer: Answer) -> None:
    assert to_text(answer) == re.sub(r"  █+", "", WIDE)


def test_a_narrow_terminal_has_no_room_for_bars(answer: Answer) -> None:
    assert "█" not in "".join(to_chunks(answer, width=14))


def test_a_page_has_the_parts_in_the_same_order(answer: Answer) -> None:
    bundles = to_bundles(answer)
    assert [sorted(one) for one in bundles] == [
        ["text/html", "text/plain"],
        ["application/vnd.plotly.v1+json", "image/svg+xml", "text/plain"],
        ["text/html", "text/plain"], ["text/html", "text/plain"], ["text/html", "text/plain"]]
    assert bundles[0]["text/html"] == "<div>Number of pets, by kind.</div>"
    assert bundles[1]["application/vnd.plotly.v1+json"]["layout"]["title"]["text"] == "Number of pets, by kind"
    assert bundles[2]["text/html"].startswith('<div style="overflow-x:auto"><table')
    assert bundles[3]["text/html"].startswith("<div>Highest pets: cat with 3; lowest: dog with 1.")
    assert bundles[4]["text/html"].startswith("<pre style=")
    assert "Assumed: owls are pets" in bundles[4]["text/html"]


def test_csv_goes_alone_and_its_finding_beside_it(answer: Answer) -> None:
    csv = Formatted(answer, "csv")
    assert to_text(csv) == "kind,pets\ncat,3\ndog,1\nowl,2"
    assert "cat has 50.0 %" in beside(csv)


def test_choices_are_numbered_and_tell_how_to_pick_one() -> None:
    asked = Answer("clarify", "q", "builtin", "Which?", choices=(Choice("by <b>day</b>", "SELECT 1"),
                                                                Choice("by month", "SELECT 2")))
    assert to_text(asked) == "Which?\n  1. by <b>day</b>\n  2. by month\nPick one: pluto-duck ask --choose 1"
    page = "".join(one["text/html"] for one in to_bundles(asked))
    assert "<b>day" not in page
    assert "%ask --choose 1" in page


def test_a_proposed_chart_that_does_not_fit_gives_way_to_the_shape_of_the_rows(answer: Answer) -> None:
    from dataclasses import replace

    for proposed in ({"kind": "pie", "x": "kind", "y": ["pets"]}, {"kind": "bar", "x": "species", "y": ["pets"]},
                     {"kind": "number", "x": "pets"}):
        assert replace(answer, chart=proposed).drawing == {
            "kind": "bar", "x": "kind", "y": ["pets"], "sort": "descending"}
    kept = {"kind": "bar", "x": "kind", "y": ["pets"], "title": "Mine"}
    assert replace(answer, chart=kept).drawing == kept


def test_a_model_of_unknown_price_says_so() -> None:
    cost = Cost(1200, 30, usd_known=False)
    assert to_text(Answer("declined", "q", "openai", "No.", cost=cost, share="schema")) == (
        "No.\nopenai: 1,200 tokens read, 30 written, price unknown; it was told: schema")


def test_what_was_proposed_waits_in_plain_sight() -> None:
    answer = Answer("answered", "q", "anthropic", "Done.", evidence=("model m", "waits for approval: 1f0c"))
    assert to_text(answer) == "Done.\nWaits for your word: pluto-duck approvals show 1f0c"
    assert "%pluto approvals show 1f0c" in to_bundles(answer)[-1]["text/plain"]
