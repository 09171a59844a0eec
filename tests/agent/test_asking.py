"""`ask` itself: planners, events, limits."""

from __future__ import annotations

import gc
import subprocess
import sys
import weakref

import pytest

from pluto_duck.agent import Answer, Event, ask
from pluto_duck.agent.planners import Context
from pluto_duck.catalog import Catalog
from pluto_duck.errors import TimedOut, UnknownName, UsageError
from pluto_duck.session import Session


@pytest.fixture
def pets(session: Session) -> Session:
    session.query("CREATE TABLE pets AS SELECT i AS pet_id, ['cat', 'dog'][1 + i % 2] AS kind, "
                  "DATE '2022-01-01' + (i * 10)::INTEGER AS born_on, i % 7 AS weight FROM range(90) t(i)")
    return session


def test_an_answer_carries_sql_result_restatement_and_evidence(pets: Session) -> None:
    answer = ask(pets, "how many pets per kind?")
    assert (answer.status, answer.planner) == ("answered", "builtin")
    assert answer.result is not None
    assert answer.result.rows() == [("cat", 45), ("dog", 45)]
    assert answer.text == "Number of pets, by kind."
    assert "'kind' is pets.kind" in answer.evidence
    assert pets.query(answer.sql).rows() == answer.result.rows()


def test_events_tell_of_the_sql_and_end_with_the_message(pets: Session) -> None:
    events: list[Event] = []
    answer = ask(pets, "average weight", on_event=events.append)
    assert [(one.type, one.subtype) for one in events] == [
        ("reasoning", "start"), ("reasoning", "chunk"), ("tool", "start"), ("tool", "end"), ("message", "final")]
    assert events[2].data["sql"] == answer.sql


def test_the_same_question_always_gets_the_same_answer(pets: Session) -> None:
    first, second = (ask(pets, "total weight by kind") for _ in range(2))
    assert (first.sql, first.text, first.confidence) == (second.sql, second.text, second.confidence)


def test_what_was_worked_out_for_tables_as_they_were_is_forgotten(pets: Session) -> None:
    ask(pets, "total weight by kind")
    before = weakref.ref(Catalog.of(pets))
    pets.query("CREATE TABLE toys AS SELECT 1 AS toy_id")
    ask(pets, "total weight by kind")
    gc.collect()
    assert before() is None


def test_a_month_without_its_year_is_stated_as_an_assumption(pets: Session) -> None:
    answer = ask(pets, "how many pets in March?")
    assert answer.status == "assumed"
    assert answer.assumptions == ("no year was given: March 2024 is meant, the latest there is",)


def test_a_misspelt_value_is_stated_as_an_assumption(session: Session) -> None:
    session.query("CREATE TABLE makers AS SELECT unnest(['Boeing', 'Airbus', 'Embraer']) AS maker")
    answer = ask(session, "how many makers are Embraier?")
    assert (answer.status, answer.assumptions) == ("assumed", ("'Embraier' was read as 'Embraer'",))


def test_two_readings_with_different_results_are_offered_as_choices(session: Session) -> None:
    session.query("CREATE TABLE shifts AS SELECT i AS early_load, i * 2 AS late_load FROM range(5) t(i)")
    answer = ask(session, "what is the average load?")
    assert answer.status == "clarify"
    assert sorted(choice.text for choice in answer.choices) == [
        "Average early_load of shifts.", "Average late_load of shifts."]


def test_two_readings_with_the_same_result_need_no_question(session: Session) -> None:
    session.query("CREATE TABLE shifts AS SELECT i AS early_load, i AS late_load FROM range(5) t(i)")
    answer = ask(session, "what is the average load?")
    assert answer.status == "answered"
    assert "read otherwise, the rows are the same: Average late_load of shifts." in answer.evidence


def test_rows_are_not_counted_twice_by_a_join(session: Session) -> None:
    session.query("CREATE TABLE clients (id INTEGER PRIMARY KEY, name VARCHAR, credit INTEGER)")
    session.query("INSERT INTO clients VALUES (1, 'Ann', 100), (2, 'Bob', 50)")
    session.query("CREATE TABLE visits (id INTEGER, client_id INTEGER REFERENCES clients(id), place VARCHAR)")
    session.query("INSERT INTO visits VALUES (1, 1, 'Rome'), (2, 1, 'Rome'), (3, 2, 'Oslo')")
    answer = ask(session, "how many clients by place?")
    assert answer.result is not None
    assert sorted(answer.result.rows()) == [("Oslo", 1), ("Rome", 1)]
    assert ask(session, "total credit by place").status == "declined"


def test_names_that_need_quotes_are_quoted(session: Session) -> None:
    session.query('CREATE TABLE "Order Lines" ("Unit Price" DOUBLE, "group" VARCHAR)')
    session.query("""INSERT INTO "Order Lines" VALUES (2, 'a''b'), (4, 'x')""")
    answer = ask(session, 'average unit price where group is "a\'b"')
    assert answer.result is not None
    assert answer.result.scalar() == 2


def test_a_question_can_not_write(pets: Session) -> None:
    assert ask(pets, "drop table pets").status == "declined"
    assert ask(pets, "how many pets where kind is \"cat'; DROP TABLE pets; --\"").status != "answered"
    assert pets.query("SELECT count(*) FROM pets").scalar() == 90


def test_an_empty_workspace_is_told_so(session: Session) -> None:
    answer = ask(session, "how many rows?")
    assert answer.status == "declined"
    assert "no tables" in answer.text


def test_rows_are_cut_at_the_setting(workspace_settings: Session) -> None:
    workspace_settings.query("CREATE TABLE numbers AS SELECT i AS amount FROM range(50) t(i)")
    answer = ask(workspace_settings, "list the amount of numbers")
    assert answer.result is not None
    assert (answer.result.row_count, answer.result.truncated) == (5, True)


@pytest.fixture
def workspace_settings(session: Session, monkeypatch: pytest.MonkeyPatch) -> Session:
    monkeypatch.setenv("PLUTODUCK_AGENT__MAX_ROWS", "5")
    return Session.open(session.workspace.root)


def test_another_planner_can_be_given_and_sees_the_context(pets: Session) -> None:
    class Echo:
        name = "echo"

        def plan(self, question: str, context: Context) -> Answer:
            result = context.run("SELECT count(*) FROM pets")
            return Answer("answered", question, self.name, f"{len(context.history)} before", result=result)

    before = ask(pets, "how many pets?")
    answer = ask(pets, "  again,\n please ", planner=Echo(), history=[before])
    assert (answer.question, answer.text, answer.planner) == ("again, please", "1 before", "echo")
    assert answer.elapsed_s > 0


@pytest.mark.parametrize("question", ["", "   ", "x" * 3000])
def test_a_question_without_sense_is_a_usage_error(session: Session, question: str) -> None:
    with pytest.raises(UsageError):
        ask(session, question)


def test_an_unknown_planner_is_named(session: Session) -> None:
    with pytest.raises(UnknownName):
        ask(session, "how many?", planner="oracle")


def test_sql_that_runs_too_long_is_stopped(pets: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLUTODUCK_AGENT__TIMEOUT_S", "0.2")
    with Session.open(pets.workspace.root) as impatient, pytest.raises(TimedOut):
        Context(impatient).run("SELECT count(*) FROM range(10000000000) a(i) WHERE i % 7 = 3")


def test_importing_the_package_loads_neither_sqlglot_nor_rapidfuzz() -> None:
    code = "import sys, pluto_duck, pluto_duck.agent, pluto_duck.catalog; print({'sqlglot', 'rapidfuzz', 'pyarrow'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set()"
