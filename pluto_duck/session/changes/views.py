"""What one reader sees of the tables whose changes are kept: all of it, or what its roles' policy shows."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pluto_duck.errors import PlutoError, Refused, UsageError, unknown_name
from pluto_duck.events.envelope import Seen
from pluto_duck.events.kept import Kept
from pluto_duck.governance.refusals import unseen_table
from pluto_duck.workspace.database import Cursor
from pluto_duck.workspace.tableref import TableRef, fold, quote

if TYPE_CHECKING:
    from pluto_duck.governance import Actor, GovernedCatalog
    from pluto_duck.session.handler import SessionHandler


@dataclass(frozen=True)
class View:
    """Of one shape."""

    kept: Kept
    seen: Seen
    select: str = ""
    """What the policy shows of a row, over its columns; "" for the row as it is."""
    where: str = ""
    """Which rows; "" for all of them."""
    is_untold: bool = False
    """What is seen of it can't be told: of its changes only that there were some."""

    @property
    def sees_all(self) -> bool:
        return not self.select

    @property
    def is_blind(self) -> bool:
        """Whether it can't be told if a row that was changed or deleted was one of the reader's."""
        return bool(self.where) and not self.kept.before


class OwnersViews:
    def __init__(self, handler: SessionHandler) -> None:
        self.handler = handler

    def of(self, kept: Kept, *, strict: bool = True) -> View | None:
        """None for a table that the reader does not see. `strict`: raises Refused where its policy can't be applied."""
        return View(kept, Seen(kept.ref, kept.version, kept.columns, kept.key))

    def prints(self, shapes: Iterable[Kept]) -> dict[str, str]:
        """By the table's key, what changes when the reader begins to see its rows otherwise."""
        return {}

    def wanted(self, cursor: Cursor, tables: Iterable[TableRef], shapes: Mapping[int, Kept]) -> set[str]:
        """The keys of these tables. Raises UnknownName, and UsageError for tables whose changes are not kept."""
        known = {one.ref.key for one in shapes.values()}
        for ref in tables:
            if ref.key not in known:
                self._refuse(cursor, ref)
        return {one.key for one in tables}

    def _refuse(self, cursor: Cursor, ref: TableRef) -> None:
        if self.handler.shapes.of(cursor, ref) is None:
            raise _checked(unknown_name("table", str(ref), self.handler.shapes.names(cursor)))
        raise UsageError(f"Changes of {ref} are not kept.", checked=True,
                         hint=f"The owner of the workspace can begin it: pluto-duck changes track {ref.shell}")


class GovernedViews(OwnersViews):
    """Each shape has the lens of those of its columns that the table still has: the rules of a policy name columns as
    they are called now, and would let one pass that was dropped or renamed since."""

    def __init__(self, handler: SessionHandler, catalog: GovernedCatalog, actor: Actor, cursor: Cursor) -> None:
        super().__init__(handler)
        self._catalog, self._actor, self._cursor = catalog, actor, cursor
        self._now: dict[str, set[str]] = {}
        """By the table's key, the columns that it has now, or had last."""

    def of(self, kept: Kept, *, strict: bool = True) -> View | None:
        if not self._may(kept.ref):
            return None
        made = self._catalog.changes.get(kept.shape)
        if made is None or made[0] is not kept:
            made = self._catalog.changes[kept.shape] = kept, self._made(kept)
        found = made[1]
        if isinstance(found, Refused):
            if strict:
                raise found
            return None
        return found

    def _may(self, ref: TableRef) -> bool:
        names = self._catalog.names_for(self._actor)
        # Of a table that is gone there is no view any more, but what the policy says of it still holds.
        return ref in names or (self._catalog.allows("ask" if "ask" in self._actor.needs else "read", ref)
                                and self.handler.shapes.of(self._cursor, ref) is None)

    def _made(self, kept: Kept) -> View | Refused | None:
        cursor = self._catalog.cursor_of(self._actor)  # on 2.0 what fails here would end the open transaction
        try:
            now = self._now[kept.ref.key]
            lens = self._catalog.lens(kept.ref, [one for one in kept.columns if fold(one[0]) in now])
            if lens is None:
                return None
            empty = ", ".join(f"CAST(NULL AS {kind}) AS {quote(name)}" for name, kind in kept.columns)
            shown = cursor.fetchall(
                f"DESCRIBE {lens.sql(f'(SELECT {empty}) AS {quote(kept.ref.name)}')}")
        except PlutoError:
            if not kept.newest:
                return View(kept, Seen(kept.ref, kept.version, (), ()), "NULL", "false", is_untold=True)
            return Refused(
                f"What your roles may see of changes of {kept.ref} can't be told.", checked=True,
                hint="The owner of the workspace finds out why: pluto-duck policy check. A condition there may name "
                     "a column that was not there yet, or say schema.table.column where table.column would do.")
        finally:
            cursor.close()
        columns = tuple((str(row[0]), str(row[1])) for row in shown)
        plain = {fold(one) for one in lens.plain}
        key = kept.key if {fold(one) for one in kept.key} <= plain else ()
        return View(kept, Seen(kept.ref, kept.version, columns, key, tells_who=False), lens.select, lens.where)

    def prints(self, shapes: Iterable[Kept]) -> dict[str, str]:
        found = {}
        for kept in shapes:
            if not kept.newest or not self._may(kept.ref):
                continue
            lens = self._catalog.lens(kept.ref, kept.columns)
            if lens is not None:
                found[kept.ref.key] = hashlib.sha256(repr((
                    lens.select, lens.where, [self._version(one) for one in sorted(lens.reads)])).encode()
                ).hexdigest()[:16]
        return found

    def _version(self, source: str) -> int:
        """Of a table that a condition looks into, given in SQL with its database; of a view, of everything."""
        ref = TableRef.parse(source.partition(".")[2]) if source.startswith('"') else TableRef.parse(source)
        ledger = self.handler.ledger
        shape = self.handler.shapes.of(self._cursor, ref)
        if shape is None or not shape.stored:
            return max(ledger.versions.values(), default=0)
        return ledger.version(ref.key)

    def wanted(self, cursor: Cursor, tables: Iterable[TableRef], shapes: Mapping[int, Kept]) -> set[str]:
        tables = list(tables)
        newest = {one.ref.key: one for one in shapes.values() if one.newest}
        self._now = {key: {fold(name) for name, _kind in one.columns} for key, one in newest.items()}
        for ref in tables:
            if not self._may(ref):
                raise _checked(unseen_table(str(ref), self._catalog.names_for(self._actor)))
            kept = newest.get(ref.key)
            if kept is None:
                self._refuse(self._cursor, ref)
            else:
                view = self.of(kept)
                if view is not None and view.is_blind:
                    raise Refused(f"Changes of {ref} can't be told to your roles.", checked=True, hint=(
                        "They see some of its rows only, and the rows as they were before a change are not kept. "
                        f"The owner of the workspace can keep them: pluto-duck changes track {ref.shell} --before"))
        return {one.key for one in tables}


def _checked(error: PlutoError) -> PlutoError:
    """It names what the reader itself has named."""
    error.facts["checked"] = True
    return error


__all__ = ["GovernedViews", "OwnersViews", "View"]
