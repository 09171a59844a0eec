"""A request answered: its document found or read, its operation planned, the plan read or written."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLNonNull,
    GraphQLObjectType,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    execute_sync,
    get_named_type,
    get_variable_values,
)

from pluto_duck.api.graphql import by_keys, changing
from pluto_duck.api.graphql.limits import Limits, check_values
from pluto_duck.api.graphql.plan import TYPENAME, Column, Linked, Planner, Rows, Totals, refused
from pluto_duck.api.graphql.read import Reading
from pluto_duck.api.graphql.schema import Root, root_of
from pluto_duck.api.graphql.serving import Document, Invalid, Served, canonical
from pluto_duck.errors import PlutoError, Refused, SessionReset, UsageError

if TYPE_CHECKING:
    from graphql import FieldNode

    from pluto_duck.session import Session

Work = list[tuple[str, Any, bool]]
"""(response name, plan, nullable)"""
RUNS = ("sql", "ask", "run", "cancel", "changes")


@dataclass(frozen=True)
class Asked:
    """A request as it came."""

    text: str
    variables: Mapping[str, Any] = field(default_factory=dict)
    operation: str | None = None


@dataclass(frozen=True)
class May:
    """What this request may do."""

    introspect: bool = True
    change: bool = True
    """False for a GET."""
    subscribe: bool = False
    admitted: bool = True
    """False: an operation that changes something or starts runs is not begun, but told to need admission."""


@dataclass
class RunField:
    """A root field about a run: done by the door, after all that is about tables."""

    key: str
    root: Root
    args: dict[str, Any]
    type_: GraphQLObjectType
    nodes: list[FieldNode]
    nullable: bool


@dataclass
class Answer:
    """In the making. `data` None: an error took it; `began` False: nothing was run."""

    data: dict[str, Any] | None = None
    rows: int = 0
    """That were read."""
    errors: list[dict[str, Any]] = field(default_factory=list)
    extensions: dict[str, Any] = field(default_factory=dict)
    began: bool = False
    runs: list[RunField] = field(default_factory=list)
    subscribes: bool = False
    needs: tuple[str, ...] = ()
    """What it must be admitted for, as `Protection.admit` calls it, before it is begun again."""
    planner: Planner | None = None
    cost: int = 0

    def body(self) -> dict[str, Any]:
        found: dict[str, Any] = {"data": self.data} if self.began else {}
        if self.errors:
            found["errors"] = self.errors
        if self.extensions:
            found["extensions"] = self.extensions
        return found

    def fails(self, error: PlutoError, key: str, nullable: bool) -> bool:
        """Notes it; True where the whole of the data falls with it."""
        self.errors.append(as_error(error, [key]))
        if self.data is None:
            return True
        self.data[key] = None
        if not nullable:
            self.data = None
        return not nullable


def as_error(error: PlutoError, path: list[str | int] | None = None) -> dict[str, Any]:
    more = {"hint": error.hint} if error.hint else {}
    facts = {name: value for name, value in error.facts.items() if name not in ("checked", "engine")}
    return {"message": error.message, **({"path": path} if path else {}),
            "extensions": {"code": error.code, **more, **({"facts": facts} if facts else {})}}


@dataclass
class Prepared:
    """An operation with its plan, before anything is read."""

    served: Served
    asked: Asked
    answer: Answer
    document: Document | None = None
    operation: OperationDefinitionNode | None = None
    work: Work = field(default_factory=list)

    @property
    def ready(self) -> bool:
        return self.operation is not None and not self.answer.needs

    @property
    def quick(self) -> bool:
        """Whether all that it reads are rows by their keys, and nothing that hangs on them."""
        plans = [plan for _key, plan, _nullable in self.work]
        return self.ready and bool(plans) and all(isinstance(one, str) or by_keys.fits(one) for one in plans)


def prepare(served: Served, asked: Asked, may: May, limits: Limits) -> Prepared:
    """Nothing is raised: what is wrong stands in the answer."""
    answer = Answer()
    found = Prepared(served, asked, answer)
    try:
        document = served.document(asked.text, limits, suggest=may.introspect)
        operation = document.operation(asked.operation)
        planner, fields, parent = _planned(served, document, operation, asked, may, limits)
        answer.planner, answer.subscribes = planner, operation.operation is OperationType.SUBSCRIPTION
        found.work = _work(planner, fields, parent, answer)
    except Invalid as error:
        answer.errors += error.errors
        return found
    except PlutoError as error:
        answer.errors.append(as_error(error))
        return found
    except GraphQLError as error:
        answer.errors.append(as_error(refused(error)))
        return found
    answer.cost, found.document, found.operation = planner.spent, document, operation
    if operation.operation is OperationType.MUTATION and not may.admitted:
        answer.needs = tuple(kind for kind, there in (
            ("writes", any(isinstance(plan, changing.Changing) for _key, plan, _nullable in found.work)),
            ("runs", bool(answer.runs))) if there)
    return found


def finish(prepared: Prepared, session: Session, timeout_s: float | None = None) -> Answer:
    """Everything but the runs."""
    answer = prepared.answer
    if prepared.ready and prepared.document is not None and prepared.operation is not None:
        answer.began, answer.data = True, {}
        reading = Reading(session, timeout_s)
        with session.moment() if several(prepared.work) else nullcontext():
            _do(reading, prepared.served, prepared.document, prepared.operation, prepared.asked, prepared.work, answer)
        answer.rows = reading.count
    return answer


def several(work: Work) -> bool:
    """Whether it takes more than one statement to read it."""
    plans = [plan for _key, plan, _nullable in work if isinstance(plan, Rows | Totals | changing.Changing)
             and not (isinstance(plan, Rows) and plan.found is not None)]
    return sum(map(_statements, plans)) > 1


def _statements(plan: Any) -> int:
    if isinstance(plan, changing.Changing):
        return _statements(plan.rows) - 1  # its own rows come with the change
    if isinstance(plan, Totals):
        return sum(_statements(one) if isinstance(one, Rows) else 1 for one in plan.out.values()
                   if not isinstance(one, str))
    below = [one for one in plan.out.values() if not isinstance(one, Column | str)]
    return 1 + sum(_statements(one.rows if isinstance(one, Linked) else one) for one in below)


def begin(session: Session, served: Served, asked: Asked, may: May, limits: Limits,
          timeout_s: float | None = None) -> Answer:
    return finish(prepare(served, asked, may, limits), session, timeout_s)


def _planned(served: Served, document: Document, operation: OperationDefinitionNode, asked: Asked, may: May,
             limits: Limits) -> tuple[Planner, dict[str, list[FieldNode]], GraphQLObjectType]:
    kind = operation.operation
    if kind is OperationType.SUBSCRIPTION and not may.subscribe:
        raise UsageError("Subscriptions go over a websocket at the same address.",
                         hint="Connect with the protocol graphql-transport-ws.")
    if kind is OperationType.MUTATION and not may.change:
        raise UsageError("A GET changes nothing.", hint="Send mutations by POST.", method="GET")
    if document.introspects and not may.introspect:
        raise Refused("The key may not look at the schema.",
                      hint="The owner can make one that may: pluto-duck keys create NAME --scope schema:read")
    check_values(asked.variables)
    values = get_variable_values(served.schema, operation.variable_definitions or (), dict(asked.variables),
                                 max_errors=5, hide_suggestions=not may.introspect)
    if isinstance(values, list):
        raise Invalid(values)
    planner = Planner(document.fragments, values, limits)
    parent = served.schema.get_root_type(kind)
    assert parent is not None
    return planner, planner.fields(operation.selection_set), parent


def _work(planner: Planner, fields: Mapping[str, list[FieldNode]], parent: GraphQLObjectType, answer: Answer) -> Work:
    work: Work = []
    for key, nodes in fields.items():
        name = nodes[0].name.value
        if name == TYPENAME:
            work.append((key, parent.name, False))
            continue
        if name.startswith("__"):
            work.append((key, nodes, False))
            continue
        field_ = parent.fields[name]
        root, inner = root_of(field_), get_named_type(field_.type)
        args, nullable = planner.arguments(field_, nodes[0]), not isinstance(field_.type, GraphQLNonNull)
        assert isinstance(inner, GraphQLObjectType)
        if root.op in RUNS:
            answer.runs.append(RunField(key, root, args, inner, nodes, nullable))
            work.append((key, None, nullable))
            continue
        assert root.entity is not None
        plan: Any
        if root.op == "list":
            plan = planner.rows(inner, root.entity, nodes, args)
        elif root.op == "by_pk":
            plan = planner.rows(inner, root.entity, nodes, {}, one=True)
            plan.where = changing.by_key(root.entity, args)
            plan.single, plan.key = True, by_keys.key_of(root.entity, args)
        elif root.op == "aggregate":
            plan = planner.totals(inner, root.entity, nodes, args)
        else:
            plan = changing.planned(planner, inner, root, nodes, args)
        work.append((key, plan, nullable))
    return work


def _do(reading: Reading, served: Served, document: Document, operation: OperationDefinitionNode, asked: Asked,
        work: Work, answer: Answer) -> None:
    changes = [(key, plan, nullable) for key, plan, nullable in work if isinstance(plan, changing.Changing)]
    written: dict[str, Any] = {}
    if changes:
        try:
            written = changing.write(reading.session, [(key, plan) for key, plan, _nullable in changes])
        except PlutoError as error:
            # All of them or none: none has a result.
            answer.errors.append(as_error(error, [changes[0][0]] if len(changes) == 1 else None))
            answer.data, answer.runs = None, []
            return
    looks = [nodes for _key, nodes, _nullable in work if isinstance(nodes, list)]
    look = _introspected(served, document, operation, looks, asked) if looks else {}
    for key, plan, nullable in work:
        if answer.data is None:
            return
        try:
            answer.data[key] = _one(reading, key, plan, written, look)
        except PlutoError as error:
            if isinstance(error, SessionReset) and not changes:
                raise  # whoever asked for all of it asks again
            if answer.fails(error, key, nullable):
                answer.runs = []
                return
    answer.errors += reading.notes.errors
    if reading.notes.truncated:
        answer.extensions["truncated"] = reading.notes.truncated


def _one(reading: Reading, key: str, plan: Any, written: Mapping[str, Any], look: Mapping[str, Any]) -> Any:
    if isinstance(plan, Rows) and plan.found is not None:
        return by_keys.shown(reading, plan, plan.found, (key,))
    if isinstance(plan, Rows):
        rows = reading.rows(plan, (key,))
        return rows if not plan.single else rows[0] if rows else None
    if isinstance(plan, Totals):
        return reading.totals(plan, (key,))
    if isinstance(plan, changing.Changing):
        return changing.shown(reading, plan, written[key], (key,))
    return look[key] if isinstance(plan, list) else plan


def _introspected(served: Served, document: Document, operation: OperationDefinitionNode,
                  looks: list[list[FieldNode]], asked: Asked) -> dict[str, Any]:
    """By graphql-core itself, of these fields alone."""
    name = operation.name.value if operation.name else None
    at = (asked.text, name, canonical(asked.variables))
    known = served.looks.get(at)
    if known is None:
        alone = OperationDefinitionNode(
            operation=OperationType.QUERY, name=operation.name, variable_definitions=operation.variable_definitions,
            directives=(), selection_set=SelectionSetNode(selections=tuple(one for nodes in looks for one in nodes)))
        tree = DocumentNode(definitions=(alone, *document.fragments.values()))
        found = execute_sync(served.schema, tree, variable_values=dict(asked.variables))
        if found.errors:
            raise UsageError(found.errors[0].message[:300])
        known = served.looks.put(at, dict(found.data or {}))
    return known
