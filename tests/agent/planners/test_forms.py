"""Servers that understand less: no tools, no schema for the reply, no counting."""

from __future__ import annotations

import json

import pytest

from pluto_duck.agent import ask
from pluto_duck.agent.planners import openai as planner
from pluto_duck.agent.planners.openai_forms import calls_in
from pluto_duck.agent.sharing import Sharing
from pluto_duck.agent.tools import offered
from pluto_duck.errors import ModelError
from tests.agent.planners.conftest import Opener
from tests.services.models import ModelServer, Says, calls

FINAL = {"tool": "final_answer", "arguments": {"sql": "SELECT sum(amount) AS total FROM orders",
                                                "restatement": "The sum.", "confidence": 0.9}}
LOOK = {"tool": "describe_table", "arguments": {"table": "orders"}}


@pytest.fixture(autouse=True)
def _forget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planner, "_FORMS", {})


def test_a_server_without_tools_is_given_a_schema(shop: Opener, models: ModelServer) -> None:
    models.knows_tools = False
    models.script = [Says(text=json.dumps(LOOK)), Says(text=json.dumps(FINAL))]
    session = shop("openai")
    assert ask(session, "all spent?").status == "answered"
    first, second, third = (one.body for one in models.asked)
    assert "tools" in first
    assert [one["properties"]["tool"]["const"] for one in second["response_format"]["json_schema"]["schema"]["anyOf"]]
    assert "describe_table said: table" in third["messages"][-1]["content"]
    ask(session, "all spent?")
    assert "tools" not in models.asked[3].body  # remembered


def test_a_server_without_schemas_is_asked_in_words(shop: Opener, models: ModelServer) -> None:
    models.knows_tools = models.knows_schemas = False
    models.script = [Says(text=f"I think so:\n```json\n{json.dumps(FINAL)}\n```")]
    answer = ask(shop("openai"), "all spent?")
    assert answer.status == "answered"
    assert [("tools" in one.body, "response_format" in one.body) for one in models.asked] == [
        (True, False), (False, True), (False, False)]
    assert "final_answer" in models.asked[-1].body["messages"][0]["content"]


def test_a_call_written_as_text_counts_although_tools_were_offered(shop: Opener, models: ModelServer) -> None:
    models.script = [Says(text=json.dumps({"name": LOOK["tool"], "parameters": LOOK["arguments"]})),
                     calls(FINAL["tool"], **FINAL["arguments"])]  # type: ignore[arg-type]
    assert ask(shop("openai"), "all spent?").status == "answered"


def test_another_400_is_no_reason_to_ask_worse(shop: Opener, models: ModelServer) -> None:
    from tests.services.models import Fails

    models.script = [Fails(400, "context length exceeded")]
    with pytest.raises(ModelError, match="context length"):
        ask(shop("openai"), "all spent?")
    assert len(models.asked) == 1


def test_the_key_of_one_company_is_not_for_the_server_of_another(shop: Opener, models: ModelServer, key: str) -> None:
    models.script = [calls(FINAL["tool"], **FINAL["arguments"])]  # type: ignore[arg-type]
    assert ask(shop("openai", api_key=""), "all spent?").status == "answered"
    assert key not in models.asked[0].headers["authorization"]


@pytest.mark.parametrize(("text", "found"), [
    ('{"tool": "decline", "arguments": {"reason": "x"}}', "decline"),
    ('{"a": 1} then {"tool": "decline", "arguments": {}}', "decline"),
    ('{"tool": "rm", "arguments": {}}', None), ("{{{{", None), ("no", None), ('{"tool": "decline"}', None),
    ('{"tool": ["decline"], "arguments": {}}', None),
])
def test_calls_are_found_in_text(text: str, found: str | None) -> None:
    made = calls_in(text, offered(Sharing("schema")))
    assert [one.name for one in made] == ([found] if found else [])
