"""/api/v1/tables/{name}/rows and /api/v1/tables/{name}/rows/{key}"""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote, unquote, urlencode

from pluto_duck.api.handler import HTTPProblem, PlutoHandler, guarded
from pluto_duck.api.rows import bodies
from pluto_duck.errors import Conflict, PreconditionFailed, UsageError

if TYPE_CHECKING:
    from pluto_duck.api.places import Place
    from pluto_duck.api.rows.desk import Asked
    from pluto_duck.api.rows.once import Kept
    from pluto_duck.governance.policy.model import Action
    from pluto_duck.session import TableRef
    from pluto_duck.session.rows import Change, Changed, Page, Select

LIVE = "private, no-cache"
"""A client may keep a row, and asks each time whether it still is so."""
VARY = "Authorization, Cookie"
ON_CONFLICT = ("error", "ignore", "update")


class _Rows(PlutoHandler):
    max_body: ClassVar = bodies.MAX_BODY
    _tag: str | None = None

    def compute_etag(self) -> str | None:
        return self._tag

    def query(self) -> dict[str, list[str]]:
        try:
            return {name: [one.decode() for one in values] for name, values in self.request.query_arguments.items()}
        except UnicodeDecodeError:
            raise UsageError("The query string is not UTF-8.") from None

    def asked(self, table: TableRef, columns: tuple[str, ...] | None = None, change: str = "") -> Asked:
        from pluto_duck.api.actors import who
        from pluto_duck.api.rows.desk import Asked

        return Asked(who(self.actor), self.actor, table, columns, change)

    def may_read(self) -> bool:
        """Whether rows may be shown that this request has written."""
        return self.caller is None or "data:read" in self.caller.scopes

    def tagged(self, tag: str) -> None:
        self._tag = f'"{tag}"'
        self.set_header("ETag", self._tag)

    def row_url(self, name: str, key: list[str]) -> str:
        parts = ",".join(quote(one, safe="") for one in key)
        return self.url("tables", name, "rows") + "/" + parts + self._place_query()

    def _place_query(self) -> str:
        named = self.get_query_argument("workspace", None)
        return f"?{urlencode({'workspace': named})}" if named else ""

    async def change(self, place: Place, table: TableRef, change: Change, token: str = "") -> Changed:
        done: list[Changed] = await place.desk(self.app).writes.ask(
            self.asked(table, change=type(change).__name__), ([change], token))
        self.spend(rows=done[0].affected)
        return done[0]

    async def written(self, place: Place, done: Changed) -> tuple[list[dict[str, Any]], list[str]]:
        """The rows that a change wrote, as far as the client may see them, and their tags."""
        if not self.may_read():
            return [], []
        if done.texts is not None:
            return [json.loads(row) for row, _tag in done.texts], [tag for _row, tag in done.texts]
        return await self.in_thread(_written, done) if done.rows is not None else ([], [])


    async def once(self, place: Place, table: TableRef, actions: Sequence[Action],
                   write: Callable[[str], Awaitable[Kept]]) -> None:
        """Answers with what `write` of a token comes to: at once, or, by the Idempotency-Key of the request, as it
        was answered before. `actions`: those of the policy that the answer hangs on, besides read."""
        from pluto_duck.api.actors import who
        from pluto_duck.api.rows import once

        sent = self.request.headers.get("Idempotency-Key")
        if sent is None:
            self._answered(await write(""))
            return
        key = once.checked(sent)
        asker = once.digest(who(self.actor))
        digest = once.digest(self.request.method, self.request.path, self.request.query,
                             *(self.request.headers.get(one, "") for one in ("If-Match", "If-None-Match")),
                             self.request.body)
        sees = await self.in_thread(self._sees, place, table, actions)
        kept = await self.in_thread(place.once.begin, asker, key, digest)
        if kept is not None:
            self.set_header("Idempotency-Replayed", "true")
            self._answered(kept.for_one_who(sees))
            return
        try:
            made = await write(once.digest(asker, key, digest))
        except BaseException:
            await self.in_thread(place.once.forget, asker, key)
            raise
        answer = replace(made, sees=sees)
        await self.in_thread(place.once.keep, asker, key, answer)
        self._answered(answer)

    def _sees(self, place: Place, table: TableRef, actions: Sequence[Action]) -> str:
        """Another text as soon as the policy lets the client do or see something else; "" for the owner."""
        from pluto_duck.api.rows import once
        from pluto_duck.errors import UnknownName
        from pluto_duck.session import policies

        caller = self.caller
        if caller is None:
            return ""
        try:
            told = place.ask(lambda session: [policies.explain(session, caller.actor, action, str(table))
                                              for action in ("read", *actions)])
        except UnknownName:
            return "nothing"  # what it asks for says so in the words of its roles
        return once.digest(repr(told), self.may_read())

    def _answered(self, kept: Kept) -> None:
        self.set_status(kept.status)
        self.set_header("Cache-Control", "no-store")
        for name, value in kept.headers.items():
            self.set_header(name, value)
            if name == "ETag":
                self._tag = value
        if kept.body:
            self.finish(kept.body)
        else:
            self.clear_header("Content-Type")
            self.finish()


