"""The two files of a model that is made of SQL: the SQL with ref() and source(), and what is said and tested of it.

A file of its own for each model's YAML: nothing that a person wrote into another one has to be changed for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, Literal, get_args

from pluto_duck.catalog.expected_rows import Expected
from pluto_duck.errors import Refused, UsageError
from pluto_duck.transform.dbt.contents import PLAIN, Contents
from pluto_duck.transform.dbt.scaffold import source_name, yaml_text
from pluto_duck.transform.dbt.templating import harmless, quoted, ref_call, source_call, templated
from pluto_duck.workspace import TableRef
from pluto_duck.workspace.parser import own_parser
from pluto_duck.workspace.tableref import fold

Materialized = Literal["view", "table", "incremental"]
MATERIALIZED: tuple[Materialized, ...] = get_args(Materialized)
LONGEST = 63
META = "pluto_duck"


@dataclass(frozen=True)
class Wish:
    name: str
    sql: str
    materialized: Materialized
    description: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)
    """Name -> what is known of it, "" for nothing."""
    tests: Sequence[Expected] = ()
    origin: Mapping[str, str] = field(default_factory=dict)
    key: tuple[str, ...] = ()
    """Of an incremental model: what names a row."""


@dataclass(frozen=True)
class Draft:
    path: str
    """Of the SQL, in the project; the YAML beside it ends in .yml."""
    sql: str
    yml: str
    """"" where another file speaks of the model already."""

    @property
    def yml_path(self) -> str:
        return str(PurePosixPath(self.path).with_suffix(".yml"))


def checked_name(name: str) -> str:
    """Raises UsageError for what can't be a model: it is a file, a word in Jinja and a table at once."""
    if not PLAIN.match(name) or len(name) > LONGEST:
        raise UsageError(f"{name!r} can't be the name of a model.",
                         hint=f"Letters, digits and _, at most {LONGEST} of them, no digit first.")
    if own_parser().tree(f"SELECT * FROM {name}").get("error"):
        raise UsageError(f"{name!r} is a word of SQL's own.", hint="Choose another name.")
    return name


def draft(there: Contents, tables: Mapping[str, TableRef], wish: Wish) -> Draft:
    """`tables`: by key, those of the workspace; of them that the project does not know yet, the YAML makes sources."""
    folder = there.model_paths[0]
    known = next((path for name, path in there.models.items() if fold(name) == fold(wish.name)), "")
    if known and not known.endswith(".sql"):
        raise Refused(f"{known} makes {wish.name} already, and is no model in SQL.", hint="Choose another name.")
    path = known or f"{folder}/{'marts/' if there.marts else ''}{wish.name}.sql"
    named = _Named(there)

    def called(parts: tuple[str, ...]) -> str:
        ref = _of(parts, tables)
        if ref is not None and ref.key == TableRef(wish.name, there.schema).key:
            raise UsageError(f"The SQL reads {ref} itself.", hint="Choose another name for the model.")
        found = named.of(ref) if ref is not None else ()
        return ref_call(*found) if len(found) == 1 else source_call(*found) if found else ""

    text = templated(wish.sql, called).strip()
    key = f", unique_key={_unique_key(wish)}" if wish.materialized == "incremental" else ""
    sql = f"{{{{ config(materialized='{wish.materialized}'{key}) }}}}\n\n{text}\n"
    spoken = there.described.get(wish.name, "")
    if spoken and named.more:
        names = ", ".join(str(one) for some in named.more.values() for one in some)
        raise Refused(f"{spoken} speaks of {wish.name}, and {names} is no source of the project yet.",
                      hint="Add it to the sources by hand; then propose again.")
    return Draft(path, sql, _yml(named, wish) if not spoken else "")


class _Named:
    """What dbt calls the tables, and which of them have to become sources for that."""

    def __init__(self, there: Contents) -> None:
        self._there = there
        self.more: dict[str, list[TableRef]] = {}

    def of(self, ref: TableRef) -> tuple[str, ...]:
        """(model,) or (source, table); () for one that must stay as it is written."""
        found = self._there.called(ref.key)
        if found or not PLAIN.match(ref.name) or not PLAIN.match(ref.schema):
            return found
        source = self._there.source_name(ref.schema) or source_name(ref.schema)
        if ref not in self.more.setdefault(source, []):
            self.more[source].append(ref)
        return source, ref.name


def _of(parts: tuple[str, ...], tables: Mapping[str, TableRef]) -> TableRef | None:
    """Not of another database, which has three parts."""
    return tables.get(TableRef(parts[-1], *parts[-2:-1]).key) if len(parts) < 3 else None


def _unique_key(wish: Wish) -> str:
    for one in wish.key:
        if one not in wish.columns:
            raise UsageError(f"The SQL gives no column {one}.", hint=f"It gives {', '.join(wish.columns)}.")
        if not PLAIN.match(one):
            raise UsageError(f"The key {one!r} must be a plain name.", hint='Rename it in the SQL: "..." AS id')
    if not wish.key:
        raise UsageError("An incremental model needs a key: without one each run would add all rows again.",
                         hint="Say what names a row: --key COLUMN")
    return quoted(wish.key[0]) if len(wish.key) == 1 else f"[{', '.join(map(quoted, wish.key))}]"


def _yml(named: _Named, wish: Wish) -> str:
    columns = []
    for name, about in wish.columns.items():
        if harmless(name) != name:
            raise UsageError(f"The column {name!r} holds what dbt takes for its own.", hint="Rename it in the SQL.")
        tests = [_test(named, one) for one in wish.tests if one.column == name]
        columns.append({"name": name, **({"description": harmless(about)} if about else {}),
                        **({} if PLAIN.match(name) else {"quote": True}),
                        **({"data_tests": [one for one in tests if one]} if any(tests) else {})})
    told: dict[str, Any] = {"version": 2}
    if named.more:
        told["sources"] = [{"name": name, "schema": some[0].schema, "tables": [{"name": one.name} for one in some]}
                           for name, some in named.more.items()]
    told["models"] = [{
        "name": wish.name, **({"description": harmless(wish.description)} if wish.description else {}),
        **({"config": {"meta": {META: {name: harmless(one) for name, one in wish.origin.items() if one}}}}
           if any(wish.origin.values()) else {}),
        **({"columns": columns} if columns else {})}]
    return yaml_text(told)


def _test(named: _Named, one: Expected) -> Any:
    arguments: dict[str, Any] = {}
    name: str = one.kind
    if one.kind == "accepted_values":
        # dbt puts them between quotes as they are.
        arguments = {"values": [value.replace("'", "''") for value in one.values]}
    elif one.kind == "relationship":
        assert one.parent is not None
        found, name = named.of(one.parent), "relationships"
        if not found or not PLAIN.match(one.parent_column):
            return None  # what dbt does not know can't be pointed at
        to = f"ref({quoted(found[0])})" if len(found) == 1 else f"source({', '.join(map(quoted, found))})"
        arguments = {"to": to, "field": one.parent_column}
    told: dict[str, Any] = {"arguments": arguments} if arguments else {}
    if not one.sure:
        told["config"] = {"severity": "warn"}
    return {name: told} if told else name
