"""GET /api/v1/tables and /api/v1/tables/{name}"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from pluto_duck.api.handler import PlutoHandler, guarded
from pluto_duck.errors import UsageError, unknown_name

if TYPE_CHECKING:
    from pluto_duck.session import Session, TableInfo


class TablesHandler(PlutoHandler):
    scopes: ClassVar = {"GET": "schema:read"}
    actions: ClassVar = {"GET": "schema"}

    @guarded
    async def get(self) -> None:
        """`full=1`: with columns, keys and the last load, as the sidebar shows them."""
        place = await self.place()
        if self.integer("full", 0, least=0, most=1):
            from pluto_duck.commands import looking

            full = await self.in_thread(place.ask_as, self.actor, looking.tables)
            self.send({"workspace": place.name, "tables": full, **await self.mind(place)})
            return
        tables = await self.in_thread(place.ask_as, self.actor, _tables)
        self.send({"workspace": place.name, "tables": [_short(one, self.url("tables", _address(one),
                   workspace=self.get_query_argument("workspace", None))) for one in tables],
                   **await self.mind(place)})


class TableHandler(PlutoHandler):
    scopes: ClassVar = {"GET": "schema:read"}
    actions: ClassVar = {"GET": "schema"}

    @guarded
    async def get(self, name: str) -> None:
        from pluto_duck.session import TableRef

        place = await self.place()
        ref = TableRef.parse(name)
        tables = await self.in_thread(place.ask_as, self.actor, _tables)
        for one in tables:
            if one.ref.key == ref.key:
                self.send({"workspace": place.name, **_whole(one)})
                return
        known, where = [str(one.ref) for one in tables], f"workspace {place.name}"
        if self.actor is not None:
            from pluto_duck.governance.refusals import unseen_table

            raise unseen_table(name, known, where)
        raise unknown_name("table", name, known, where=where)


def _tables(session: Session) -> list[TableInfo]:
    return session.tables()


def _address(table: TableInfo) -> str:
    """The name as the address of a table takes it: quoted only where it would be read as another."""
    from pluto_duck.session import TableRef

    plain = str(table.ref)
    try:
        return plain if TableRef.parse(plain) == table.ref else table.ref.sql
    except UsageError:
        return table.ref.sql


def _short(table: TableInfo, url: str) -> dict[str, Any]:
    return {"name": table.ref.name, "schema": table.ref.schema, "kind": table.kind,
            "column_count": len(table.columns), "row_estimate": table.row_estimate, "version": table.version,
            "comment": table.comment, "links": {"self": url}}


def _whole(table: TableInfo) -> dict[str, Any]:
    return {
        "name": table.ref.name, "schema": table.ref.schema, "kind": table.kind, "comment": table.comment,
        "row_estimate": table.row_estimate, "version": table.version,
        "columns": [{"name": c.name, "type": c.type, "nullable": c.nullable, "comment": c.comment}
                    for c in table.columns],
        "primary_key": list(table.primary_key), "unique": [list(one) for one in table.unique],
        "foreign_keys": [{"columns": list(one.columns), "table": str(one.table), "referenced": list(one.referenced)}
                         for one in table.foreign_keys],
    }