def _written(done: Changed) -> tuple[list[dict[str, Any]], list[str]]:
    from pluto_duck.api.rows.forms import objects
    from pluto_duck.session.rows.tags import tags

    assert done.rows is not None
    return objects(done.rows), tags(done.rows.arrow(), done.rows.columns)


def _ref(name: str) -> TableRef:
    from pluto_duck.session import TableRef

    return TableRef.parse(name)


class TableRowsHandler(_Rows):
    scopes: ClassVar = {"GET": "data:read", "POST": "data:write"}
    actions: ClassVar = {"POST": "insert"}

    @guarded
    async def get(self, name: str) -> None:
        """A page of the rows that conditions keep."""
        from pluto_duck.api.rows import asking, forms

        place, query = await self.place(), self.query()
        limit = self.integer("limit", asking.LIMIT, least=1, most=asking.MAX_LIMIT) or asking.LIMIT
        offset = self.integer("offset", 0, least=0, most=2**53) or 0
        if offset and "cursor" in query:
            raise UsageError("A cursor says where to go on; it takes no offset.", name="offset")
        table = _ref(name)
        kind = self.accepted(forms.FORMS)
        wanted = asking.select(table, query, limit=limit, offset=offset)
        started = time.perf_counter()
        page, data, rows = await self.in_thread(self._read, place, wanted, kind)
        self.spend(rows=len(page.result), seconds=time.perf_counter() - started)
        following = self._next(query, wanted, page)
        self.set_header("Vary", "Accept, Accept-Encoding, Authorization, Cookie")
        self.set_header("Cache-Control", "no-store")
        if following:
            self.set_header("Link", f'<{following}>; rel="next"')
        if kind == forms.JSON:
            self.send({"workspace": place.name, "table": str(table), "version": page.version, "rows": rows,
                       "links": {"next": following} if following else {}})
            return
        self.finish(data, set_content_type=kind + ("; charset=utf-8" if kind in (forms.CSV, forms.NDJSON) else ""))

    def _read(self, place: Place, wanted: Select, kind: str) -> tuple[Page, bytes, list[dict[str, Any]]]:
        from pluto_duck.api.rows import forms

        timeout_s = float(place.settings["query.timeout_s"])
        page = place.actors.ask(self.actor, lambda session: session.page(wanted, timeout_s=timeout_s))
        if kind == forms.JSON:
            return page, b"", forms.objects(page.result)
        make = {forms.NDJSON: forms.lines, forms.CSV: forms.csv, forms.ARROW: forms.arrow}[kind]
        return page, make(page.result), []

    def _next(self, query: dict[str, list[str]], wanted: Select, page: Page) -> str:
        """The address of the next page; "" for none."""
        from pluto_duck.api.rows.asking import closed

        if not page.result.truncated:
            return ""
        kept = [(name, value) for name, values in query.items() for value in values
                if name not in ("cursor", "offset", "token")]
        if page.next is not None:
            kept.append(("cursor", closed(page.next, wanted.order)))
        else:
            kept.append(("offset", str(wanted.offset + len(page.result))))
        return f"{self.base_url.rstrip('/')}{self.request.path[len(self.base_url.rstrip('/')):]}?{urlencode(kept)}"

    @guarded
    async def post(self, name: str) -> None:
        """Makes one row, or many, all or none."""
        from pluto_duck.session.rows import Insert

        place, table = await self.place(), _ref(name)
        rows, many = bodies.rows(self.request)
        on_conflict = self.get_query_argument("on_conflict", "error")
        if on_conflict not in ON_CONFLICT:
            raise UsageError(f"on_conflict={on_conflict[:40]} is unknown.", hint=", ".join(ON_CONFLICT))
        change = Insert(table, tuple(rows), on_conflict)

        async def write(token: str) -> Kept:
            return await self._answer(place, await self.change(place, table, change, token), name, many)

        await self.once(place, table, ["insert"], write)

    async def _answer(self, place: Place, done: Changed, name: str, many: bool) -> Kept:
        from pluto_duck.api.rows.bodies import minimal
        from pluto_duck.api.rows.once import Kept

        rows, tags = await self.written(place, done)
        headers = {}
        if not many and len(rows) == 1:
            key = done.key
            headers["ETag"] = f'"{tags[0]}"'
            if key and all(rows[0].get(one) is not None for one in key):
                headers["Location"] = self.row_url(name, [_text(rows[0][one]) for one in key])
        status = 201 if done.affected else 200
        if minimal(self.request.headers) or (done.rows is None and done.texts is None) or not self.may_read():
            return Kept(status if done.affected else 204, headers, "")
        told = {"workspace": place.name, "table": name, "affected": done.affected, "version": done.version,
                "rows": rows, "links": {}}
        shown = rows[0] if not many and rows else told
        return Kept(status, headers, json.dumps(shown, ensure_ascii=False, separators=(",", ":")))


