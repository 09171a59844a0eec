"""A value that is only partly said must be borne out by rows, stated, or asked back."""

from __future__ import annotations

import pytest

from pluto_duck.agent import ask
from pluto_duck.catalog import Catalog
from pluto_duck.session import Session

PARTS = (
    "how many flights went to Boston?", "how many flights to Chicago?", "how many flights to Houston?",
    "how many flights to Atlanta in March?", "how many flights to Washington?", "how many flights to Springfield?",
    "how many flights of Delta?", "how many flights by American?", "how many flights flew from Newark?",
    "average arrival delay of flights to San Francisco in July", "how many flights were not to Boston?",
    "how many flights to Boston or Chicago?", "how many flights to Orlando?", "how many airports in Boston?", "how many planes with turbo engine?",
)


@pytest.mark.parametrize("question", PARTS)
def test_a_part_of_a_value_is_never_taken_silently(schemas: dict[str, Session], question: str) -> None:
    answer = ask(schemas["flights"], question)
    assert answer.status != "answered"
    if answer.status == "assumed":
        assert any("was taken for" in one for one in answer.assumptions)
    if answer.status == "clarify":
        assert 2 <= len(answer.choices) <= 3


def test_a_value_that_no_row_has_is_declined_with_its_name(schemas: dict[str, Session]) -> None:
    answer = ask(schemas["flights"], "how many flights went to Boston?")
    assert (answer.status, answer.result, answer.unknown_words) == ("declined", None, ("Boston",))
    assert answer.text == ("'Boston' is only a part of airports.name of dest 'Boston Back Bay Station', "
                           "and no row of flights has that.")


def test_the_only_value_with_rows_is_taken_and_stated(schemas: dict[str, Session]) -> None:
    answer = ask(schemas["flights"], "how many flights to Atlanta?")
    assert answer.status == "assumed"
    assert answer.assumptions[0] == ("'Atlanta' was taken for airports.name of dest 'Hartsfield Jackson Atlanta Intl', "
                                     "the only one of 2 that contain it with rows in flights")
    assert answer.result is not None
    assert answer.result.scalar() == schemas["flights"].query("SELECT count(*) FROM flights WHERE dest = 'ATL'").scalar()


def test_values_of_two_columns_are_both_offered(schemas: dict[str, Session]) -> None:
    answer = ask(schemas["flights"], "how many flights to Chicago?")
    assert answer.status == "clarify"
    assert answer.text == "Several values contain 'Chicago'. Which do you mean?"
    offered = " ".join(choice.sql for choice in answer.choices)
    assert "Chicago Ohare Intl" in offered
    assert "America/Chicago" in offered
    for choice in answer.choices:
        assert schemas["flights"].query(choice.sql).scalar() > 0


def test_a_name_of_two_words_is_not_read_as_the_code_its_first_word_spells(schemas: dict[str, Session]) -> None:
    answer = ask(schemas["flights"], "how many flights to San Francisco?")
    assert answer.result is not None
    assert answer.result.scalar() == schemas["flights"].query("SELECT count(*) FROM flights WHERE dest = 'SFO'").scalar()
    assert "'SAN'" not in answer.sql


@pytest.fixture
def deliveries(session: Session) -> Session:
    session.query("CREATE TABLE places (place_id INTEGER PRIMARY KEY, town VARCHAR)")
    session.query("INSERT INTO places VALUES (1, 'Port Amber North'), (2, 'Port Amber South'), (3, 'Port Amber Old'), "
                  "(4, 'Lindqvist'), (5, 'Lindquist'), (6, 'Teal'), (7, 'Teal Harbour'), (8, 'Ghost Amberly')")
    session.query("CREATE TABLE deliveries (delivery_id INTEGER, place_id INTEGER REFERENCES places(place_id), "
                  "colour VARCHAR, weight DOUBLE)")
    session.query("INSERT INTO deliveries VALUES (1, 1, 'red', 5), (2, 1, 'red', 7), (3, 2, 'Amber', 9), (4, 4, 'red', 1), "
                  "(5, 5, 'red', 2), (6, 6, 'red', 3), (7, 7, 'dark red', 4)")
    return session


