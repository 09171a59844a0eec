"""Schemas, kept as long as what they were made from stands: one for each set of roles, tables and policy."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    Visitor,
    validate,
    visit,
)

from pluto_duck.api.graphql.limits import Limits, check_literals, parsed
from pluto_duck.api.graphql.model import Entity, Rights, entities
from pluto_duck.api.graphql.schema import build
from pluto_duck.errors import PlutoError, UsageError, unknown_name

if TYPE_CHECKING:
    from pluto_duck.session import Session, TableInfo

V = TypeVar("V")
ALL = ("data:read", "data:write", "query:run", "query:ask")
"""Scopes that a schema hangs on."""
SCHEMAS = 32
DOCUMENTS = 256
"""Of one schema."""
CACHED_TEXT = 20_000
"""A longer document is read anew each time."""


class Recent(Generic[V]):
    """The last so many; threads may share it."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[Hashable, V] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> V | None:
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
            return found

    def put(self, key: Hashable, value: V) -> V:
        with self._lock:
            self._kept[key] = value
            self._kept.move_to_end(key)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return value

    def __len__(self) -> int:
        return len(self._kept)


class Invalid(PlutoError):
    """A document that does not fit the schema; `errors` as the response has them."""

    code = "usage"
    http_status = 400

    def __init__(self, errors: Sequence[GraphQLError]) -> None:
        super().__init__(errors[0].message[:300])
        self.errors = [{"message": one.message[:300], **(
            {"locations": [{"line": at.line, "column": at.column} for at in one.locations]} if one.locations else {}),
            "extensions": {"code": "usage"}} for one in errors]


@dataclass(frozen=True)
class Document:
    """Read, weighed and found to fit its schema."""

    tree: DocumentNode
    operations: Mapping[str | None, OperationDefinitionNode]
    fragments: Mapping[str, FragmentDefinitionNode]
    introspects: bool

    def operation(self, name: str | None) -> OperationDefinitionNode:
        if name is None and len(self.operations) == 1:
            return next(iter(self.operations.values()))
        if name is None or not self.operations:
            raise UsageError("The document has several operations." if self.operations else
                             "The document has no operation.", hint="Name one as operationName.")
        if name not in self.operations:
            raise unknown_name("operation", name, [one for one in self.operations if one], where="the document")
        return self.operations[name]


@dataclass
class Served:
    """A schema, and what was made with it."""

    schema: GraphQLSchema
    entities: list[Entity]
    documents: Recent[Document] = field(default_factory=lambda: Recent(DOCUMENTS))
    looks: Recent[dict[str, Any]] = field(default_factory=lambda: Recent(16))
    """Answers to introspection."""

    def document(self, text: str, limits: Limits, *, suggest: bool) -> Document:
        """Raises UsageError for what is no GraphQL, TooMuch, Invalid. `suggest`: names of the schema may be told."""
        known = self.documents.get((text, limits))
        if known is not None:
            return known
        tree = parsed(text, limits)
        looked = _Look()
        visit(tree, looked)
        try:
            errors = validate(self.schema, tree, max_errors=20, hide_suggestions=not suggest)
        except RecursionError:
            raise UsageError("The document is nested too deep.") from None
        if errors:
            raise Invalid(errors)
        operations = {one.name.value if one.name else None: one for one in tree.definitions
                      if isinstance(one, OperationDefinitionNode)}
        fragments = {one.name.value: one for one in tree.definitions if isinstance(one, FragmentDefinitionNode)}
        made = Document(tree, operations, fragments, looked.introspects)
        return self.documents.put((text, limits), made) if len(text) <= CACHED_TEXT else made


class _Look(Visitor):
    introspects = False

    def enter_field(self, node: FieldNode, *_args: Any) -> None:
        self.introspects = self.introspects or node.name.value in ("__schema", "__type")
        check_literals(one.value for one in node.arguments or ())


class Schemas:
    """Those of one workspace."""

    def __init__(self) -> None:
        self._kept: Recent[Served] = Recent(SCHEMAS)
        self._making = threading.Lock()
        self.made = 0
        """How often one was made."""

    def of(self, session: Session, scopes: frozenset[str] | None) -> Served:
        """`scopes`: None for the owner, who has all."""
        from pluto_duck.session.targets import EVERYTHING, POLICY, SCHEMA

        roles = session.actor.roles if session.actor is not None else None

        def key() -> Hashable:
            versions = session.versions()
            return (roles, scopes, *(versions.get(one, 0) for one in (SCHEMA, POLICY)),
                    versions.get(EVERYTHING, 0))

        found = self._kept.get(at := key())
        if found is not None:
            return found
        with self._making:
            found = self._kept.get(at)
            if found is None:
                may = frozenset(ALL if scopes is None else scopes)
                tables = session.tables() if "data:read" in may else []
                # Whose rows one may not read, one writes over REST.
                made = entities(tables, rights_of(session, tables) if "data:write" in may else {})
                found = Served(build(made, sql="query:run" in may, ask="query:ask" in may,
                                     follow="data:read" in may), made)
                self.made += 1
                if key() == at:  # else something changed while it was made: it serves this request alone
                    self._kept.put(at, found)
            return found


def rights_of(session: Session, tables: Sequence[TableInfo]) -> dict[str, Rights]:
    """By `TableRef.key`."""
    from pluto_duck.session.rows.rights import rights

    return {name: Rights(frozenset(one.insert), frozenset(one.update), one.delete)
            for name, one in rights(session, tables).items()}


def canonical(variables: Mapping[str, Any]) -> str:
    return json.dumps(variables, sort_keys=True, default=str)
