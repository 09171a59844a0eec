"""Arrays and composites: the server writes them as JSON whose leaves are text, DuckDB reads each leaf by its type."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from pluto_duck.ingest.connectors.postgres_carrier import Carrier, V, Way, base, literal, put, words
from pluto_duck.ingest.connectors.postgres_probe import Answers, Question, dimensions, numeric, questions
from pluto_duck.ingest.connectors.postgres_types import Kind
from pluto_duck.workspace import quote
from pluto_duck.workspace.tableref import fold

MOST_FIELDS = 50
"""json_build_object takes 100 arguments, two for each field."""


@dataclass(frozen=True)
class _Nest:
    select: str
    """PostgreSQL SQL of something that JSON can hold."""
    shape: Any
    """As DuckDB's from_json wants it: "VARCHAR", ["VARCHAR"], {"f0": "VARCHAR"}."""
    duckdb: str
    expression: str
    """DuckDB SQL over one value of that shape."""
    note: str = ""


@dataclass(frozen=True)
class Compiler:
    """Makes the carriers of one table."""

    answers: Answers
    money_digits: int = 2

    def carrier(self, kind: Kind, access: str | None, label: str) -> Carrier:
        """`access`: SQL of the value in its row, where questions about it were asked; None inside an array."""
        if kind.sort == "array":
            return self._array(kind, access, label)
        if kind.sort == "composite":
            nest = self._composite(kind, access, label, 0)
            return words(nest) if isinstance(nest, str) else _carrier(nest)
        if any(True for _one in questions(kind, "")):
            answer = None if access is None else self.answers.get(Question("digits", access).key)
            return numeric(kind, answer, label)
        return base(kind, label, money_digits=self.money_digits)

    def _array(self, kind: Kind, access: str | None, label: str) -> Carrier:
        nest = self._list(kind, access, label, 0)
        return words(nest) if isinstance(nest, str) else _carrier(nest)

    def _list(self, kind: Kind, access: str | None, label: str, depth: int) -> _Nest | str:
        assert kind.element is not None
        if access is None:
            return "kept as text, because arrays inside arrays may have any shape"
        deep = dimensions(self.answers.get(Question("shape", access).key))
        if isinstance(deep, str):
            return deep
        if kind.element.sort == "composite":
            if deep > 1:
                return "kept as text: rows in more than one dimension"
            row = self._composite(kind.element, None, label, depth + 1)
            if isinstance(row, str):
                return row
            rows = f"SELECT coalesce(json_agg({put(row.select, 'e')}), '[]'::json) FROM (SELECT unnest({V}) AS e) AS s"
            return _Nest(f"CASE WHEN {V} IS NOT NULL THEN ({rows}) END", [row.shape], row.duckdb + "[]",
                         _each(V, row.expression, 1, depth))
        element = self._element(kind.element, access, label)
        through = f"::{element.via}[]" if element.via else ""
        shape: Any = "VARCHAR"
        for _dimension in range(deep):
            shape = [shape]
        return _Nest(f"array_to_json({V}{through}::text[])", shape, element.duckdb + "[]" * deep,
                     _each(V, element.text.expression, deep, depth), element.note)

    def _element(self, kind: Kind, access: str, label: str) -> Carrier:
        if any(question.about == "digits" for question in questions(kind, "")):
            return numeric(kind, self.answers.get(Question("digits", access, many=True).key), label)
        return base(kind, label, money_digits=self.money_digits)

    def _composite(self, kind: Kind, access: str | None, label: str, depth: int) -> _Nest | str:
        if not 0 < len(kind.fields) <= MOST_FIELDS:
            return f"kept as text: a row of {len(kind.fields)} fields"
        if len({fold(name) for name, _field in kind.fields}) < len(kind.fields):
            return "kept as text, because its fields differ only in upper and lower case"
        selects, shape, types, values = [], {}, [], []
        row = f"r{depth}"
        for place, (name, field) in enumerate(kind.fields):
            its_access = None if access is None else f"({access}).{quote(name)}"
            nest = self._field(field, its_access, f"{label}.{name}", depth + 1)
            selects.append(f"'f{place}', {put(nest.select, f'({V}).{quote(name)}')}")
            shape[f"f{place}"] = nest.shape
            types.append(f"{quote(name)} {nest.duckdb}")
            values.append(f"{quote(name)} := CAST({put(nest.expression, f'{row}.f{place}')} AS {nest.duckdb})")
        # IS DISTINCT FROM, because (NULL, NULL) IS NULL.
        select = f"CASE WHEN {V} IS DISTINCT FROM NULL THEN json_build_object({', '.join(selects)}) END"
        built = f"CASE WHEN {row} IS NOT NULL THEN struct_pack({', '.join(values)}) END"
        return _Nest(select, shape, f"STRUCT({', '.join(types)})",
                     f"list_transform([{V}], lambda {row}: {built})[1]")

    def _field(self, kind: Kind, access: str | None, label: str, depth: int) -> _Nest:
        nest: _Nest | str = "plain"
        if kind.sort == "array":
            nest = self._list(kind, access, label, depth)
        elif kind.sort == "composite":
            nest = self._composite(kind, access, label, depth)
        if isinstance(nest, _Nest):
            return nest
        leaf = words() if kind.sort in ("array", "composite") else self.carrier(kind, access, label)
        return _Nest(leaf.text.select, "VARCHAR", leaf.duckdb, leaf.text.expression)


def _each(value: str, expression: str, deep: int, depth: int) -> str:
    """`expression` over every leaf of lists that nest `deep` times."""
    if deep == 0:
        return put(expression, value)
    if expression == V:
        return value
    name = f"e{depth}_{deep}"
    return f"list_transform({value}, lambda {name}: {_each(name, expression, deep - 1, depth)})"


def _carrier(nest: _Nest) -> Carrier:
    shape = json.dumps(nest.shape)
    read = f"from_json({V}, {literal(shape)})"
    return Carrier(nest.duckdb, Way(f"({nest.select})::text", put(nest.expression, read)), note=nest.note, shape=shape)