def test_several_values_with_rows_are_offered_the_most_frequent_first_and_then_all(deliveries: Session) -> None:
    answer = ask(deliveries, "how many deliveries to Port Amber?")
    assert answer.status == "clarify"
    assert [deliveries.query(choice.sql).scalar() for choice in answer.choices] == [2, 1, 3]
    assert "Port Amber Old" not in str(answer.choices)  # nothing was ever delivered there


def test_two_values_that_are_as_like_as_each_other_are_offered(deliveries: Session) -> None:
    answer = ask(deliveries, "how many deliveries to Lindqist?")
    assert answer.status == "clarify"
    assert answer.text == "Several values look like 'Lindqist'. Which do you mean?"
    assert {"Lindqvist", "Lindquist"} <= {word.strip(".,'") for one in answer.choices for word in one.text.split()}


def test_choices_stay_two_when_they_happen_to_give_the_same_number(deliveries: Session) -> None:
    answer = ask(deliveries, "what is the minimum weight of deliveries to Lindqist?")
    assert answer.status == "clarify"
    assert len(answer.choices) == 3


def test_a_whole_value_that_others_contain_is_taken_alone_and_that_is_said(deliveries: Session) -> None:
    answer = ask(deliveries, "how many deliveries to Teal?")
    assert answer.result is not None
    assert (answer.status, answer.result.scalar()) == ("assumed", 1)
    assert answer.assumptions == ("'Teal' means that places.town alone, not 'Teal Harbour'",)
    assert ask(deliveries, 'how many deliveries where town is "Teal"?').status == "answered"


def test_a_whole_value_without_rows_does_not_beat_a_longer_one_with_rows(deliveries: Session) -> None:
    deliveries.query("INSERT INTO places VALUES (9, 'Lindquist Mill')")
    deliveries.query("INSERT INTO deliveries VALUES (8, 9, 'red', 6)")
    deliveries.query("DELETE FROM deliveries WHERE place_id = 5")
    answer = ask(deliveries, "how many deliveries to Lindquist?")
    assert answer.result is not None
    assert (answer.status, answer.result.scalar()) == ("assumed", 1)
    assert answer.assumptions == ("'Lindquist' was taken for places.town 'Lindquist Mill', "
                                  "the only one of 2 that contain it with rows in deliveries",)


def test_two_open_values_are_not_guessed_together(deliveries: Session) -> None:
    answer = ask(deliveries, "how many deliveries to Port Amber or Lindqist?")
    assert (answer.status, answer.result) == ("declined", None)
    assert set(answer.unknown_words) == {"Port Amber", "Lindqist"}


def test_a_whole_value_of_two_columns_is_stated(session: Session) -> None:
    session.query("CREATE TABLE makers (maker_id INTEGER PRIMARY KEY, home VARCHAR)")
    session.query("INSERT INTO makers VALUES (1, 'Oslo'), (2, 'Bergen')")
    session.query("CREATE TABLE boats (boat_id INTEGER, maker_id INTEGER REFERENCES makers(maker_id), port VARCHAR)")
    session.query("INSERT INTO boats VALUES (1, 1, 'Oslo'), (2, 2, 'Oslo'), (3, 2, 'Bergen')")
    answer = ask(session, "how many boats in Oslo?")
    assert answer.status == "assumed"
    assert answer.assumptions == ("'Oslo' was taken for boats.port; it is in makers.home too",)


def test_a_value_that_differs_only_in_signs_from_another_is_found_as_it_was_said(session: Session) -> None:
    session.query("CREATE TABLE courses AS SELECT unnest(['C', 'C++', 'C#', 'C']) AS language")
    index = Catalog.of(session).values(session)
    assert {value.text for value in index.exact("C")} == {"C"}
    answer = ask(session, "how many courses in C?")
    assert answer.result is not None
    assert answer.result.scalar() == 2
