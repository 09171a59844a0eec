"""GET /api/v1/lineage: what a table or column is made of, and what is made of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from pluto_duck.api.handler import PlutoHandler, guarded
from pluto_duck.errors import UsageError

if TYPE_CHECKING:
    from pluto_duck.catalog.lineage import Lineage
    from pluto_duck.session import Session, TableInfo

DIRECTIONS = ("both", "up", "down")
MAX_DEPTH = 100


class LineageHandler(PlutoHandler):
    scopes: ClassVar = {"GET": "schema:read"}
    actions: ClassVar = {"GET": "schema"}

    @guarded
    async def get(self) -> None:
        table, column = self.get_query_argument("table", ""), self.get_query_argument("column", "")
        direction = self.get_query_argument("direction", "both")
        depth = self.integer("depth", 0, least=0, most=MAX_DEPTH) or 0
        impact = self.integer("impact", 0, least=0, most=1)
        if not table:
            raise UsageError("Of which table?", name="table", hint="lineage?table=orders&column=amount")
        if direction not in DIRECTIONS:
            raise UsageError(f'"direction" must be one of {", ".join(DIRECTIONS)}.', name="direction")
        if impact:
            self.must_be_owner()  # who else reads a table is not told by any grant
        place = await self.place()
        known = await self.in_thread(place.ask, _whole)
        if self.actor is not None:
            # Asked after the whole: what was hidden meanwhile is left out, too.
            known = await self.in_thread(_narrowed, known, await self.in_thread(place.ask_as, self.actor, _tables))
        if impact:
            found = await self.in_thread(place.ask, lambda session: _broken(session, known, table, column))
        else:
            found = await self.in_thread(_told, known, table, column, direction, depth)
        self.send({"workspace": place.name, **found, **await self.mind(place)})


def _whole(session: Session) -> Lineage:
    from pluto_duck.commands.lineage import whole

    return whole(session)


def _tables(session: Session) -> list[TableInfo]:
    return session.tables()


def _narrowed(known: Lineage, tables: list[TableInfo]) -> Lineage:
    from pluto_duck.catalog.lineage import seen

    return seen(known, tables)


def _broken(session: Session, known: Lineage, table: str, column: str) -> dict[str, Any]:
    from pluto_duck.commands.lineage import broken, impact_object

    return impact_object(broken(session, known, *_meant(known, table, column)))


def _meant(known: Lineage, table: str, column: str) -> tuple[str, str | None]:
    from pluto_duck.commands.lineage import column_of, table_of

    id = table_of(known, table)
    return id, column_of(known.nodes[id], column) if column else None


def _told(known: Lineage, table: str, column: str, direction: str, depth: int) -> dict[str, Any]:
    from pluto_duck.commands.lineage import as_object

    id, name = _meant(known, table, column)
    return as_object(known.around(id, name, up=direction != "down", down=direction != "up", depth=depth))
