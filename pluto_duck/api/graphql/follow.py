"""The subscription `changes`: the changes of tracked tables as they happen, as GET /changes tells them."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from pluto_duck.api.changes.feed import OF_A_TABLE
from pluto_duck.api.changes.following import Following, News, Reset, Rows, Step, Whole, tables_of
from pluto_duck.api.graphql.answering import as_error
from pluto_duck.api.graphql.plan import TYPENAME
from pluto_duck.errors import PlutoError, Refused
from pluto_duck.events.model import Position

if TYPE_CHECKING:
    from pluto_duck.api.graphql.answering import Answer
    from pluto_duck.api.graphql.ws import GraphQLSocket, Operation


async def changes(socket: GraphQLSocket, operation: Operation, answer: Answer) -> AsyncGenerator[dict[str, Any], None]:
    """A response for each change."""
    field, planner = answer.runs[0], answer.planner
    assert planner is not None
    names = {key: nodes[0].name.value for key, nodes in planner.inside(field.nodes).items()}

    def response(told: dict[str, Any]) -> dict[str, Any]:
        told[TYPENAME] = field.type_.name
        return {"data": {field.key: {key: told.get(name) for key, name in names.items()}}}

    async def still_welcome() -> None:
        if not await socket.still_known():
            raise Refused("The key is not good any more.")

    try:
        tables = tables_of(field.args.get("tables") or ())
        since = (field.args.get("since") or "now").strip()
        following = Following(operation, await operation.place(), tables, still_welcome)
        await following.begin(None if since == "now" else Position.parse(since))
        operation.on_gone = following.leave
        async with aclosing(following.steps(snapshot=bool(field.args.get("snapshot")))) as steps:
            async for step in steps:
                for told in _told(step):
                    yield response(told)
    except PlutoError as error:
        yield {"data": None, "errors": [as_error(error, [field.key])]}


def _told(step: Step) -> list[dict[str, Any]]:
    """The fields of `Change`."""
    if isinstance(step, News):
        return [_of_event(one.frame.partition(b"\ndata: ")[2].decode(), str(one.position)) for one in step.told]
    if isinstance(step, Rows):
        return [_of_event(one, None) for one in step.batch.column("event").to_pylist()]
    if isinstance(step, Reset):
        return [{"kind": "reset", "position": str(step.position), "why": step.why}]
    if isinstance(step, Whole):
        return [{"kind": "snapshot", "position": str(step.position)}]
    return []  # who is there still is known from the protocol's own pings


def _of_event(text: str, position: str | None) -> dict[str, Any]:
    from pluto_duck.session import TableRef

    event = json.loads(text)
    data = event["data"]
    subject, source = event.get("subject"), data["source"]
    return {"kind": data["op"] if data["op"] in OF_A_TABLE else "row", "position": position, "op": data["op"],
            "table": str(TableRef(source["table"], source["schema"])), "before": data.get("before"),
            "after": data.get("after"), "key": None if subject is None else json.loads(subject), "event": event}
