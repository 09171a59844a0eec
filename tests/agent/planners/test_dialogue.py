"""What holds for every planner that asks a model: answers, limits, faults. The server is ours, the wire is real."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from pluto_duck.agent import Event, ask
from pluto_duck.agent.budget import Usage
from pluto_duck.errors import Cancelled, ModelBusy, ModelError, PlutoError, RunError, SettingError, TimedOut
from pluto_duck.runs import Runs
from tests.agent.planners.conftest import KEY, Opener
from tests.services.models import Fails, ModelServer, Says, calls

TOTAL = calls("final_answer", sql="SELECT sum(amount) AS total FROM orders", restatement="The sum of all amounts.",
              confidence=0.9)
QUESTION = "what did everybody spend together?"

pytestmark = pytest.mark.parametrize("planner", ["anthropic", "openai"])


def _text(models: ModelServer, number: int = -1) -> str:
    return json.dumps(models.asked[number].body, ensure_ascii=False)


def test_a_question_goes_through_tools_to_an_answer(planner: str, shop: Opener, models: ModelServer) -> None:
    models.script = [calls("describe_table", table="orders"),
                     calls("run_sql", sql="SELECT amount FROM orders"), TOTAL]
    events: list[Event] = []
    answer = ask(shop(planner), QUESTION, on_event=events.append)
    assert (answer.status, answer.planner, answer.text) == ("answered", planner, "The sum of all amounts.")
    assert answer.result is not None
    assert [float(answer.result.scalar())] == [pytest.approx(297703.68)]
    assert "in euros, with tax" in _text(models)
    assert [one.text for one in events if one.type == "tool" and one.subtype == "start"] == [
        "describe_table", "run_sql", "run_sql", "final_answer", "run_sql"]
    assert any("orders" in one for one in answer.evidence)


def test_what_the_question_points_at_is_told_and_held_to(planner: str, shop: Opener, models: ModelServer) -> None:
    models.script = [TOTAL]
    answer = ask(shop(planner), "what did everybody spend, by @customers.tier and @orders.amount?")
    assert "The person points at @customers.tier: the column tier of customers. Use it." in _text(models, 0)
    assert (answer.status, answer.assumptions) == ("assumed", ("@customers.tier is not used in this answer",))


def test_what_it_cost_is_counted_and_told_on_the_way(planner: str, shop: Opener, models: ModelServer) -> None:
    models.script = [Says((("search_catalog", {"words": "amount"}),), read=1000, written=50, cached=200),
                     Says(TOTAL.calls, read=2000, written=100)]
    events: list[Event] = []
    answer = ask(shop(planner, prices="small-model=1/5"), QUESTION, on_event=events.append)
    known = Usage(3000, 150, 200) if planner == "anthropic" else Usage(2800, 150, 200)
    assert (answer.cost.input_tokens, answer.cost.output_tokens) == (known.read + known.cache_read, 150)
    assert answer.cost.usd == pytest.approx((known.read * 1 + known.cache_read * 0.1 + 150 * 5) / 1e6)
    meter = [one for one in events if one.type == "progress"]
    assert meter[-1].data["usd"] == answer.cost.usd
    assert "$" in meter[-1].text


def test_a_model_without_a_price_is_counted_in_tokens_alone(planner: str, shop: Opener, models: ModelServer) -> None:
    models.script = [TOTAL]
    answer = ask(shop(planner, model="nobody-knows-it", max_usd=0.000001), QUESTION)
    assert (answer.status, answer.cost.usd, answer.cost.usd_known) == ("answered", 0.0, False)
    assert answer.cost.output_tokens == 20


def test_sql_that_does_not_bind_goes_back_once_with_the_nearest_names(
        planner: str, shop: Opener, models: ModelServer) -> None:
    models.script = [calls("final_answer", sql="SELECT sum(amuont) FROM orders", restatement="x", confidence=0.9), TOTAL]
    assert ask(shop(planner), QUESTION).status == "answered"
    assert "Nearest names: amount" in _text(models)
    models.script = [calls("final_answer", sql="SELECT sum(nothing_like_it) FROM orders", restatement="x")]
    asked = len(models.asked)
    answer = ask(shop(planner), QUESTION)
    assert (answer.status, answer.sql, len(models.asked) - asked) == ("declined", "", 2)
    assert "nothing_like_it" in answer.text


def test_a_model_asks_back_and_its_choices_are_checked(planner: str, shop: Opener, models: ModelServer) -> None:
    readings = [{"text": "by order", "sql": "SELECT avg(amount) FROM orders"},
                {"text": "by customer", "sql": "SELECT avg(amont) FROM orders"}]
    models.script = [calls("ask_user", question="Average of what?", choices=readings),
                     calls("ask_user", question="Average of what?", choices=[
                         readings[0], {"text": "by customer", "sql": "SELECT sum(amount) / 3 FROM orders"}])]
    answer = ask(shop(planner), QUESTION)
    assert (answer.status, answer.text, answer.sql) == ("clarify", "Average of what?", "")
    assert [one.text for one in answer.choices] == ["by order", "by customer"]
    assert len(models.asked) == 2


def test_a_model_declines(planner: str, shop: Opener, models: ModelServer) -> None:
    models.script = [calls("decline", reason="Nothing here is about weather.", unknown_words=["weather"])]
    answer = ask(shop(planner), "how was the weather?")
    assert (answer.status, answer.unknown_words) == ("declined", ("weather",))


def test_a_value_that_no_row_has_is_a_caveat(planner: str, shop: Opener, models: ModelServer) -> None:
    models.script = [calls("final_answer", sql="SELECT count(*) FROM customers WHERE name = 'CANARY Adda'",
                           restatement="Customers called so.", confidence=1)]
    answer = ask(shop(planner), "how many customers are called CANARY Adda?")
    assert answer.status == "assumed"
    assert answer.assumptions == ("customers.name is never 'CANARY Adda'; there is 'CANARY Ada'",)


def test_a_chart_is_kept_when_its_columns_are_there(planner: str, shop: Opener, models: ModelServer) -> None:
    chart = ("propose_chart", {"kind": "bar", "x": "name", "y": ["total"]})
    by_name = ("final_answer", {"sql": "SELECT name, sum(amount) AS total FROM orders JOIN customers "
                                       "ON customer_id = customers.id GROUP BY name", "restatement": "x",
                                "confidence": 1})
    models.script = [Says((chart, by_name))]
    assert ask(shop(planner), QUESTION).chart == {"kind": "bar", "x": "name", "y": ["total"], "title": ""}
    models.script = [Says((chart, TOTAL.calls[0]))]
    assert ask(shop(planner), QUESTION).chart == {}


def test_earlier_answers_are_told(planner: str, shop: Opener, models: ModelServer) -> None:
    models.script = [TOTAL]
    session = shop(planner)
    first = ask(session, QUESTION)
    ask(session, "and on average?", history=[first])
    assert "Asked before: what did everybody spend together?" in _text(models)
    assert "SELECT sum(amount) AS total FROM orders" in _text(models)


# -- limits -----------------------------------------------------------------------------------------

def test_a_model_that_never_ends_is_stopped(planner: str, shop: Opener, models: ModelServer) -> None:
    models.script = [calls("search_catalog", words="more")]
    answer = ask(shop(planner, max_turns=4), QUESTION)
    assert (answer.status, len(models.asked)) == ("declined", 4)
    assert "agent.max_turns" in answer.text


def test_tokens_run_out(planner: str, shop: Opener, models: ModelServer) -> None:
    models.script = [Says((("search_catalog", {"words": "x"}),), read=6000, written=10)]
    answer = ask(shop(planner, max_tokens=10_000), QUESTION)
    assert answer.status == "declined"
    assert "agent.max_tokens" in answer.text
    assert answer.cost.input_tokens + answer.cost.output_tokens <= 13_000
    assert len(models.asked) <= 2


def test_money_runs_out(planner: str, shop: Opener, models: ModelServer) -> None:
    models.script = [Says((("search_catalog", {"words": "x"}),), read=6000, written=10)]
    answer = ask(shop(planner, max_usd=0.01, prices="small-model=1/5,claude-haiku-4-5=1/5"), QUESTION)
    assert answer.status == "declined"
    assert answer.cost.usd <= 0.01
    wanted = [one.body.get("max_tokens") or one.body.get("max_completion_tokens") for one in models.asked]
    assert wanted[0] < 4096  # a reply as long as allowed may not cost more than is left


def test_text_alone_is_no_answer(planner: str, shop: Opener, models: ModelServer) -> None:
    models.script = [Says(text="It is 42.")]
    answer = ask(shop(planner), QUESTION)
    assert (answer.status, answer.result, answer.sql) == ("declined", None, "")
    assert "42" not in answer.text


def test_a_reply_that_was_cut_is_not_acted_on(planner: str, shop: Opener, models: ModelServer) -> None:
    cut = "max_tokens" if planner == "anthropic" else "length"
    models.script = [Says(TOTAL.calls, stop=cut), TOTAL]
    assert ask(shop(planner), QUESTION).status == "answered"
    assert len(models.asked) == 2
    models.script = [Says(TOTAL.calls, stop=cut)]
    assert ask(shop(planner), QUESTION).status == "declined"


def test_the_deadline_ends_a_question(planner: str, shop: Opener, models: ModelServer) -> None:
    models.script = [Says(TOTAL.calls, text="thinking about it", breaks_off="waits")]
    with pytest.raises(TimedOut, match="model"):
        ask(shop(planner, deadline_s=0.5), QUESTION)
    assert models.gone.wait(10)


def test_cancelling_the_run_closes_the_stream(planner: str, shop: Opener, models: ModelServer,
                                              monkeypatch: pytest.MonkeyPatch) -> None:
    models.script = [Says(TOTAL.calls, text="thinking about it", breaks_off="waits")]
    session = shop(planner)
    for name in ("planner", "base_url", "model", "api_key"):  # a run opens a session of its own
        monkeypatch.setenv(f"PLUTODUCK_AGENT__{name.upper()}", session.settings[f"agent.{name}"])
    runs = Runs(session, session.workspace)
    try:
        run = runs.start("question", QUESTION, lambda context: {"answer": ask(context.session, QUESTION).status})
        assert models.waiting.wait(30)
        runs.cancel(run.run_id)
        assert models.gone.wait(10)
        assert runs.wait(run.run_id, 10).status == "cancelled"
    finally:
        runs.close()


def test_an_interrupt_between_two_replies_stops_too(planner: str, shop: Opener, models: ModelServer) -> None:
    session = shop(planner)

    def interrupt(_: dict[str, Any]) -> Says:
        done = threading.Event()
        threading.Thread(target=lambda: (session.interrupt(), done.set())).start()
        done.wait(10)
        return calls("search_catalog", words="x")

    models.script = [interrupt]
    with pytest.raises(Cancelled):
        ask(session, QUESTION)
    assert len(models.asked) == 1


# -- faults -----------------------------------------------------------------------------------------

@pytest.mark.parametrize(("fault", "error", "says"), [
    (Fails(400, "prompt is too long"), ModelError, "prompt is too long"),
    (Fails(401, f"invalid x-api-key {KEY}"), ModelError, "does not take the key"),
    (Fails(404, "model: nope"), ModelError, "agent.model"),
    (Fails(429, "slow down"), ModelBusy, "no more requests"),
    (Fails(529, "Overloaded"), ModelBusy, "overloaded"),
    (Fails(500, "oops"), ModelBusy, "failed"),
])
def test_a_status_is_explained(planner: str, fault: Fails, error: type[PlutoError], says: str, shop: Opener,
                               models: ModelServer) -> None:
    models.script = [fault]
    with pytest.raises(error) as raised:
        ask(shop(planner, retries=1), QUESTION)
    assert says in raised.value.message + raised.value.hint
    assert raised.value.hint
    assert KEY not in raised.value.message
    assert len(models.asked) == (2 if error is ModelBusy else 1)


@pytest.mark.parametrize("status", [429, 529])
def test_a_busy_server_is_asked_again(planner: str, status: int, shop: Opener, models: ModelServer) -> None:
    models.script = [Fails(status), TOTAL]
    assert ask(shop(planner), QUESTION).status == "answered"


@pytest.mark.parametrize("how", ["reset", "ends", "garbage"])
def test_a_broken_stream_is_asked_for_once_more_and_never_used(
        planner: str, how: str, shop: Opener, models: ModelServer) -> None:
    broken = Says(TOTAL.calls, text="a text of some length", breaks_off=how)
    models.script = [broken, TOTAL]
    assert ask(shop(planner), QUESTION).status == "answered"
    models.script = [broken]
    with pytest.raises(ModelBusy, match="broke off") as raised:
        ask(shop(planner), QUESTION)
    assert raised.value.transient


def test_an_error_within_the_stream_is_one(planner: str, shop: Opener, models: ModelServer) -> None:
    models.script = [Says(TOTAL.calls, text="a text of some length", breaks_off="error")]
    with pytest.raises(ModelBusy, match="Overloaded"):
        ask(shop(planner), QUESTION)


@pytest.mark.parametrize("written", ['{"sql": "SELECT 1', "[1, 2]", "not json", '"text"'])
def test_arguments_that_are_no_json_go_back(planner: str, written: str, shop: Opener, models: ModelServer) -> None:
    models.script = [Says((("final_answer", written),)), TOTAL]
    assert ask(shop(planner), QUESTION).status == "answered"
    assert "no JSON object" in _text(models)


@pytest.mark.parametrize(("name", "arguments", "says"), [
    ("final_anwser", {}, "Did you mean final_answer"),
    ("final_answer", {"sql": 1, "restatement": "x"}, "sql must be of type string"),
    ("final_answer", {"sql": "SELECT 1"}, "restatement is missing"),
    ("final_answer", {"sql": "SELECT 1", "restatement": "x", "confidance": 1}, "Did you mean confidence"),
    ("describe_table", {"table": "ordres"}, "orders"),
])
def test_calls_that_make_no_sense_go_back(planner: str, name: str, arguments: dict[str, Any], says: str,
                                          shop: Opener, models: ModelServer) -> None:
    models.script = [calls(name, **arguments), TOTAL]
    assert ask(shop(planner), QUESTION).status == "answered"
    assert says in _text(models)


def test_a_refusal_is_a_declined_answer(planner: str, shop: Opener, models: ModelServer) -> None:
    models.script = [Says(text="I can't help", stop="refusal" if planner == "anthropic" else "content_filter")]
    answer = ask(shop(planner), QUESTION)
    assert answer.status == "declined"
    assert "refused" in answer.text


def test_nobody_there(planner: str, shop: Opener) -> None:
    with pytest.raises(ModelBusy, match="can't be reached") as raised:
        ask(shop(planner, base_url="http://127.0.0.1:9/v1", retries=0), QUESTION)
    assert "agent.base_url" in raised.value.hint


def test_a_crash_is_a_clear_failed_run(planner: str, shop: Opener, models: ModelServer,
                                       monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: object) -> None:
        raise ZeroDivisionError("CANARY")

    monkeypatch.setattr("pluto_duck.agent.planners.dialogue.prompt.opening", crash)
    with pytest.raises(RunError, match=f"planner {planner}") as raised:
        ask(shop(planner), QUESTION)
    assert "CANARY" not in raised.value.message


# -- keys -------------------------------------------------------------------------------------------

def test_a_key_never_stands_in_a_setting(planner: str, shop: Opener) -> None:
    with pytest.raises(SettingError, match="place of a key") as raised:
        ask(shop(planner, api_key=KEY), QUESTION)
    assert KEY not in raised.value.message + raised.value.hint


def test_the_key_is_sent_in_its_header_and_nowhere_else(
        planner: str, shop: Opener, models: ModelServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "sk-another-key-0815")
    models.script = [TOTAL]
    session = shop(planner, api_key="env:MY_KEY")
    answer = ask(session, "is sk-another-key-0815 in the tables?")
    headers = models.asked[0].headers
    assert "sk-another-key-0815" in headers.get("x-api-key", "") + headers.get("authorization", "")
    assert "sk-another-key-0815" not in models.wire()
    assert "sk-another-key-0815" not in json.dumps(answer.sent)


def test_a_variable_that_is_not_set_is_named(planner: str, shop: Opener) -> None:
    with pytest.raises(ModelError, match="NO_SUCH_KEY"):
        ask(shop(planner, api_key="env:NO_SUCH_KEY"), QUESTION)


def test_an_untrusted_folder_names_neither_server_nor_model(planner: str, tmp_path: Path) -> None:
    from pluto_duck.settings import Settings

    toml = tmp_path / "pluto.toml"
    toml.write_text(f'[agent]\nplanner = "{planner}"\nbase_url = "http://evil.example"\nshare = "rows"\n'
                    'model = "x"\napi_key = "env:AWS_SECRET"\nmax_usd = 1000\n', encoding="utf-8")
    settings = Settings.load(toml, environ={})
    assert (settings["agent.planner"], settings["agent.base_url"], settings["agent.share"], settings["agent.api_key"],
            settings["agent.max_usd"]) == ("builtin", "", "schema", "", 0.5)


def test_no_thread_is_left_behind(planner: str, shop: Opener, models: ModelServer) -> None:
    models.script = [TOTAL]
    ask(shop(planner), QUESTION)
    end = time.monotonic() + 10
    while any(one.name == "pluto-duck-model" for one in threading.enumerate()):
        assert time.monotonic() < end
        time.sleep(0.01)
