"""What is the Messages API's own: caching marks, blocks that go back as they came, the key in the keyring."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from pluto_duck.agent import ask
from pluto_duck.agent.planners.dialogue import keys
from pluto_duck.errors import MissingExtra, ModelError, SettingError
from tests.agent.planners.conftest import Opener
from tests.services.models import ModelServer, calls

keyring = pytest.importorskip("keyring")
TOTAL = calls("final_answer", sql="SELECT sum(amount) AS total FROM orders", restatement="The sum.", confidence=0.9)


@pytest.fixture
def ring() -> Iterator[None]:
    from tests.ingest.memory_keyring import MemoryKeyring

    before = keyring.get_keyring()
    keyring.set_keyring(MemoryKeyring())
    yield
    keyring.set_keyring(before)


def test_what_stays_the_same_is_marked_for_the_cache(shop: Opener, models: ModelServer) -> None:
    models.script = [calls("describe_table", table="orders"), TOTAL]
    ask(shop("anthropic"), "what did everybody spend?")
    first, second = (one.body for one in models.asked)
    mark = {"type": "ephemeral"}
    for body in (first, second):
        assert body["system"][-1]["cache_control"] == body["tools"][-1]["cache_control"] == mark
        marked = [block for message in body["messages"] for block in message["content"] if "cache_control" in block]
        assert marked == [body["messages"][-1]["content"][-1]]
    assert first["system"] == second["system"]
    assert first["tools"] == second["tools"]


def test_a_reply_goes_back_as_it_came_with_its_results(shop: Opener, models: ModelServer) -> None:
    models.script = [calls("describe_table", table="no_such"), TOTAL]
    ask(shop("anthropic"), "what did everybody spend?")
    reply, results = models.asked[1].body["messages"][-2:]
    assert reply == {"role": "assistant", "content": [
        {"type": "text", "text": "Looking."},
        {"type": "tool_use", "id": "toolu_1", "name": "describe_table", "input": {"table": "no_such"}}]}
    assert (results["content"][0]["tool_use_id"], results["content"][0]["is_error"]) == ("toolu_1", True)


def test_the_key_may_be_in_the_keyring_for_one_address(shop: Opener, models: ModelServer, ring: None,
                                                       monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    models.script = [TOTAL]
    with pytest.raises(ModelError, match="no key"):
        ask(shop("anthropic"), "what did everybody spend?")
    keys.keep("anthropic", models.url, "sk-from-the-ring")
    assert ask(shop("anthropic", api_key="keyring"), "what did everybody spend?").status == "answered"
    headers = models.asked[0].headers
    assert "sk-from-the-ring" in headers.get("x-api-key", "") + headers.get("authorization", "")
    with pytest.raises(ModelError, match="address"):
        ask(shop("anthropic", api_key="keyring", base_url="http://127.0.0.1:9"), "what did everybody spend?")


def test_no_model_is_chosen_for_anybody(shop: Opener) -> None:
    with pytest.raises(SettingError) as raised:
        ask(shop("anthropic", model=""), "what did everybody spend?")
    assert "agent.model" in raised.value.hint


@pytest.mark.parametrize("planner", ["anthropic", "openai"])
def test_a_missing_package_names_the_extra(planner: str, shop: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, planner, None)
    with pytest.raises(MissingExtra) as raised:
        ask(shop(planner), "what did everybody spend?")
    assert raised.value.hint == f"pip install 'pluto-duck[{planner}]'"
