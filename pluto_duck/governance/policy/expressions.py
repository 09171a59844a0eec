"""Conditions and masks of a policy: SQL of the owner's, which becomes part of a view.

`$region` is the actor's claim; tables in a subquery are the workspace's own, as the owner sees them.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pluto_duck.errors import PlutoError
from pluto_duck.governance.actor import CLAIM_NAME
from pluto_duck.governance.functions import allowed
from pluto_duck.governance.names import Names
from pluto_duck.governance.policy.reading import PolicyError
from pluto_duck.governance.tree import nodes
from pluto_duck.governance.walk import Walk
from pluto_duck.workspace.parser import Parser
from pluto_duck.workspace.tableref import DEFAULT_SCHEMA, TableRef, quote

PREFIX = "pluto_claim_"
"""Of the variables that hold the claims, on the actor's own cursor."""
_SELECT = "SELECT "
_EMPTY = {"cte_map": {"map": []}, "modifiers": [], "group_expressions": [], "group_sets": []}


@dataclass(frozen=True)
class Expression:
    sql: str
    """Ready for a view in a role's catalog: claims are variables, tables carry their database."""
    claims: frozenset[str]
    tables: frozenset[str] = frozenset()
    """That its subqueries read, as SQL with their database."""

    @property
    def guarded(self) -> str:
        """True only where every claim is known, whatever the condition makes of an unknown one."""
        known = "".join(f" AND {variable(one)} IS NOT NULL" for one in sorted(self.claims))
        return f"(({self.sql}\n){known})"


def variable(claim: str) -> str:
    return f"system.main.getvariable('{PREFIX}{claim}')"


class Expressions:
    """One for each rebuild of the roles' catalogs."""

    def __init__(self, parser: Parser, tables: Names, catalog: str) -> None:
        """`tables`: the owner's, in the database `catalog`, that a subquery may read."""
        self._parser = parser
        self._tables = tables
        self._catalog = catalog
        self._known: dict[str, Expression | PlutoError] = {}

    def read(self, text: str) -> Expression:
        """Raises PolicyError, Refused or UnknownName."""
        found = self._known.get(text)
        if found is None:
            try:
                found = self._read(text)
            except PlutoError as error:
                found = error
            self._known[text] = found
        if isinstance(found, PlutoError):
            raise type(found)(found.message, hint=found.hint, **found.facts)
        return found

    def _read(self, text: str) -> Expression:
        if not text.strip() or "\0" in text:
            raise PolicyError("A condition or mask must not be empty.")
        sql, claims = self._claims(text)
        tree = self._one_expression(sql)
        # The variables are ours: getvariable() itself is not on the list.
        functions = allowed(self._parser.version()) | {"getvariable"}
        Walk(self._tables, functions, system=True).read(tree)
        if len(claims) != sum(1 for _one in _calls(tree)):
            raise PolicyError("getvariable() has no place in a policy.", hint="Write $name for a claim.")
        made, tables = self._qualified(sql, tree)
        return Expression(made, frozenset(claims.values()), tables)

    def _claims(self, text: str) -> tuple[str, dict[int, str]]:
        """The text with variables for its `$name`s, which are by their places."""
        data, out, last = text.encode(), b"", 0
        tokens, claims = self._parser.tokens(text), dict[int, str]()
        for mark, name in itertools.pairwise(tokens):
            if mark.text != "$" or name.start != mark.start + 1:
                continue
            plain = name.text.strip('"')
            if not CLAIM_NAME.fullmatch(plain):
                raise PolicyError(f"${plain} is no name of a claim.", hint="Letters, digits and _, a letter first.")
            claims[mark.start] = plain
            out += data[last:mark.start] + variable(plain).encode()
            last = name.start + len(name.text.encode())
        return (out + data[last:]).decode(), claims

    def _one_expression(self, sql: str) -> Mapping[str, Any]:
        """The tree of SELECT `sql`; raises PolicyError where it is more, or less, than one expression."""
        # In brackets, it can't close them and go on; without, it can't hold a FROM of its own.
        for shape in (f"{_SELECT}(\n{sql}\n)", f"{_SELECT}\n{sql}\n"):
            tree = self._parser.tree(shape)
            statements: list[dict[str, Any]] = tree.get("statements") or []
            if tree.get("error") is not False or len(statements) != 1:
                raise PolicyError(f"{sql!r} is not one condition or expression.",
                                  hint="Write it as after WHERE: region = $region")
            node = statements[0]["node"]
            extra = [key for key, value in node.items() if value and value != _EMPTY.get(key, object())
                     and key not in ("type", "select_list", "from_table", "aggregate_handling")]
            if (node["type"] != "SELECT_NODE" or len(node["select_list"]) != 1 or extra
                    or node["from_table"]["type"] != "EMPTY" or node["select_list"][0].get("class") == "STAR"):
                raise PolicyError(f"{sql!r} is not one condition or expression.",
                                  hint="Write it as after WHERE: region = $region")
        if any(one.get("cte_map", {}).get("map") for one in nodes(statements)):
            raise PolicyError("WITH has no place in a policy.", hint="Use a subquery.")
        found: Mapping[str, Any] = statements[0]
        return found

    def _qualified(self, sql: str, tree: Mapping[str, Any]) -> tuple[str, frozenset[str]]:
        """With the database before each table: a view looks names up in its own catalog first. And those tables."""
        data = (_SELECT + "\n" + sql + "\n").encode()
        places = []
        for one in nodes(tree):
            if one.get("type") == "BASE_TABLE":
                path = [one[key] for key in ("catalog_name", "schema_name") if one.get(key)]
                places.append((int(one["query_location"]), not path))
        for at, bare in sorted(places, reverse=True):
            before = quote(self._catalog) + "." + (quote(DEFAULT_SCHEMA) + "." if bare else "")
            data = data[:at] + before.encode() + data[at:]
        made = data.decode()[len(_SELECT):].strip("\n")
        again = self._parser.tree(f"{_SELECT}\n{made}\n")
        tables = [one for one in nodes(again) if one.get("type") == "BASE_TABLE"]
        if again.get("error") is not False or len(tables) != len(places) or any(
                one.get("catalog_name") != self._catalog or not self._tables.holds(one["schema_name"],
                                                                                  one["table_name"]) for one in tables):
            raise PolicyError(f"The tables in {sql!r} can't be told.", hint="Write schema.table in FROM.")
        return made, frozenset(f"{quote(self._catalog)}.{TableRef(one['table_name'], one['schema_name']).sql}"
                               for one in tables)


def _calls(tree: Any) -> Iterator[Mapping[str, Any]]:
    """Calls of getvariable, by whatever spelling."""
    for one in nodes(tree):
        if str(one.get("function_name", "")).lower() == "getvariable":
            yield one
