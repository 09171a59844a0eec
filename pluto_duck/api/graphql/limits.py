"""What a document may weigh: looked at as text and as a tree, before it is held against a schema or any SQL is made.

A fragment is measured once, however often it is spread, so a bomb of fragments costs no more to refuse than to read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    ListValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    ValueNode,
    parse,
)

from pluto_duck.errors import UsageError

if TYPE_CHECKING:
    from pluto_duck.settings import Settings

MOST_FIELDS = 1_000
"""With every fragment written out."""
MOST_ALIKE = 16
"""Of one name in one place: comparing them with each other is the slowest part of checking a document."""
MOST_DEFINITIONS = 50
MOST_DIRECTIVES = 4
"""At one place."""
INTROSPECTION_DEPTH = 16
"""What tools ask needs 13."""
VALUE_DEPTH = 24
MOST_VALUES = 20_000
"""In variables, or written in a document."""


class TooMuch(UsageError):
    """A document that asks for more than one may; nothing has been run."""

    code: ClassVar[str] = "too_much"


@dataclass(frozen=True)
class Limits:
    tokens: int = 4_000
    depth: int = 8
    cost: int = 200_000
    """Rows that the lists of a document could hold, each multiplied by those around it."""
    rows: int = 10_000
    """Of one list."""
    default_rows: int = 100
    default_nested_rows: int = 20

    @classmethod
    def of(cls, settings: Settings) -> Limits:
        tokens, depth, cost, rows = (int(settings[f"graphql.max_{one}"]) for one in ("tokens", "depth", "cost", "rows"))
        return cls(tokens, depth, cost, rows, int(settings["graphql.default_rows"]),
                   int(settings["graphql.default_nested_rows"]))


@dataclass(frozen=True)
class _Weight:
    fields: int = 0
    depth: int = 0
    introspection: int = 0


@dataclass
class _Scales:
    fragments: dict[str, FragmentDefinitionNode]
    known: dict[str, _Weight] = field(default_factory=dict)
    open: set[str] = field(default_factory=set)

    def of(self, set_: SelectionSetNode | None) -> _Weight:
        fields = depth = introspection = 0
        if set_ is None:
            return _Weight()
        alike: Counter[str] = Counter()
        for node in set_.selections:
            _few_directives(node)
            if isinstance(node, FieldNode):
                alike[(node.alias or node.name).value] += 1
                inside = self.of(node.selection_set)
                fields += 1 + inside.fields
                if node.name.value.startswith("__"):
                    introspection = max(introspection, 1 + max(inside.depth, inside.introspection))
                else:
                    depth = max(depth, 1 + inside.depth)
            else:
                if isinstance(node, FragmentSpreadNode):
                    alike[f"...{node.name.value}"] += 1
                    inside = self.fragment(node.name.value)
                else:
                    assert isinstance(node, InlineFragmentNode)
                    inside = self.of(node.selection_set)
                fields += 1 + inside.fields
                depth, introspection = max(depth, inside.depth), max(introspection, inside.introspection)
        if alike and max(alike.values()) > MOST_ALIKE:
            raise TooMuch(f"One place of the document has {max(alike.values())} fields of one name.",
                          hint="Name a field once, or give each an alias.")
        if fields > MOST_FIELDS:
            raise TooMuch(f"The document has more than {MOST_FIELDS} fields, its fragments written out.",
                          hint="Ask in several requests.")
        return _Weight(fields, depth, introspection)

    def fragment(self, name: str) -> _Weight:
        if name in self.open:
            raise TooMuch(f"The fragment {name} holds itself.", hint="Take it out of itself.")
        if name not in self.fragments:
            return _Weight()  # checking says so
        if name not in self.known:
            self.open.add(name)
            self.known[name] = self.of(self.fragments[name].selection_set)
            self.open.discard(name)
        return self.known[name]


def _few_directives(node: Any) -> None:
    if len(node.directives or ()) > MOST_DIRECTIVES:
        raise TooMuch(f"One place of the document has more than {MOST_DIRECTIVES} directives.", hint="Leave some out.")


def parsed(text: str, limits: Limits) -> DocumentNode:
    """The document, if it is not too much. Raises TooMuch, or UsageError for what is no GraphQL."""
    if len(text) > 64 * limits.tokens:
        raise TooMuch(f"The document has {len(text)} characters.",
                      hint="Give values as variables; the setting graphql.max_tokens is the limit.")
    try:
        document = parse(text, max_tokens=limits.tokens, allow_empty_selection_sets=False)
        _weigh(document, limits)
    except RecursionError:
        raise TooMuch("The document is nested too deep.") from None
    except GraphQLError as error:
        if "nested too deep" in error.message:
            raise TooMuch("The document is nested too deep.") from None
        if "token" in error.message and str(limits.tokens) in error.message:
            raise TooMuch(f"The document has more than {limits.tokens} tokens.",
                          hint="Ask in several requests; the setting graphql.max_tokens is the limit.") from None
        facts: dict[str, Any] = {}
        if error.locations:
            facts = {"line": error.locations[0].line, "column": error.locations[0].column}
        raise UsageError(error.message[:300], **facts) from None
    return document


def _weigh(document: DocumentNode, limits: Limits) -> None:
    if len(document.definitions) > MOST_DEFINITIONS:
        raise TooMuch(f"The document has more than {MOST_DEFINITIONS} operations and fragments.")
    fragments = {one.name.value: one for one in document.definitions if isinstance(one, FragmentDefinitionNode)}
    scales = _Scales(fragments)
    for name in fragments:
        scales.fragment(name)
    for one in document.definitions:
        _few_directives(one)
        if not isinstance(one, OperationDefinitionNode):
            continue
        weight = scales.of(one.selection_set)
        if weight.depth > limits.depth:
            raise TooMuch(f"The document is {weight.depth} fields deep; {limits.depth} is the most.",
                          hint="The setting graphql.max_depth is the limit.")
        if weight.introspection > INTROSPECTION_DEPTH:
            raise TooMuch(f"The look at the schema is {weight.introspection} fields deep; "
                          f"{INTROSPECTION_DEPTH} is the most.")


def check_literals(nodes: Iterable[ValueNode], depth: int = 0) -> None:
    """Values written in a document: not nested without end."""
    for node in nodes:
        if depth > VALUE_DEPTH:
            raise TooMuch(f"A value is nested more than {VALUE_DEPTH} deep.")
        if isinstance(node, ListValueNode):
            check_literals(node.values, depth + 1)
        elif isinstance(node, ObjectValueNode):
            check_literals((one.value for one in node.fields), depth + 1)


def check_values(variables: Any) -> None:
    """What comes as variables: neither too many values nor too deep."""
    left, waiting = MOST_VALUES, [(variables, 0)]
    while waiting:
        value, depth = waiting.pop()
        inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        left -= len(inside)
        if left < 0:
            raise TooMuch(f"The variables hold more than {MOST_VALUES} values.", hint="Send them in several requests.")
        if depth > VALUE_DEPTH:
            raise TooMuch(f"A variable is nested more than {VALUE_DEPTH} deep.")
        waiting.extend((one, depth + 1) for one in inside)
