"""Subscriptions: `changes`, and `run`, the events of a run as they come, from any one on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from pluto_duck.api.follow import Follower
from pluto_duck.api.graphql.answering import as_error
from pluto_duck.api.graphql.follow import changes
from pluto_duck.api.graphql.plan import TYPENAME
from pluto_duck.api.sse import RowFrames
from pluto_duck.errors import PlutoError, Refused, UsageError

if TYPE_CHECKING:
    from pluto_duck.api.graphql.answering import Answer
    from pluto_duck.api.graphql.ws import GraphQLSocket, Operation
    from pluto_duck.runs import RunEvent


async def events(socket: GraphQLSocket, operation: Operation, answer: Answer) -> AsyncIterator[dict[str, Any]]:
    """A response for each. Nothing is read ahead: the next ones are asked for once the last was taken."""
    if len(answer.runs) != 1:
        raise UsageError("A subscription has one field.")
    if answer.runs[0].root.op == "changes":
        async with aclosing(changes(socket, operation, answer)) as told:
            async for one in told:
                yield one
        return
    field, planner = answer.runs[0], answer.planner
    assert planner is not None
    place, run = await operation.place_of_run(field.args["run_id"])
    names = {key: nodes[0].name.value for key, nodes in planner.inside(field.nodes).items()}

    def response(event: RunEvent, rows: Any = None, content: Any = None) -> dict[str, Any]:
        told = {"run_id": event.run_id, "seq": event.seq, "at": event.at.isoformat(), "type": event.type,
                "subtype": event.subtype, "content": event.content if content is None else content, "rows": rows,
                TYPENAME: field.type_.name}
        return {"data": {field.key: {key: told[name] for key, name in names.items()}}}

    types = [one.type for one in run.columns or ()]
    frames = RowFrames(place, run, types)
    try:
        async with Follower(operation.app, place, run.run_id) as follower:
            async for lot in follower.events(max(0, field.args.get("after") or 0)):
                if not lot and not await socket.still_known():
                    raise Refused("The key is not good any more.")
                for event in lot:
                    if event.type == "rows" and event.subtype == "start":
                        types[:] = [one["type"] for one in event.content["columns"]]
                    if event.type == "rows" and event.subtype == "chunk" and "rows" in names.values():
                        pieces = frames.pieces(event)
                        while (piece := await operation.in_thread(next, pieces, None)) is not None:
                            rows = piece[0].pop("rows")
                            yield response(event, rows, piece[0])
                    else:
                        yield response(event)
    except PlutoError as error:
        yield {"data": None, "errors": [as_error(error, [field.key])]}
    finally:
        await operation.in_thread(frames.close)
