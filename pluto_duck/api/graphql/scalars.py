"""Scalars beyond GraphQL's own five. Values go out as `display.jsonable` makes them, so here only what comes in."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from graphql import (
    FloatValueNode,
    GraphQLBoolean,
    GraphQLError,
    GraphQLFloat,
    GraphQLInt,
    GraphQLScalarType,
    GraphQLString,
    IntValueNode,
    StringValueNode,
    ValueNode,
    value_from_ast_untyped,
)

_WHOLE = re.compile(r"[+-]?[0-9]{1,40}")
_DECIMAL = re.compile(r"[+-]?([0-9]{1,60}(\.[0-9]{0,60})?|\.[0-9]{1,60})([eE][+-]?[0-9]{1,3})?")


def _big_int(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        if abs(value) < 10**40:
            return value
    elif isinstance(value, str) and _WHOLE.fullmatch(value):
        return int(value)
    raise GraphQLError("BigInt is a whole number, or one in quotes.")


def _decimal(value: Any) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = repr(value)
    if isinstance(value, str) and _DECIMAL.fullmatch(value):
        return value
    raise GraphQLError("Decimal is a number, best in quotes: no digit is lost there.")


def _text(name: str, example: str) -> Callable[[Any], str]:
    def parse(value: Any) -> str:
        if isinstance(value, str) and 0 < len(value) <= (100 if name != "Blob" else 1_000_000):
            return value
        raise GraphQLError(f'{name} is text: "{example}".')

    return parse


def _literal(parse: Callable[[Any], Any]) -> Callable[..., Any]:
    """The same from a document; numbers as they are written there."""

    def parse_literal(node: ValueNode, _variables: Any = None) -> Any:
        if isinstance(node, IntValueNode):
            if len(node.value) > 50:
                raise GraphQLError("The number is too long.")
            return parse(int(node.value))
        if isinstance(node, FloatValueNode | StringValueNode):
            return parse(node.value)
        raise GraphQLError("A number or text is wanted here.")

    return parse_literal


def _made(name: str, note: str, parse: Callable[[Any], Any]) -> GraphQLScalarType:
    return GraphQLScalarType(name, description=note, serialize=lambda value: value, parse_value=parse,
                             parse_literal=_literal(parse))


def _json(value: Any) -> Any:
    try:
        json.dumps(value, allow_nan=False).encode()
    except (ValueError, TypeError) as error:
        raise GraphQLError("This is no JSON.") from error
    return value


def _json_literal(node: ValueNode, variables: Any = None) -> Any:
    value = value_from_ast_untyped(node, variables)
    return value if variables is None else _json(value)  # without them it is only looked at


SCALARS: dict[str, GraphQLScalarType] = {
    "Boolean": GraphQLBoolean, "Int": GraphQLInt, "Float": GraphQLFloat, "String": GraphQLString,
    "BigInt": _made("BigInt", "A whole number; beyond 2^53 - 1 sent as text, so that no digit is lost.", _big_int),
    "Decimal": _made("Decimal", "A decimal number as text with all its digits.", _decimal),
    "Date": _made("Date", "A date: 2026-03-01.", _text("Date", "2026-03-01")),
    "Timestamp": _made("Timestamp", "Date and time without time zone: 2026-03-01T12:30:00.",
                       _text("Timestamp", "2026-03-01T12:30:00")),
    "TimestampTZ": _made("TimestampTZ", "A moment, in UTC: 2026-03-01T12:30:00Z.",
                         _text("TimestampTZ", "2026-03-01T12:30:00Z")),
    "Interval": _made("Interval", "An ISO 8601 duration: P1M2DT3.5S.", _text("Interval", "P1DT2H")),
    "UUID": _made("UUID", "5f0c954e-...", _text("UUID", "5f0c954e-8d43-4b50-a0a2-1c55d1c1a4e8")),
    "Blob": _made("Blob", "Bytes as base64.", _text("Blob", "aGVsbG8=")),
    "JSON": GraphQLScalarType("JSON", description="Any JSON value.", serialize=lambda value: value, parse_value=_json,
                              parse_literal=_json_literal),
}
