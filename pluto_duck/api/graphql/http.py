"""POST and GET /api/v1/graphql, as GraphQL over HTTP has it; a websocket at the same address.

Source: graphql-over-http, the working draft of the GraphQL foundation.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar

from pluto_duck.api.handler import HTTPProblem, PlutoHandler, guarded
from pluto_duck.errors import UsageError, missing_extra

if TYPE_CHECKING:
    from pluto_duck.api.graphql.answering import Asked

KINDS = ("application/graphql-response+json", "application/json")
_BODY: dict[str, tuple[type, ...]] = {
    "query": (str,), "variables": (dict, type(None)), "operationName": (str, type(None)),
    "extensions": (dict, type(None))}


class GraphQLHandler(PlutoHandler):
    scopes: ClassVar = {"GET": "", "POST": ""}  # by what is asked: the schema of an actor has no more than it may

    actions: ClassVar = {"POST": "read"}
    counts_as: ClassVar = {"POST": "reads"}  # what changes something is counted once it is known to

    @guarded
    async def post(self) -> None:
        kind = self.request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind != "application/json":  # one that a form can't send: a page elsewhere can't use a cookie
            raise HTTPProblem(415, "A GraphQL request is sent as application/json.",
                              hint="Content-Type: application/json")
        if self.request.body.lstrip()[:1] == b"[":
            raise UsageError("Requests in a batch are not taken.", hint="Send them one by one; a document may have "
                             "many fields.")
        body = self.json_object(_BODY)
        await self._answer(body.get("query"), body.get("variables"), body.get("operationName"), change=True)

    @guarded
    async def get(self) -> None:
        if self.request.headers.get("Upgrade", "").lower() == "websocket":
            raise HTTPProblem(426, "The websocket is at this address, too.", hint="Sec-WebSocket-Protocol: "
                              "graphql-transport-ws")
        text = self.get_query_argument("variables", "") or "{}"
        try:
            variables = json.loads(text)
        except (ValueError, RecursionError):
            variables = None
        if not isinstance(variables, dict):
            raise UsageError("variables must be a JSON object.", name="variables")
        await self._answer(self.get_query_argument("query", None), variables,
                           self.get_query_argument("operationName", None) or None, change=False)

    async def _answer(self, text: str | None, variables: dict[str, Any] | None, operation: str | None, *,
                      change: bool) -> None:
        if not text:
            raise UsageError("There is no query.", hint='For example: {"query": "{ __typename }"}')
        try:
            from pluto_duck.api.graphql.answering import Asked, May
            from pluto_duck.api.graphql.desk import Desk
            from pluto_duck.api.graphql.runs import answer_runs
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] != "graphql":
                raise
            raise missing_extra("graphql-core", "serve", why="GraphQL") from error
        kind, self.trail.via = self.accepted(KINDS), "graphql"
        place = await self.place()
        may = May(introspect=self.caller is None or "schema:read" in self.caller.scopes, change=change)

        answer = await Desk.of(place).answer(self, Asked(text, variables or {}, operation), may)
        if not answer.began and self.caller is not None and "data:read" not in self.caller.scopes and answer.errors:
            answer.errors[0]["extensions"].setdefault("hint", f"This {self.caller.what} has no scope data:read, so its "
                                                      "schema has no tables.")
        if answer.runs:
            await answer_runs(self, place, answer)
        self.set_status(200 if answer.began or kind == "application/json" else 400)
        self.set_header("Cache-Control", "no-store")
        self.set_header("Vary", "Accept")
        self.finish(json.dumps(answer.body(), ensure_ascii=False, separators=(",", ":")),
                    set_content_type=f"{kind}; charset=utf-8")


def asked_of(payload: dict[str, Any]) -> Asked:
    """The payload of a websocket's `subscribe`. Raises UsageError."""
    from pluto_duck.api.graphql.answering import Asked

    text, variables, name = payload.get("query"), payload.get("variables"), payload.get("operationName")
    if not isinstance(text, str) or not isinstance(variables, dict | None) or not isinstance(name, str | None):
        raise UsageError("The payload has a query, variables and operationName.")
    return Asked(text, variables or {}, name)
