"""How people put a question, and the plainer words that the grammar reads."""

from __future__ import annotations

import pytest

from pluto_duck.agent.planners.builtin.idioms import reworded
from pluto_duck.agent.planners.builtin.tokens import tokens


def _said(question: str, *names: str) -> str:
    return " ".join(one.text for one in reworded(tokens(question), lambda words: words in names))


@pytest.mark.parametrize(("question", "plain"), [
    ("Could you please tell me how many lakes there are?", "how many lakes there are"),
    ("I was wondering how many lakes we have", "how many lakes we have"),
    ("Hi, I'd like to see the depth of each lake", "the depth of each lake"),
    ("Please give me a quick breakdown of depth by region", "give depth by region"),
    ("depth month by month", "depth per month"),
    ("How has our depth developed in 2024?", "our depth developed in 2024"),
    ("depth on a monthly basis", "depth monthly"),
    ("what % of lakes is frozen", "what percentage of lakes is frozen"),
    ("lakes deeper than 2.5 thousand", "lakes deeper than 2500"),
    ("depth by region, highest first", "depth by region , descending"),
    ("lakes that are frozen right now", "lakes that are frozen"),
])
def test_a_question_is_put_plainly(question: str, plain: str) -> None:
    assert _said(question) == plain


def test_a_name_is_no_idiom() -> None:
    assert _said("overview of plots", "overview") == "overview of plots"
    assert _said('lakes called "right now"') == "lakes called right now"


@pytest.mark.parametrize(("question", "plain"), [
    ("only region Bavaria", "region Bavaria"),
    ("depth by lake, only frozen ones", "depth by lake , frozen ones"),
    ("depth by lake, frozen ones only", "depth by lake , frozen ones"),
    ("anglers who bought only nets", "anglers who bought only nets"),
    ("anglers who bought nets only", "anglers who bought nets only"),
])
def test_only_is_passed_over_where_it_says_no_more_than_a_condition_does(question: str, plain: str) -> None:
    assert _said(question) == plain
