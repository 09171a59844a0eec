"""`@flights`, `@weather.wind_gust`, `@routes`: what a person points at is used, or the answer says that it is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pluto_duck.agent import Answer
from pluto_duck.agent.answer import Choice
from pluto_duck.agent.asking import ask
from pluto_duck.agent.conversing import converse
from pluto_duck.agent.mentions import held, mentions
from pluto_duck.agent.planners import Context
from pluto_duck.catalog import Catalog
from pluto_duck.errors import Refused
from pluto_duck.session import Session


@pytest.fixture
def air(session: Session) -> Session:
    session.query("""
        CREATE TABLE flights AS SELECT i AS id, ['AA', 'UA'][1 + i % 2] AS carrier, i % 12 + 1 AS month, i * 1.5 AS gust
        FROM range(100) t(i);
        CREATE VIEW late_flights AS SELECT id AS flight, carrier, month FROM flights WHERE id % 3 = 0;
        CREATE TABLE weather AS SELECT i AS hour_id, i % 12 + 1 AS month, i * 1.0 AS wind_gust, i * 2.0 AS wind_speed
        FROM range(60) t(i);
        CREATE SCHEMA raw; CREATE TABLE raw."odd one" AS SELECT 1 AS "a col", 2 AS b;
        """)
    return session


@pytest.mark.parametrize(("question", "found"), [
    ("number of @flights by carrier", ["flights"]),
    ("the average of @weather.wind_gust.", ["weather.wind_gust"]),
    ("average @WEATHER.Wind_Gust by @weather.month", ["weather.wind_gust", "weather.month"]),
    ('sum of @raw."odd one"."a col"', ["raw.odd one.a col"]),
    ('@"flights"?', ["flights"]),
    ("mail from ann@flights.com, by @nasa", []),
    ("@flights.nothing_like_it", ["flights"]),
])
def test_names_are_found_where_they_stand(air: Session, question: str, found: list[str]) -> None:
    there = mentions(question, Catalog.of(air))
    assert [one.name for one in there] == found
    assert all(question[one.start:one.end] == one.text for one in there)


def test_what_has_two_readings_has_one_when_it_is_pointed_at(air: Session) -> None:
    plain = ask(air, "number of flights by carrier")
    assert plain.status == "clarify"
    assert "FROM flights" in ask(air, "number of @flights by carrier").sql
    late = ask(air, "number of @late_flights by carrier")
    assert (late.status, late.result is not None) == ("answered", True)
    assert "FROM late_flights" in late.sql
    gust = ask(air, "average @weather.wind_gust by @weather.month")
    assert (gust.status, "AVG(wind_gust)" in gust.sql, "weather.month (pointed at)" in " ".join(gust.evidence)) == (
        "answered", True, True)


def test_an_answer_that_leaves_out_what_was_pointed_at_says_so(air: Session) -> None:
    context = Context(air)
    pointed = mentions("@weather.wind_gust and @flights", context.catalog())
    said = held(Answer("answered", "q", "p", "t", "SELECT avg(wind_speed) FROM weather"), pointed, context)
    assert (said.status, said.assumptions) == ("assumed", (
        "@weather.wind_gust is not used in this answer", "@flights is not used in this answer"))
    both = "SELECT avg(w.wind_gust) FROM weather w JOIN flights f ON f.month = w.month"
    assert held(Answer("answered", "q", "p", "t", both), pointed, context).status == "answered"
    counted = Answer("answered", "q", "p", "t", "SELECT count(*) FROM weather, flights")
    assert held(counted, pointed, context).assumptions == ("@weather.wind_gust is not used in this answer",)


def test_of_several_readings_the_one_that_uses_it_is_taken(air: Session) -> None:
    context = Context(air)
    pointed = mentions("@late_flights", context.catalog())
    choices = (Choice("all", "SELECT count(*) FROM flights"), Choice("late", "SELECT count(*) FROM late_flights"))
    found = held(Answer("clarify", "q", "p", "Which?", choices=choices), pointed, context)
    assert (found.status, found.text, found.choices) == ("answered", "late", ())
    assert found.result is not None
    assert found.result.scalar() == 34


def test_a_verified_question_that_does_not_use_it_is_not_taken(air: Session) -> None:
    from pluto_duck.agent.memory.verified import VerifiedQuestions

    VerifiedQuestions(air).add("number of late_flights by carrier", "SELECT carrier, 1 AS wrong FROM flights")
    assert ask(air, "number of late_flights by carrier").verified
    assert "FROM late_flights" in ask(air, "number of @late_flights by carrier").sql


def test_a_file_that_is_no_table_is_to_be_loaded_first(air: Session) -> None:
    (air.workspace.root / "data").mkdir()
    (air.workspace.root / "data" / "sales 1.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    found = ask(air, 'average a of @"data/sales 1.csv"')
    assert (found.status, found.sql) == ("declined", "")
    assert "pluto-duck ingest 'data/sales 1.csv'" in found.text
    outside = Path(air.workspace.root).parent / "secret.csv"
    outside.write_text("a\n1\n", encoding="utf-8")
    assert "secret.csv is a file" not in ask(air, "rows of @../secret.csv").text


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_a_dataframe_that_is_mentioned_is_asked(air: Session, library: str) -> None:
    columns: dict[str, Any] = {"carrier": ["AA", "UA", "AA"], "distance": [100, 200, 300]}
    module = pytest.importorskip(library)
    frame = module.table(columns) if library == "pyarrow" else module.DataFrame(columns)
    space = {"routes": frame, "flights": frame}
    found = converse(air, "average distance of @routes by carrier", namespace=space)
    assert (found.status, found.result.rows() if found.result else None) == ("answered", [("AA", 200.0), ("UA", 200.0)])
    assert [str(one.ref) for one in air.tables() if one.ref.name == "routes"] == []
    # The SQL of the answer runs in a cell, which finds the frame by its name.
    assert air.query(found.sql, namespace=space).rows() == [("AA", 200.0), ("UA", 200.0)]
    on = converse(air, "only AA", conversation=found.conversation, namespace=space)
    assert (on.result.rows() if on.result else None) == [("AA", 200.0)]
    hidden = converse(air, "number of @flights", namespace=space)  # a table hides a frame of that name
    assert (hidden.result.scalar() if hidden.result else None) == 100


def test_a_table_is_looked_at_beside_a_dataframe_unless_it_is_too_large(
    air: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pandas

    space = {"names": pandas.DataFrame({"carrier": ["AA", "UA"], "full_name": ["American", "United"]})}
    found = converse(air, "number of @flights per @names.full_name", namespace=space)
    assert (found.result.rows() if found.result else found.text) == [("American", 50), ("United", 50)]
    monkeypatch.setattr("pluto_duck.agent.over_frames.MAX_COPIED", 99)
    with pytest.raises(Refused, match="too large"):
        converse(air, "number of @flights per @names.full_name", namespace=space)
