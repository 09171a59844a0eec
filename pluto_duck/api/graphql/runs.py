"""`sql`, `ask`, `run` and `cancel_run`: fields that are runs, as `/query` starts and shows them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from graphql import GraphQLObjectType, get_named_type

from pluto_duck.api.follow import Follower
from pluto_duck.api.forms import MAX_PAGE, PAGE, page, summary
from pluto_duck.api.graphql.plan import TYPENAME
from pluto_duck.api.handler import MAX_WAIT_S
from pluto_duck.api.query import mine, start
from pluto_duck.errors import PlutoError, UsageError

if TYPE_CHECKING:
    from graphql import FieldNode

    from pluto_duck.api.graphql.answering import Answer, RunField
    from pluto_duck.api.graphql.plan import Planner
    from pluto_duck.api.handler import PlutoHandler
    from pluto_duck.api.places import Place
    from pluto_duck.runs import Run

MOST = 8
"""Runs that one request starts."""


async def answer_runs(handler: PlutoHandler, place: Place, answer: Answer) -> None:
    """The fields of an answer that are about runs, one after the other."""
    if len(answer.runs) > MOST:
        answer.data, answer.errors = None, [*answer.errors, {
            "message": f"More than {MOST} runs in one request.", "extensions": {"code": "too_much"}}]
        return
    for one in answer.runs:
        if answer.data is None:
            return
        try:
            run = await _run_of(handler, place, one)
            assert answer.planner is not None
            answer.data[one.key] = await shown(handler, place, run, one.type_, one.nodes, answer.planner)
        except PlutoError as error:
            answer.fails(error, one.key, one.nullable)


async def _run_of(handler: PlutoHandler, place: Place, field: RunField) -> Run:
    args = field.args
    wait_s = args.get("wait") or 0.0
    if not 0 <= wait_s <= MAX_WAIT_S:
        raise UsageError(f"wait: {wait_s} must be seconds from 0 to {MAX_WAIT_S:g}.")
    if field.root.op == "cancel":
        place, run = await handler.place_of_run(args["run_id"])
        return await handler.in_thread(place.runs.cancel, run.run_id)
    if field.root.op == "run":
        place, run = await handler.place_of_run(args["run_id"])
    else:
        run = await _started(handler, place, field.root.op, args)
    if not wait_s or run.done:
        return run
    follower = Follower(handler.app, place, run.run_id, counts=False)
    handler.on_gone = follower.leave
    async with follower:
        try:
            async with asyncio.timeout(wait_s):
                async for state in follower.states():
                    run = state
        except TimeoutError:
            pass
    return run


async def _started(handler: PlutoHandler, place: Place, op: str, args: Mapping[str, Any]) -> Run:
    kind = "sql" if op == "sql" else "question"
    handler.must_have("query:run" if kind == "sql" else "query:ask")
    body: dict[str, Any] = {name: args[name] for name in ("max_rows", "timeout_s", "conversation", "planner", "params")
                            if args.get(name) is not None}
    text = args["statement" if kind == "sql" else "question"].strip()
    if not text:
        raise UsageError(f"The {'statement' if kind == 'sql' else 'question'} is empty.")
    if not isinstance(body.get("params", {}), dict | list):
        raise UsageError("params is an object or a list.")
    if body.get("conversation"):
        body["conversation"] = await handler.in_thread(place.ask_as, handler.actor, partial(mine, body["conversation"]))
    body["detach"] = True  # nobody follows it yet
    actor, allowance, spend = handler.actor, handler.allowance, handler.spender()
    run = await handler.in_thread(lambda: start(place, kind, text, body, actor, allowance, spend))
    handler.trail.run = run.run_id
    return run


async def shown(handler: PlutoHandler, place: Place, run: Run, type_: GraphQLObjectType, nodes: list[FieldNode],
                planner: Planner) -> dict[str, Any]:
    told = summary(run)
    found: dict[str, Any] = {}
    for key, those in planner.inside(nodes).items():
        name = those[0].name.value
        if name == TYPENAME:
            found[key] = type_.name
        elif name == "rows":
            args = planner.arguments(type_.fields[name], those[0])
            offset, limit = args.get("offset") or 0, PAGE if args.get("limit") is None else args["limit"]
            if offset < 0 or not 0 <= limit <= MAX_PAGE:
                raise UsageError(f"rows: offset from 0, limit from 0 to {MAX_PAGE}.")
            found[key] = await handler.in_thread(page, place, run, offset, limit, None)
        elif name == "columns":
            inner = get_named_type(type_.fields[name].type)
            assert isinstance(inner, GraphQLObjectType)
            found[key] = None if run.columns is None else [
                {each: inner.name if one[0].name.value == TYPENAME else getattr(column, one[0].name.value)
                 for each, one in planner.inside(those).items()} for column in run.columns]
        else:
            found[key] = told.get(name)
    return found
