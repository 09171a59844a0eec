"""The catalog of a set of roles: what policy.yaml grants them, filtered and masked, and nothing else."""

from __future__ import annotations

import hashlib
import logging
import threading
import uuid
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pluto_duck.errors import PlutoError, Refused
from pluto_duck.governance.actor import BUILT_IN, Actor
from pluto_duck.governance.names import Names
from pluto_duck.governance.policy import NO_POLICY, InForce
from pluto_duck.governance.roles import RoleCatalog
from pluto_duck.governance.seal import seal
from pluto_duck.workspace.database import Cursor, Database, Instance
from pluto_duck.workspace.literals import encode, to_sql
from pluto_duck.workspace.tableref import TableRef, quote

if TYPE_CHECKING:
    from pluto_duck.governance.policy.lens import Lens, Lenses
    from pluto_duck.governance.policy.model import Action

MOST = 64
"""Sets of roles whose catalogs are kept; the one that was not used for longest goes first."""

_LOG = logging.getLogger("pluto_duck.policy")


@dataclass(frozen=True)
class Seen:
    """A table as a role sees it."""

    ref: TableRef
    columns: tuple[tuple[str, str], ...]
    """(name, type) after masking."""
    masked: frozenset[str]
    filtered: bool
    claims: frozenset[str]
    lens: Lens
    stored: bool
    """A table, not a view of the owner's."""
    source: str
    """The owner's table in SQL, with its database."""
    deciding: frozenset[str] = frozenset()
    """The base tables that its conditions and masks look into, in DuckDB's writing."""

    @property
    def barrier(self) -> bool:
        """The owner's own view hides rows, too: whoever is granted the view alone must not see below it."""
        return self.lens.barrier or not self.stored


@dataclass(frozen=True)
class Right:
    """What a write of some columns must keep to."""

    condition: str
    """In SQL over the table, of which a row is to satisfy it; "" for any."""


