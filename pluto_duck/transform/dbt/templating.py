"""SQL as the text of a model: names of tables become ref() and source(), all else stays as written; and back.

The places of the names come from the tree of DuckDB's own parser, which knows every word that a query may hold.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pluto_duck.errors import UsageError
from pluto_duck.workspace import TableRef
from pluto_duck.workspace.parser import own_parser
from pluto_duck.workspace.tableref import fold

_OPENS = re.compile(r"\{[{%#]")


@dataclass(frozen=True)
class Place:
    """A table as some SQL names it; a CTE of that name is none."""

    path: tuple[str, ...]
    start: int
    """In bytes, as `end`."""
    end: int


class OnlyDbt(Exception):
    """A text that dbt alone can compile, and why."""


def places(sql: str) -> list[Place]:
    """In their order. Raises UsageError for what is not one SELECT without parameters."""
    parser = own_parser()
    statements = parser.statements(sql)
    if len(statements) == 1 and statements[0].parameters:
        named = ", ".join(f"${one}" for one in sorted(statements[0].parameters))
        raise UsageError(f"The SQL asks for {named}, which a model or a view can't.", hint="Write the values into it.")
    tree = parser.tree(sql) if len(statements) == 1 else {"error": True}
    if tree.get("error") or len(tree.get("statements") or ()) != 1:
        raise UsageError("It must be one SELECT.", hint=str(tree.get("error_message") or "One statement, that reads."))
    tokens = parser.tokens(sql)
    at = {token.start: number for number, token in enumerate(tokens)}
    found = set()
    for path, start in _tables(tree["statements"][0]["node"], frozenset()):
        number = at.get(start)
        written = tokens[number:number + 2 * len(path) - 1] if number is not None else []
        # Where the tokens say something else, the name stays as it is.
        if [fold(_bare(one.text)) for one in written[::2]] == [fold(one) for one in path] and all(
                one.text == "." for one in written[1::2]):
            found.add(Place(path, start, written[-1].start + len(written[-1].text.encode())))
    return sorted(found, key=lambda one: one.start)


def _tables(node: Any, ctes: frozenset[str]) -> Iterator[tuple[tuple[str, ...], int]]:
    """Every table that is read, as it is written, and where; `ctes`: those that can be seen from here."""
    if isinstance(node, list):
        for one in node:
            yield from _tables(one, ctes)
    if not isinstance(node, Mapping):
        return
    for entry in (node.get("cte_map") or {}).get("map") or ():
        yield from _tables(entry["value"], ctes)
        ctes |= {fold(str(entry["key"]))}
    own = ctes | {fold(str(node["cte_name"]))} if node.get("type") == "RECURSIVE_CTE_NODE" else ctes
    if node.get("type") == "BASE_TABLE" and isinstance(node.get("query_location"), int):
        path = tuple(str(node[part]) for part in ("catalog_name", "schema_name", "table_name") if node.get(part))
        if len(path) > 1 or fold(path[0]) not in ctes:
            yield path, node["query_location"]
    for part, value in node.items():
        if part != "cte_map":
            yield from _tables(value, own if part == "right" else ctes)


def _bare(text: str) -> str:
    return text[1:-1].replace('""', '"') if text[:1] == '"' and len(text) > 1 else text


def templated(sql: str, called: Callable[[tuple[str, ...]], str]) -> str:
    """`called`: what stands for a table, by its path; "" to leave it. What Jinja would take for its own is escaped."""
    data, made, behind = sql.encode(), [], 0
    for place in places(sql):
        name = called(place.path)
        if name:
            made += [escaped(data[behind:place.start].decode()), name]
            behind = place.end
    return "".join((*made, escaped(data[behind:].decode())))


def escaped(text: str) -> str:
    return _OPENS.sub(lambda found: f"{{{{ '{found[0]}' }}}}", text)


def harmless(text: str) -> str:
    """Of prose, which dbt renders in some places and not in others."""
    return _OPENS.sub(lambda found: f"{found[0][0]} {found[0][1]}", text)


def ref_call(model: str) -> str:
    return f"{{{{ ref('{model}') }}}}"


def source_call(name: str, table: str) -> str:
    return f"{{{{ source({quoted(name)}, {quoted(table)}) }}}}"


def quoted(text: str) -> str:
    # dbt reads source('a', 'b') by itself before Jinja does, and knows no escapes.
    return f'"{text}"' if "'" in text else f"'{text}'"


def compiled(text: str, models: Mapping[str, TableRef], sources: Mapping[tuple[str, str], TableRef],
             this: TableRef) -> str:
    """The SQL that dbt would make of it, without running anything of the project: its macros, hooks and variables are
    code, and nobody has approved anything yet. Raises OnlyDbt where that is not enough."""
    from jinja2 import StrictUndefined, TemplateError
    from jinja2.sandbox import SandboxedEnvironment

    def ref_of(*words: Any, **_: Any) -> str:
        found = models.get(str(words[-1]) if words else "")
        if found is None:
            raise OnlyDbt(f"the model {words[-1] if words else ''} has no table or view yet")
        return found.sql

    def source_of(*words: Any) -> str:
        found = sources.get((str(words[0]), str(words[1]))) if len(words) == 2 else None
        if found is None:
            raise OnlyDbt(f"the source {'.'.join(map(str, words))} has no table yet")
        return found.sql

    environment = SandboxedEnvironment(undefined=StrictUndefined)
    environment.globals = {"ref": ref_of, "source": source_of, "config": lambda *_, **__: "", "this": this.sql,
                           "is_incremental": lambda: False}
    try:
        return environment.from_string(text).render()
    except OnlyDbt:
        raise
    except (TemplateError, TypeError, ValueError, ArithmeticError, RecursionError, LookupError) as error:
        raise OnlyDbt(str(error) or type(error).__name__) from None
