"""What is told of the planners before one is asked, and the models that a server has."""

from __future__ import annotations

import pytest

from pluto_duck.agent import ask
from pluto_duck.agent.planners.choosing import models as listed
from pluto_duck.agent.planners.choosing import planners
from pluto_duck.errors import ModelError, UnknownName, UsageError
from pluto_duck.settings import Settings
from tests.agent.planners.conftest import Opener
from tests.services.models import ModelServer, calls

TOTAL = calls("final_answer", sql="SELECT sum(amount) AS total FROM orders", restatement="All of it.", confidence=0.9)


@pytest.mark.parametrize(("address", "asks", "leaves"), [
    ("", "api.openai.com", True), ("http://127.0.0.1:11434/v1", "127.0.0.1:11434", False),
    ("http://localhost/v1", "localhost", False), ("http://[::1]:8/v1", "::1:8", False),
    ("https://me:pass@models.example:8443/v1?key=k", "models.example:8443", True),
    ("http://127.0.0.1.models.example/", "127.0.0.1.models.example", True), ("nonsense", "?", True),
    ("http://192.168.1.7:8000", "192.168.1.7:8000", True), ("http://[", "?", True),
])
def test_what_leaves_is_known_by_the_address(address: str, asks: str, leaves: bool) -> None:
    found = {one.name: one for one in planners(Settings.load(environ={}, agent__base_url=address, agent__model="m"))}
    assert (found["openai"].asks, found["openai"].leaves, found["openai"].model) == (asks, leaves, "m")
    assert (found["builtin"].asks, found["builtin"].leaves, found["builtin"].asks_model) == ("", False, False)
    assert "pass" not in repr(found)


def test_a_planner_without_a_model_says_so() -> None:
    found = {one.name: one for one in planners(Settings.load(environ={}))}
    assert (found["anthropic"].problem, found["builtin"].problem) == ("No model is named.", "")


@pytest.mark.parametrize("planner", ["anthropic", "openai"])
def test_the_models_of_a_server_are_listed_and_another_one_is_asked(
    planner: str, shop: Opener, models: ModelServer
) -> None:
    session = shop(planner)
    assert listed(session, planner) == ["small-model"]
    assert models.asked == []
    models.script = [TOTAL]
    assert ask(session, "what did everybody spend?", model="small-model").status == "answered"
    assert models.asked[-1].body["model"] == "small-model"


def test_a_server_that_is_not_there_and_a_planner_without_models_say_so(shop: Opener) -> None:
    with pytest.raises(ModelError, match="can't be reached"):
        listed(shop("openai", base_url="http://127.0.0.1:9", retries=0), "openai")
    with pytest.raises(UsageError, match="no models"):
        listed(shop("openai"), "builtin")
    with pytest.raises(UnknownName):
        listed(shop("openai"), "none")
