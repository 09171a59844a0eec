"""What every tool must keep to, ours and those of others: run on all that are registered."""

from __future__ import annotations

import inspect
import json
from dataclasses import dataclass
from typing import Annotated, Literal

import pytest

from pluto_duck import plugins
from pluto_duck.agent.planners import Context
from pluto_duck.agent.sharing import Sharing
from pluto_duck.agent.tools import GROUP, Desk, Reply, Tool, offered
from pluto_duck.agent.tools.schema import bound, schema_of
from pluto_duck.errors import UsageError
from pluto_duck.session import Session

every_tool = pytest.mark.parametrize("name", plugins.names(GROUP))


@every_tool
def test_a_tool_is_named_after_its_function_and_says_what_it_does(name: str) -> None:
    tool = plugins.load(GROUP, name)
    assert isinstance(tool, Tool)
    assert tool.name == name
    assert tool.description.endswith(".")
    assert next(iter(inspect.signature(tool.function).parameters)) == "desk"
    assert tool.function.__module__.endswith(f".{name}")


@every_tool
def test_its_schema_is_json_and_strict(name: str) -> None:
    schema = plugins.load(GROUP, name).parameters
    assert json.loads(json.dumps(schema)) == schema
    assert schema["type"] == "object"
    assert schema["additionalProperties"] is False
    assert set(schema["required"]) <= set(schema["properties"])


@every_tool
def test_wrong_arguments_are_a_usage_error(name: str, session: Session) -> None:
    tool = plugins.load(GROUP, name)
    desk = Desk("?", Context(session), Sharing("rows"), "test")
    with pytest.raises(UsageError):
        tool.call(desk, {"no_such_argument": 1})
    for argument in tool.parameters["properties"]:
        with pytest.raises(UsageError):
            tool.call(desk, {argument: object()})


@every_tool
def test_a_tool_changes_nothing(name: str, session: Session) -> None:
    session.query("CREATE TABLE pets AS SELECT 1 AS id, 'cat' AS kind")
    versions = session.versions()
    arguments = {"words": "pets", "table": "pets", "column": "kind", "sql": "SELECT 1 AS one", "name": "new",
                 "restatement": "x", "reason": "x", "question": "x", "kind": "bar", "x": "a", "y": ["b"],
                 "choices": [{"text": "a", "sql": "SELECT 1"}, {"text": "b", "sql": "SELECT 2"}], "into": "new",
                 "source": "pets.csv", "section": "tables", "entry": '{"name": "animal"}'}
    more = {"ingest": ("source",), "edit_semantics": ("name",)}.get(name, ())
    tool = plugins.load(GROUP, name)
    wanted = {one: arguments[one] for one in (*tool.parameters["required"], *more)}
    wanted |= {"name": "pets"} if name == "edit_semantics" else {}
    reply = tool.call(Desk("?", Context(session), Sharing("rows"), "test"), wanted)
    assert isinstance(reply, Reply)
    assert reply.pieces or reply.answer is not None
    assert session.versions() == versions
    assert [str(one.ref) for one in session.tables()] == ["pets"]
    assert not (session.workspace.root / "semantics.yaml").exists()


def test_a_tool_that_needs_values_is_not_offered_without_them() -> None:
    assert "sample_values" not in [one.name for one in offered(Sharing("schema"))]
    assert "sample_values" in [one.name for one in offered(Sharing("values"))]
    forced = [one.name for one in offered(Sharing("schema"), forced=True)]
    assert not {"decline", "ask_user", "create_view"} & set(forced)
    assert "final_answer" in forced


@dataclass(frozen=True)
class Pair:
    left: Annotated[str, "The left one."]
    right: int = 0


def _example(desk: Desk, text: str, how: Literal["a", "b"], pairs: list[Pair], part: float = 0.5,
             maybe: int | None = None) -> Reply:
    return Reply()


def test_a_schema_comes_from_the_signature() -> None:
    pair = {"type": "object", "properties": {"left": {"type": "string", "description": "The left one."},
                                             "right": {"type": "integer"}},
            "required": ["left"], "additionalProperties": False}
    assert schema_of(_example) == {
        "type": "object", "additionalProperties": False, "required": ["text", "how", "pairs"],
        "properties": {"text": {"type": "string"}, "how": {"type": "string", "enum": ["a", "b"]},
                       "pairs": {"type": "array", "items": pair}, "part": {"type": "number"},
                       "maybe": {"type": "integer"}}}


def test_arguments_become_what_the_function_wants() -> None:
    assert bound(_example, {"text": "x", "how": "a", "pairs": [{"left": "l"}], "part": 1, "maybe": None}) == {
        "text": "x", "how": "a", "pairs": [Pair("l")], "part": 1.0, "maybe": None}


@pytest.mark.parametrize(("wrong", "says"), [
    ({"how": "c"}, "one of a, b"), ({"pairs": {}}, "pairs must be a list"), ({"pairs": [1]}, "must be an object"),
    ({"pairs": [{}]}, "left is missing"), ({"maybe": True}, "type integer"), ({"part": "1"}, "type number"),
])
def test_a_wrong_argument_is_named(wrong: dict[str, object], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        bound(_example, {"text": "x", "how": "a", "pairs": [], **wrong})
