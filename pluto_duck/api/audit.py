"""GET /api/v1/audit, GET /api/v1/audit/head and POST /api/v1/audit/verify: the owner's look at who did what."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, ClassVar

from pluto_duck.api.handler import PlutoHandler, guarded
from pluto_duck.errors import UsageError

if TYPE_CHECKING:
    from pluto_duck.governance.audit import Recorder
    from pluto_duck.governance.audit.searching import Filter, Row

NDJSON = "application/x-ndjson"
FILTERS = ("who", "table", "action", "decision", "via", "since", "until", "run", "trace")
PAGE, MAX_PAGE, BATCH = 100, 1_000, 500
VERIFY: dict[str, tuple[type, ...]] = {"heads": (list,)}


class AuditHandler(PlutoHandler):
    actions: ClassVar = {"GET": ""}  # on record below, as what it is

    @guarded
    async def get(self) -> None:
        """A page, newest first; as NDJSON all that fits, oldest first."""
        from pluto_duck.commands.audit import filter_of, told

        kind = self.accepted(("application/json", NDJSON))
        self.set_header("Vary", "Accept")
        asked = {name: self.get_query_argument(name, "") for name in FILTERS}
        if "decision" in self.request.query_arguments and asked["decision"] not in ("allow", "deny"):
            raise UsageError(f"decision={asked['decision']} is neither allow nor deny.", name="decision")
        wanted = filter_of(**asked)
        place = await self.place()
        keeper = await self.in_thread(_keeper, place.workspace)
        if kind == NDJSON:
            await self._lines(keeper, wanted, asked)
            return
        limit = self.integer("limit", PAGE, least=1, most=MAX_PAGE) or PAGE
        before = self.integer("cursor", None, least=1, most=2**62)
        rows = await self.in_thread(_page, keeper, wanted, asked, limit + 1, before)
        page, links = rows[:limit], {}
        if len(rows) > limit:
            links["next"] = self.url("audit", **{name: value for name, value in asked.items() if value}, limit=limit,
                                     cursor=page[-1].seq, workspace=self.get_query_argument("workspace", None))
            self.set_header("Link", f'<{links["next"]}>; rel="next"')
        self.send({"workspace": place.name, "links": links, "entries": [told(one) for one in page]})

    async def _lines(self, keeper: Recorder, wanted: Filter, asked: dict[str, str]) -> None:
        from pluto_duck.commands.audit import told

        head = await self.in_thread(_begin_export, keeper, asked)
        self.set_header("Content-Type", NDJSON)
        self.set_header("Cache-Control", "no-store")
        self.set_header("Content-Disposition", 'attachment; filename="audit.ndjson"')
        after = 0
        while rows := await self.in_thread(_batch, keeper, wanted, after, int(head["seq"])):
            after = rows[-1].seq
            self.write("".join(json.dumps(told(one)) + "\n" for one in rows))
            await self.flush()
        self.write(json.dumps({"head": head}) + "\n")
        await self.finish(set_content_type=NDJSON)


class AuditHeadHandler(PlutoHandler):
    actions: ClassVar = {"GET": ""}

    @guarded
    async def get(self) -> None:
        """Signed: what `verify` takes as one of `heads`."""
        place = await self.place()
        self.send(await self.in_thread(lambda: _keeper(place.workspace).chain.export_head()))


class AuditVerifyHandler(PlutoHandler):
    actions: ClassVar = {"POST": ""}
    counts_as: ClassVar = {"POST": "runs"}

    @guarded
    async def post(self) -> None:
        """Walks the whole chain; 200 whether it is whole or not."""
        body = self.json_object(VERIFY) if self.request.body else {}
        place = await self.place()
        self.send({"workspace": place.name, **await self.in_thread(_verified, place.workspace, body.get("heads", []))})


def _keeper(workspace: Any) -> Recorder:
    from pluto_duck.governance.audit import recorder

    return recorder(workspace)


def _page(keeper: Recorder, wanted: Filter, asked: dict[str, str], limit: int, before: int | None) -> list[Row]:
    from pluto_duck.governance.audit import owners
    from pluto_duck.governance.audit.searching import search

    keeper.keep(owners("audit.read", **{name: value for name, value in asked.items() if value}))
    return search(keeper.chain, wanted, limit=limit, before=before)


def _begin_export(keeper: Recorder, asked: dict[str, str]) -> dict[str, Any]:
    from pluto_duck.governance.audit import owners

    keeper.keep(owners("audit.export", **{name: value for name, value in asked.items() if value}))
    return keeper.chain.export_head()


def _batch(keeper: Recorder, wanted: Filter, after: int, upto: int) -> list[Row]:
    from itertools import islice

    from pluto_duck.governance.audit.searching import walk

    return list(islice(walk(keeper.chain, wanted, after=after, upto=upto, batch=BATCH), BATCH))


def _verified(workspace: Any, heads: list[Any]) -> dict[str, Any]:
    from pluto_duck.governance.audit import owners, verify

    keeper = _keeper(workspace)
    try:
        known = [keeper.chain.imported(json.dumps(one)) for one in heads]
    except ValueError as error:
        raise UsageError(f"One of the heads is none of this audit's owner: {error}.",
                         hint="Take it as GET /audit/head gave it.") from None
    found = verify(keeper.chain, known)
    keeper.keep(owners("audit.verify", status="whole" if found.whole else "broken", rows=found.rows))
    return {"whole": found.whole, "rows": found.rows, "pruned": found.start,
            "head": None if found.head is None else {"chain": found.head.chain, "seq": found.head.seq,
                                                     "mac": found.head.mac.hex()},
            "problems": [asdict(one) for one in found.problems], "more": found.more,
            "notes": [asdict(one) for one in found.notes]}