def key_parts(path: str) -> tuple[str, ...]:
    """Those of a row's key, by the commas of its address as it was sent: those within a part come encoded."""
    found = tuple(unquote(one) for one in path.rpartition("/")[2].split(","))
    if any("\ufffd" in one or "\0" in one for one in found):
        raise UsageError("The key is not UTF-8 text.")
    return found


class TableRowHandler(_Rows):
    scopes: ClassVar = {"GET": "data:read", "PUT": "data:write", "PATCH": "data:write", "DELETE": "data:write"}

    def key(self) -> tuple[str, ...]:
        return key_parts(self.request.path)

    @guarded
    async def get(self, name: str, _key: str) -> None:
        from pluto_duck.api.rows import asking
        from pluto_duck.api.tags import matches

        place = await self.place()
        columns = asking.columns(self.query()) if self.request.query else None
        table = _ref(name)
        row = await place.desk(self.app).reads.ask(self.asked(table, columns), self.key())
        self.spend(rows=1)
        self.tagged(row.tag)
        self.set_header("Cache-Control", LIVE)
        self.set_header("Vary", VARY)
        if matches(self.request.headers.get("If-None-Match", ""), f'"{row.tag}"'):
            self.set_status(304)
            self.finish()
            return
        self.finish(row.body)

    @guarded
    async def patch(self, name: str, _key: str) -> None:
        """JSON merge patch (RFC 7396): members that are null set NULL, objects are merged into structs."""
        from pluto_duck.session.rows import Keyed, Update

        place, table, key = await self.place(), _ref(name), self.key()
        values = bodies.row(self.request, bodies.PATCH_TYPES)
        expect = self._expected(place)

        async def write(token: str) -> Kept:
            for _attempt in range(5):
                merged, seen = await self._merged(place, table, key, values)
                change = Update(table, Keyed(key), merged, expect=expect or seen)
                try:
                    return await self._wrote(place, await self.change(place, table, change, token), table, key)
                except PreconditionFailed:
                    if expect or not seen:
                        raise
            raise Conflict("Others wrote the same row again and again.", hint="Try again.")

        await self.once(place, table, ["update"], write)

    async def _merged(self, place: Place, table: TableRef, key: tuple[str, ...],
                      values: dict[str, Any]) -> tuple[dict[str, Any], tuple[str, ...] | None]:
        """With objects merged into those that the row has, which must then still be so."""
        if not any(isinstance(one, dict) for one in values.values()):
            return values, None
        row = await place.desk(self.app).reads.ask(self.asked(table), key)
        there = json.loads(row.body)
        return {name: merge_patch(_there(there, name), value) if isinstance(value, dict) else value
                for name, value in values.items()}, (row.tag,)

    @guarded
    async def put(self, name: str, _key: str) -> None:
        """Makes the row, or replaces all of it that the client sees."""
        from pluto_duck.session.rows import Put

        place, table, key = await self.place(), _ref(name), self.key()
        values = bodies.row(self.request)
        none = self.request.headers.get("If-None-Match", "").strip()
        if none not in ("", "*"):
            raise UsageError("If-None-Match of a write is *: only where there is no such row.", name="If-None-Match")
        expect: tuple[str, ...] | None = () if none == "*" else self._expected(place)

        async def write(token: str) -> Kept:
            try:
                done = await self.change(place, table, Put(table, key, values, expect), token)
            except Conflict as error:
                if none and error.facts.get("constraint") == "unique":
                    raise PreconditionFailed("There is such a row.", hint="If-Match replaces it.") from error
                raise
            if not done.affected:
                return await self._as_it_was(place, table, key)
            made = await self._wrote(place, done, table, key, 201 if done.created else 200)
            if done.created:
                made.headers["Location"] = self.row_url(name, list(key))
            return made

        await self.once(place, table, ["insert", "update"], write)

    @guarded
    async def delete(self, name: str, _key: str) -> None:
        from pluto_duck.api.rows.desk import missing
        from pluto_duck.api.rows.once import Kept
        from pluto_duck.session.rows import Delete, Keyed

        place, table, key = await self.place(), _ref(name), self.key()
        expect = self._expected(place)

        async def write(token: str) -> Kept:
            if not (await self.change(place, table, Delete(table, Keyed(key), expect), token)).affected:
                raise missing(table, key)
            return Kept(204, {}, "")

        await self.once(place, table, ["delete"], write)

    def _expected(self, place: Place) -> tuple[str, ...] | None:
        from pluto_duck.api.rows.bodies import expected

        found = expected(self.request.headers)
        if found is None and place.settings["rest.if_match"] == "required":
            raise HTTPProblem(428, "This server wants If-Match with every change of a row.",
                              hint="GET the row, and send its ETag as If-Match; * for any.")
        return found

    async def _as_it_was(self, place: Place, table: TableRef, key: tuple[str, ...]) -> Kept:
        """Of a row that has nothing but its key, and so nothing to write. Raises UnknownName where it is gone."""
        from pluto_duck.api.rows.bodies import minimal
        from pluto_duck.api.rows.once import Kept

        if not self.may_read():
            return Kept(204, {}, "")
        row = await place.desk(self.app).reads.ask(self.asked(table), key)
        headers = {"ETag": f'"{row.tag}"'}
        return Kept(204, headers, "") if minimal(self.request.headers) else Kept(200, headers, row.body.decode())

    async def _wrote(self, place: Place, done: Changed, table: TableRef, key: tuple[str, ...],
                     status: int = 200) -> Kept:
        from pluto_duck.api.rows.bodies import minimal
        from pluto_duck.api.rows.desk import missing
        from pluto_duck.api.rows.once import Kept

        if not done.affected:
            raise missing(table, key)
        rows, tags = await self.written(place, done)
        headers = {"ETag": f'"{tags[0]}"'} if rows else {}
        if not rows or minimal(self.request.headers):
            return Kept(201 if status == 201 else 204, headers, "")
        return Kept(status, headers, json.dumps(rows[0], ensure_ascii=False, separators=(",", ":")))


def _text(value: Any) -> str:
    """A value of a key as its address has it."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _there(row: dict[str, Any], name: str) -> Any:
    found = row.get(name)
    return found if found is not None or name in row else next(
        (value for one, value in row.items() if one.lower() == name.lower()), None)


def merge_patch(target: Any, patch: Any) -> Any:
    """Source: RFC 7396, section 2; a struct keeps its members, so that null stands for NULL in it."""
    if not isinstance(patch, dict):
        return patch
    found = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        found[name] = merge_patch(found.get(name), value)
    return found
