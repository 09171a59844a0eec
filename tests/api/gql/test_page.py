"""docs/graphql.md: every example is one, and what it says of limits is so."""

from __future__ import annotations

import re
from pathlib import Path

from pluto_duck.api.graphql.answering import May
from pluto_duck.commands.demo import SAMPLE
from pluto_duck.session import Session
from pluto_duck.settings import SETTINGS
from pluto_duck.workspace import Workspace

from .conftest import Asking

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "graphql.md").read_text(encoding="utf-8")


def test_the_examples_run(workspace: Workspace) -> None:
    with Session.open(workspace.root) as session:
        session.query(f"CREATE TABLE flights AS FROM read_parquet('{SAMPLE / 'flights.parquet'}')")
        asking = Asking(session)
        first, sums, ask, follow = re.findall(r"^```graphql\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
        flights = asking(first)["flights"]
        assert [one["dep_delay"] for one in flights] == sorted((one["dep_delay"] for one in flights), reverse=True)
        assert len(flights) == 3
        groups = asking(sums, **{"from": ["JFK"]})["flights_aggregate"]["groups"]
        assert "JFK" in {one["keys"]["origin"] for one in groups}
        answer = asking.whole(ask)
        assert (answer.began, [one.root.op for one in answer.runs], answer.runs[0].args["wait"]) == (True, ["ask"], 30)
        followed = asking.whole(follow, May(subscribe=True))
        assert (followed.errors, [one.root.op for one in followed.runs]) == ([], ["changes"])


def test_every_operator_and_field_of_the_page_is_there(reader: Asking) -> None:
    from pluto_duck.api.graphql.inputs import OPERATORS

    assert set(re.findall(r"\b_[a-z_]+\b", PAGE.split("Conditions:")[1].split("```")[0])) == {
        *OPERATORS, "_is_null", "_and", "_or", "_not"}
    served = reader.schemas.of(reader.session, None)
    assert served.schema.query_type is not None
    assert served.schema.mutation_type is not None
    there = {*served.schema.query_type.fields, *served.schema.mutation_type.fields}
    rows = re.findall(r"^\| (`[^|]*orders[^|]*) \|", PAGE, re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"`(\w*orders\w*)\(", row)} <= there
    assert [one.name for one in SETTINGS if one.name.startswith("graphql.")]
