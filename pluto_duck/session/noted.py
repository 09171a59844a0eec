"""What the audit is told of a governed call: the host names tables and rules beside each reply, the caller's side puts
them on the trail of the request, or makes an entry of its own where there is none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from pluto_duck.errors import PlutoError, Refused, UnknownName
from pluto_duck.governance.audit import Trail, current, recorder, who_of
from pluto_duck.governance.policy.deciding import decide
from pluto_duck.workspace.protocol import Reply, Request
from pluto_duck.workspace.tableref import TableRef

if TYPE_CHECKING:
    from pluto_duck.governance.actor import Actor
    from pluto_duck.governance.audit import Recorder
    from pluto_duck.governance.policy.model import Action
    from pluto_duck.session.handler import SessionHandler
    from pluto_duck.workspace import Workspace
    from pluto_duck.workspace.link import Link

KEY = "audit"
"""In the header of a reply and in the facts of an error; no door sees it."""
_ACTIONS = {"query": "query", "publish": "query", "tables": "schema", "rows": "read", "by_key": "read",
            "change": "write", "changes": "read", "snapshot_changes": "read"}
_BESIDES = frozenset({"versions", "stamp", "moment"})
"""What we ourselves look up beside a statement that has an entry of its own: no row, and nobody's deed."""
_MOST_WHY = 4_096

Named = Iterable[tuple["Action", TableRef]]


class Deciding:
    """In the host: which rules let one actor do what it just did, in the words of `policy explain`."""

    def __init__(self, handler: SessionHandler, actor: Actor) -> None:
        self._handler, self._actor = handler, actor
        self._why: dict[tuple[int, str, str], tuple[bool, str]] = {}
        self.named: list[tuple[Action, TableRef]] = []
        """Tables of the statement that is being handled, where the request does not name them."""

    def told(self, request: Request, error: PlutoError | None = None, reply: Reply | None = None) -> dict[str, Any]:
        named = [*self.named, *_named(request)]
        told: dict[str, Any] = {}
        refused = error if error is not None else _refused(reply)
        if refused is None:
            told["rules"] = [why for one in named if (found := self._decided(*one))[0] and (why := found[1])]
        elif why := self._denied(refused, named):
            told["denied"] = why
        told["on"] = list(dict.fromkeys(ref.key for _action, ref in [*named, *self.named]))
        return told

    def _denied(self, error: PlutoError, named: Named) -> str:
        """Why; "" for an error that is no denial. A table that is not there was denied by nobody."""
        if isinstance(error, Refused):
            nays = [why for one in named if not (found := self._decided(*one))[0] and (why := found[1])]
            return "; ".join(dict.fromkeys(nays)) or error.message
        if not isinstance(error, UnknownName) or error.facts.get("kind") != "table":
            return ""
        refs = [ref for _action, ref in named]
        try:
            refs.append(TableRef.parse(str(error.facts.get("name", ""))))
        except PlutoError:
            pass
        cursor = self._handler.database.cursor()
        try:
            there = {ref.key: ref for ref in refs if self._handler.shapes.of(cursor, ref) is not None}
        finally:
            cursor.close()
        self.named += [("read", ref) for ref in there.values()]
        return "; ".join(why for ref in there.values() if not (found := self._decided("read", ref))[0]
                         and (why := found[1]))

    def _decided(self, action: Action, ref: TableRef) -> tuple[bool, str]:
        in_force = self._handler.policy.current()
        at = (in_force.number, action, ref.key)
        found = self._why.get(at)
        if found is None:
            if len(self._why) > _MOST_WHY:
                self._why.clear()
            decision = decide(in_force, self._actor.roles or (), action, ref)
            found = self._why[at] = decision.allowed, decision.why
        return found


def _named(request: Request) -> Iterator[tuple[Action, TableRef]]:
    args = request.args
    if request.op == "rows":
        yield from (("read", _ref(one["table"])) for one in args.get("wanted", {}).values())
    elif request.op == "changes":
        yield from (("read", _ref(one)) for one in args.get("tables", ()))
    elif request.op in ("by_key", "snapshot_changes") and "table" in args:
        yield "read", _ref(args["table"])
    elif request.op == "change":
        for group in args.get("groups", ()):
            for one in group["changes"]:
                yield from ((action, _ref(change["table"])) for action, change in one.items())


def _shown(request: Request) -> int | None:
    """Of the rows that come, how many whoever asked sees; None: all. A page is read with the row after it."""
    if request.op != "rows" or not request.args.get("paged"):
        return None
    limit = request.args["wanted"]["select"].get("limit") if "select" in request.args["wanted"] else None
    return None if limit is None else max(0, int(limit) - 1)


def _ending(error: PlutoError) -> str:
    """In the words of runs."""
    return error.code if error.code in ("cancelled", "timed_out") else "failed"


def _ref(table: Any) -> TableRef:
    return TableRef(str(table[1]), str(table[0]))


def _refused(reply: Reply | None) -> PlutoError | None:
    from pluto_duck.errors import from_dict

    for one in reply.header.get("outcomes") or () if reply is not None else ():
        if isinstance(one, dict) and one.get("code") == Refused.code:
            return from_dict(one)
    return None


class NotedLink:
    """A governed session's line to the data. Nothing passes while it could not be recorded."""

    def __init__(self, link: Link, workspace: Workspace, actor: Actor, via: str) -> None:
        self._link, self._workspace, self._actor, self._via = link, workspace, actor, via
        self._recorder: Recorder | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._link, name)

    def call(self, request: Request) -> Reply:
        if self._recorder is None:
            self._recorder = recorder(self._workspace)
        self._recorder.must_be_ready()
        trail = current()
        own = None
        if trail is None:
            own = Trail(who_of(self._actor), self._via, action=_ACTIONS.get(request.op, request.op))
        noting = trail or own
        assert noting is not None
        noting.note(sql=str(request.args.get("sql", "")))
        if request.op == "change":
            actions = dict.fromkeys(action for action, _ref in _named(request))
            noting.wrote, noting.action = True, ",".join(actions) or "write"
        try:
            reply = self._link.call(request)
        except PlutoError as error:
            noting.take(error.facts.pop(KEY, None) or {"denied": error.message if isinstance(error, Refused) else ""})
            self._ended(own, request, _ending(error))
            raise
        noting.take(reply.header.pop(KEY, {}))
        if reply.schema is None:
            noting.note(rows=sum(one is not None for one in reply.header.get("texts", ())))
            self._ended(own, request, "succeeded")
        else:
            reply.batches = self._counted(reply.batches, noting, own, request)
        return reply

    def _counted(self, batches: Iterator[Any], trail: Trail, own: Trail | None, request: Request) -> Iterator[Any]:
        status, left = "cancelled", _shown(request)
        try:
            for batch in batches:
                rows = batch.num_rows if left is None else min(batch.num_rows, left)
                left = None if left is None else left - rows
                trail.note(rows=rows)
                yield batch
            status = "succeeded"
        except PlutoError as error:
            status = _ending(error)
            raise
        finally:
            self._ended(own, request, status)

    def _ended(self, own: Trail | None, request: Request, status: str) -> None:
        if own is None or self._recorder is None or request.op in _BESIDES:
            return
        entry = self._recorder.recorded(own, status=status)
        if request.op == "change" or own.denied:
            self._recorder.keep(entry)
        else:
            self._recorder.note(entry)


__all__ = ["KEY", "Deciding", "NotedLink"]