class GovernedCatalog(RoleCatalog):
    """One for each set of roles: claims come with each statement, as variables of its cursor."""

    def __init__(self, database: Instance, roles: tuple[str, ...], salt: str, *, scratch: bool = False) -> None:
        """`scratch`: beside the one that actors use, to see what a policy would come to."""
        print_ = uuid.uuid4().hex[:20] if scratch else hashlib.sha256("\n".join(roles).encode()).hexdigest()[:20]
        super().__init__(database, f"set_{print_}")
        self.roles = roles
        self._salt = salt
        self._in_force = NO_POLICY
        self.seen: dict[str, Seen] = {}
        """By TableRef.key."""
        self._making: dict[str, Seen] = {}
        self.problems: dict[TableRef, PlutoError] = {}
        """Tables that are granted and yet not seen, because their view could not be made."""
        self._asked = Names()
        self._lenses: Lenses | None = None
        self.changes: dict[int, Any] = {}
        """What is seen of changes, by the number of the shape they were made in; whoever reads them keeps it here."""

    def follow(self, schema_version: int, in_force: InForce) -> None:
        """Rebuilds the views when a table's shape or the policy changed."""
        with self._lock:
            # A statement that came with an older policy must not bring it back under the others.
            if in_force.number > self._in_force.number:
                self._in_force, self._version = in_force, None
        self.refresh(schema_version)

    def names_for(self, actor: Actor) -> Names:
        return self._asked if "ask" in actor.needs else self.names

    def _prepare(self, file_catalog: str, tables: list[TableRef]) -> None:
        self._asked, self._making, self.seen, self.problems = Names(), {}, {}, {}
        self._lenses, self.changes = None, {}
        if self._in_force.policy is not None:
            from pluto_duck.governance.policy.expressions import Expressions
            from pluto_duck.governance.policy.lens import Lenses

            self._lenses = Lenses(Expressions(self._database.parser, Names(tables), file_catalog), self._salt)

    def _keeps(self, table: TableRef) -> bool:
        return False  # a condition may read other tables

    def _body(self, cursor: Cursor, source: str, table: TableRef, *, stored: bool) -> tuple[str, bool] | None:
        from pluto_duck.governance.policy.deciding import decide

        decision = decide(self._in_force, self.roles, "read", table)
        if not decision.allowed or self._lenses is None:
            return None
        columns = [(str(row[0]), str(row[1])) for row in cursor.fetchall(f"DESCRIBE SELECT * FROM {source}")]
        lens = self._lenses.of(decision, columns)
        if lens is None:
            return None
        body = lens.sql(source)
        # What it hides, and even its types, must hold before a claim is set.
        shown = tuple((str(row[0]), str(row[1])) for row in cursor.fetchall(f"DESCRIBE {body}"))
        seen = Seen(table, shown, lens.masked, bool(lens.where), lens.claims, lens, not stored, source,
                    frozenset().union(*(cursor.table_names(f"FROM {one}") for one in lens.reads)))
        self._making[table.key] = seen
        return body, seen.barrier

    def _rebuild(self, cursor: Cursor) -> None:
        super()._rebuild(cursor)
        from pluto_duck.governance.policy.deciding import decide

        self.seen = {one.key: self._making[one.key] for one in self.names if one.key in self._making}
        self._asked = Names(one for one in self.names
                            if decide(self._in_force, self.roles, "ask", one).allowed)

    def _unresolved(self) -> None:
        return None  # what a role may not see must be known by name

    def _failed(self, table: TableRef, error: PlutoError) -> None:
        self.problems[table] = error
        _LOG.warning("Roles %s do not see %s: %s", ", ".join(self.roles), table, error)

    def right(self, action: Action, table: TableRef, columns: Iterable[str]) -> Right:
        """To write these columns of a table: by those grants alone that show all of them unmasked. Raises Refused."""
        from pluto_duck.governance.policy.deciding import decide

        columns = list(columns)
        decision, lenses = decide(self._in_force, self.roles, action, table), self._lenses
        if not decision.allowed or lenses is None:
            raise Refused(f"Your roles do not let you {action} rows of {table}.", action=action, checked=True)
        rules = [rule for rule in decision.rules
                 if all(rule.shows(one) and rule.mask(one) is None for one in columns)]
        if not rules:
            closed = [one for one in columns if not any(rule.shows(one) and rule.mask(one) is None
                                                        for rule in decision.rules)]
            raise Refused(f"Your roles do not let you write {', '.join(closed or columns)} of {table}"
                          f"{'' if closed else ' together'}.", action=action, columns=closed, checked=True)
        conditions = [lenses.condition(rule) for rule in rules]
        return Right("" if "" in conditions else " OR ".join(dict.fromkeys(conditions)))

    def allows(self, action: Action, table: TableRef) -> bool:
        """What the policy says, whether or not there is such a table."""
        from pluto_duck.governance.policy.deciding import decide

        return decide(self._in_force, self.roles, action, table).allowed

    def lens(self, table: TableRef, columns: Sequence[tuple[str, str]]) -> Lens | None:
        """What is seen of rows with these columns (name, type), which the table may have had once. Raises what reading
        its conditions and masks raises."""
        from pluto_duck.governance.policy.deciding import decide

        decision, lenses = decide(self._in_force, self.roles, "read", table), self._lenses
        return lenses.of(decision, columns) if decision.allowed and lenses is not None else None

    def writable(self, action: Action, table: TableRef, columns: Iterable[str]) -> bool:
        """Whether `right` would give it."""
        try:
            self.right(action, table, columns)
        except Refused:
            return False
        return True

    def cursor_of(self, actor: Actor) -> Cursor:
        """As `cursor_for`, with all claims of the actor: for SQL of our own alone, which names none but the policy's.
        """
        cursor = self.cursor()
        try:
            self._claim(cursor, actor, (*actor.claims, *BUILT_IN))
        except BaseException:
            cursor.close()
            raise
        return cursor

    def cursor_for(self, actor: Actor, tables: Iterable[TableRef]) -> Cursor:
        """Stands in the catalog with the actor's claims that the views of `tables` ask for; the caller closes it.
        A claim that the actor does not have stays unset, and its rows unseen."""
        cursor = self.cursor()
        try:
            wanted = frozenset().union(*(self.seen[one.key].claims for one in tables if one.key in self.seen))
            self._claim(cursor, actor, sorted(wanted))
        except BaseException:
            cursor.close()
            raise
        return cursor

    def _claim(self, cursor: Cursor, actor: Actor, names: Iterable[str]) -> None:
        from pluto_duck.governance.policy.expressions import PREFIX

        for name in names:
            value = actor.claim(name)
            if value is not None:
                cursor.execute(f"SET VARIABLE {PREFIX}{name} = {_literal(value)}")

    def detach(self) -> None:
        cursor = self._database.cursor()
        try:
            cursor.execute(f"DETACH {quote(self.catalog)}")
        except PlutoError:
            pass  # a statement still reads there, or it was never attached
        finally:
            cursor.close()

    def _leads_elsewhere(self, names: list[str]) -> Refused:
        _LOG.warning("A statement of roles %s would have read %s.", ", ".join(self.roles), ", ".join(names))
        return Refused("The statement would read something that is not granted.",
                       hint="Name only what SHOW TABLES lists.")


def _literal(value: object) -> str:
    if isinstance(value, list):
        kind = "BIGINT" if value and isinstance(value[0], int) else "VARCHAR"
        return f"{to_sql(encode(value))}::{kind}[]"
    return to_sql(encode(value))


class GovernedCatalogs:
    """Those of one open database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: OrderedDict[tuple[str, ...], GovernedCatalog] = OrderedDict()
        self._lock = threading.Lock()

    def known(self, roles: Iterable[str]) -> list[Seen]:
        """The tables that a set of roles has seen last, for what may be told to it."""
        wanted = set(roles)
        with self._lock:
            return [seen for key, one in self._known.items() if set(key) <= wanted for seen in one.seen.values()]

    def of(self, roles: Iterable[str], in_force: InForce, schema_version: int) -> GovernedCatalog:
        """As it must be now."""
        known = in_force.policy.roles if in_force.policy is not None else {}
        key = tuple(sorted({one for one in roles if one in known}))
        with self._lock:
            found = self._known.pop(key, None) or GovernedCatalog(
                self._database, key, seal(self._database.workspace, "masks"))
            self._known[key] = found
            gone = self._known.popitem(last=False)[1] if len(self._known) > MOST else None
        if gone is not None:
            gone.detach()
        found.follow(schema_version, in_force)
        return found
