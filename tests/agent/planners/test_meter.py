"""Tokens and money are in sight while a model works, and stand below its answer."""

from __future__ import annotations

import io

import pytest

from pluto_duck.agent import Event, ask
from pluto_duck.commands.meter import TerminalMeter
from pluto_duck.commands.render import to_bundles, to_text
from pluto_duck.magics.meter import LiveMeter
from tests.agent.planners.conftest import Opener
from tests.services.models import ModelServer, Says, calls

FINAL = calls("final_answer", sql="SELECT count(*) AS n FROM orders", restatement="Number of orders.", confidence=0.9)


@pytest.mark.parametrize("planner", ["anthropic", "openai"])
def test_the_meter_follows_the_events_of_a_model(shop: Opener, models: ModelServer, planner: str) -> None:
    models.script = [Says((("describe_table", {"table": "orders"}),), read=1200, written=30), FINAL]
    terminal = io.StringIO()
    meter, events = TerminalMeter(terminal), list[Event]()
    with shop(planner) as session:
        answer = ask(session, "how many orders?", planner=planner, on_event=lambda one: (meter(one), events.append(one)))
        meter.clear()
    lines = terminal.getvalue().split("\r\x1b[2K")
    assert lines[0] == lines[-1] == ""
    spent = [one for one in lines if "tokens read" in one]
    assert "1,200 tokens read, 30 written" in "".join(spent)
    total = answer.cost.input_tokens
    assert total == 1300
    assert f"{total:,} tokens read" in spent[-1]
    assert ("$" in spent[-1]) == (planner == "anthropic")
    for shown in (to_text(answer), str(to_bundles(answer))):
        assert f"{planner}: 1,300 tokens read, 50 written" in shown
        assert "it was told: schema" in shown


def test_an_answer_takes_the_place_of_the_meter(monkeypatch: pytest.MonkeyPatch) -> None:
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.utils.capture import capture_output

    InteractiveShell.instance()
    try:
        meter = LiveMeter(terminal=False)
        with capture_output() as captured:
            meter.tick()
            assert not captured.outputs
            meter(Event("tool", "start", "describe_table"))
            meter.tick()
            assert not captured.outputs  # nothing was spent yet
            meter(Event("progress", "chunk", "", {"input_tokens": 10, "output_tokens": 2, "usd": 0.5}))
            meter.tick()
            meter.settle({"text/plain": "the answer"})
        told = [one.data["text/plain"] for one in captured.outputs]
    finally:
        InteractiveShell.clear_instance()
    assert told == ["10 tokens read, 2 written, $0.5000  describe_table ...", "the answer"]
