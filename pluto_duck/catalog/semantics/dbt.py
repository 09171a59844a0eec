"""What a dbt project says of its tables: descriptions, keys, semantic models and metrics, out of target/manifest.json.

Source: https://schemas.getdbt.com/dbt/manifest/v12.json. Where dbt has not run yet, the descriptions of its yml files.
A project may hold more than this database does: what is not here is left out without a word.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pluto_duck.catalog.semantics.model import ColumnWords, Join, Metric, Problem, Semantics, TableWords
from pluto_duck.catalog.semantics.nodes import Node, Unreadable, read
from pluto_duck.catalog.words import pieces
from pluto_duck.workspace import TableRef

PROJECT = "dbt_project.yml"
MANIFEST = "target/manifest.json"
MAX_FILES = 300
MAX_TEXT = 2_000
MAX_EXPRESSION = 1_000
MAX_SQL = 4_000
"""Characters of a metric. One that is made of another a hundred times, which is so itself, would fill the memory."""
_CALL = re.compile(r"\{\{\s*(Dimension|TimeDimension|Entity)\(\s*'([^']*)'(?:\s*,\s*'[^']*')?\s*\)\s*\}\}")
_NAME = re.compile(r"[A-Za-z_]\w*")
_AGGREGATES = {"sum": "sum({})", "average": "avg({})", "min": "min({})", "max": "max({})", "median": "median({})",
               "count": "count({})", "count_distinct": "count(DISTINCT {})",
               "sum_boolean": "sum(CASE WHEN {} THEN 1 ELSE 0 END)"}

Json = Mapping[str, Any]


def files(root: Path) -> list[Path]:
    """What to read of the project in a folder: its manifest, else its yml files; nothing where there is none."""
    if not (root / PROJECT).is_file():
        return []
    if (root / MANIFEST).is_file():
        return [root / MANIFEST]
    models = root / "models"
    if not models.resolve().is_relative_to(root.resolve()):
        return []  # a cloned folder could have us walk through the whole disk
    found = [one for end in ("yml", "yaml") for one in models.rglob(f"*.{end}")]
    return sorted(found)[:MAX_FILES]


def parse(texts: Mapping[str, str]) -> Semantics:
    """By the path below the workspace. Never raises."""
    found = Semantics()
    for source, text in texts.items():
        try:
            one = _manifest(json.loads(text), source) if source == MANIFEST else _schema(text, source)
        except (ValueError, TypeError, AttributeError, KeyError, RecursionError, Unreadable):
            one = Semantics(problems=(Problem("", "dbt would write this file in another way; it is not used.",
                                              level="doubtful", source=source),))
        found = merged(found, one)
    return found


def merged(under: Semantics, over: Semantics) -> Semantics:
    """Two of them as one: what `over` says of a table is added later, and its metrics take the place of others."""
    names = {one.name.casefold() for one in over.metrics}
    return Semantics((*under.tables, *over.tables),
                     (*(one for one in under.metrics if one.name.casefold() not in names), *over.metrics),
                     (*under.terms, *over.terms), (*over.joins, *under.joins), over.questions + under.questions,
                     (*under.problems, *over.problems), {**under.lines, **over.lines})


# -- target/manifest.json -------------------------------------------------------------------------


def _manifest(told: Json, source: str) -> Semantics:
    nodes = {key: one for part in ("nodes", "sources") for key, one in (told.get(part) or {}).items()}
    tables = [_table(one, source) for one in nodes.values()
              if one.get("resource_type") in ("model", "seed", "snapshot", "source")]
    models = [_Model(one) for one in (told.get("semantic_models") or {}).values() if one.get("node_relation")]
    tables += [TableWords(one.table, description=_text(one.told.get("description")), date=one.date, source=source)
               for one in models]
    metrics, problems = _metrics(told.get("metrics") or {}, models, source)
    joins = dict.fromkeys([*_tested(nodes, source), *_entities(models, source)])
    return Semantics(tuple(tables), tuple(metrics), (), tuple(joins), (), tuple(problems))


def _ref(node: Json) -> TableRef:
    name = node.get("alias") or node.get("identifier") or node["name"]
    return TableRef(str(name), str(node["schema"]))


def _table(node: Json, source: str) -> TableWords:
    columns = tuple((str(one.get("name") or name), ColumnWords(
        synonyms=_synonyms(one), description=_text(one.get("description")))) for name, one in node["columns"].items())
    return TableWords(_ref(node), synonyms=_synonyms(node), description=_text(node.get("description")),
                      columns=columns, source=source)


def _synonyms(one: Json) -> tuple[str, ...]:
    """`meta: {synonyms: [...]}`, a custom that many tools share."""
    meta = {**(one.get("meta") or {}), **((one.get("config") or {}).get("meta") or {})}
    said = meta.get("synonyms") or ()
    return tuple(" ".join(str(word).split())[:80] for word in ([said] if isinstance(said, str) else said))


def _text(text: Any) -> str:
    return " ".join(str(text or "").split())[:MAX_TEXT]


def _tested(nodes: Mapping[str, Json], source: str) -> Iterator[Join]:
    """The test `relationships` says which column points at which."""
    for node in nodes.values():
        test = node.get("test_metadata") or {}
        if node.get("resource_type") != "test" or test.get("name") != "relationships":
            continue
        told = test["kwargs"]
        child = nodes.get(node.get("attached_node") or "")
        name = re.search(r"'([^']+)'\s*\)\s*$", str(told["to"]))
        parents = [one for key in node["depends_on"]["nodes"] if (one := nodes.get(key)) is not None and name
                   and one["name"] == name[1]]
        if child is not None and len(parents) == 1:
            yield Join(_ref(child), str(told["column_name"]), _ref(parents[0]), str(told["field"]), source)


# -- semantic models ------------------------------------------------------------------------------


class _Model:
    """One semantic model: measures and dimensions over one table."""

    def __init__(self, told: Json) -> None:
        self.told = told
        relation = told["node_relation"]
        self.table = TableRef(str(relation["alias"]), str(relation["schema_name"]))
        self.dimensions = {one["name"]: _expr(one) for one in told.get("dimensions") or ()}
        self.entities = {one["name"]: (one["type"], _expr(one)) for one in told.get("entities") or ()}
        self.measures = {one["name"]: one for one in told.get("measures") or ()}
        time = (told.get("defaults") or {}).get("agg_time_dimension")
        self.date = self._column(time)

    def _column(self, dimension: Any) -> str | None:
        found = self.dimensions.get(dimension) if dimension else None
        return found if found is not None and _NAME.fullmatch(found) else None

    def date_of(self, measure: Json) -> str | None:
        return self._column(measure.get("agg_time_dimension")) or self.date

    def condition(self, filters: Any) -> str | None:
        """As SQL over this table; None where it speaks of another one."""
        parts = []
        for one in (filters or {}).get("where_filters") or ():
            known = True

            def sql(call: re.Match[str]) -> str:
                nonlocal known
                kind, name = call[1], call[2].split("__")[-1]
                found = self.entities.get(name, ("", None))[1] if kind == "Entity" else self.dimensions.get(name)
                known = known and found is not None
                return f"({found})" if found and not _NAME.fullmatch(found) else str(found)

            text = _CALL.sub(sql, str(one["where_sql_template"]))
            if not known or "{{" in text or "{%" in text:
                return None
            parts.append(text)
        return parts[0] if len(parts) == 1 else " AND ".join(f"({one})" for one in parts)


def _expr(one: Json) -> str:
    return str(one.get("expr") or one["name"])


def _entities(models: Iterable[_Model], source: str) -> Iterator[Join]:
    models = list(models)
    for child in models:
        for name, (kind, column) in child.entities.items():
            for parent in models if kind == "foreign" else ():
                there, key = parent.entities.get(name, ("", ""))
                if there in ("primary", "unique") and _NAME.fullmatch(column) and _NAME.fullmatch(key):
                    yield Join(child.table, column, parent.table, key, source)


# -- metrics --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Sum:
    """An expression over one table, and the condition under which rows count."""

    model: _Model
    sql: str
    condition: str = ""
    date: str | None = None

    @property
    def alone(self) -> str:
        return f"{self.sql} FILTER (WHERE {self.condition})" if self.condition else self.sql


class _Beyond(Exception):
    """A metric that is no single expression over one table."""


def _metrics(told: Mapping[str, Json], models: list[_Model], source: str) -> tuple[list[Metric], list[Problem]]:
    known = _Known(told, models)
    found, problems = [], []
    for one in known.told.values():
        name = " ".join(pieces(one["name"]))
        label = " ".join(str(one.get("label") or "").split())
        try:
            made = known.made(one["name"])
        except _Beyond as beyond:
            problems.append(Problem(f"metrics.{one['name']}", f"This metric of dbt is not used: {beyond}.",
                                    level="doubtful", words=(name,), source=source))
            continue
        synonyms = tuple(word for word in (label, *_synonyms(one)) if word and word.casefold() != name)
        found.append(Metric(name, made.model.table, made.sql, made.condition, synonyms, "", made.date,
                            _text(one.get("description")), source))
    return found, problems


class _Known:
    """The metrics of a project by name, each worked out once, however often others are made of it."""

    def __init__(self, told: Mapping[str, Json], models: list[_Model]) -> None:
        self.told = {str(one["name"]): one for one in told.values()}
        self._models = models
        self._made: dict[str, _Sum | _Beyond] = {}

    def made(self, name: str) -> _Sum:
        """Raises _Beyond, and KeyError where there is none of that name."""
        if name not in self._made:
            self._made[name] = _Beyond("it is made of itself")
            try:
                self._made[name] = self._metric(self.told[name])
            except _Beyond as beyond:
                self._made[name] = beyond
        found = self._made[name]
        if isinstance(found, _Beyond):
            raise found
        return found

    def _metric(self, one: Json) -> _Sum:
        told, kind = one["type_params"], one["type"]
        if kind == "simple":
            return _and(_measure(told["measure"], self._models), one.get("filter"))
        if kind == "ratio":
            parts = {name: self._input(told[name]) for name in ("numerator", "denominator")}
            sql = f"{parts['numerator'].alone} * 1.0 / nullif({parts['denominator'].alone}, 0)"
        elif kind == "derived":
            inputs, expression = told.get("metrics") or (), str(told["expr"])
            if any(each.get("offset_window") or each.get("offset_to_grain") for each in inputs):
                raise _Beyond("it looks back in time")
            if len(expression) > MAX_EXPRESSION:
                raise _Beyond("it is too long")
            parts = {each.get("alias") or each["name"]: self._input(each) for each in inputs}
            sql = re.sub(r"[A-Za-z_]\w*", lambda name: f"({parts[name[0]].alone})" if name[0] in parts else name[0],
                         expression)
        else:
            raise _Beyond(f"it is {kind}")
        if len(sql) > MAX_SQL:
            raise _Beyond("it is too long")
        tables = {part.model.table.key for part in parts.values()}
        if len(tables) != 1:
            raise _Beyond("it needs more than one table")
        first = next(iter(parts.values()))
        return _and(_Sum(first.model, sql, "", first.date), one.get("filter"))

    def _input(self, told: Json) -> _Sum:
        return _and(self.made(told["name"]), told.get("filter"))


def _measure(told: Json, models: list[_Model]) -> _Sum:
    for model in models:
        measure = model.measures.get(told["name"])
        if measure is not None:
            return _and(_Sum(model, _aggregate(measure), "", model.date_of(measure)), told.get("filter"))
    raise _Beyond(f"there is no measure {told['name']}")


def _aggregate(measure: Json) -> str:
    column, kind = _expr(measure), measure["agg"]
    if kind == "percentile":
        share = float((measure.get("agg_params") or {}).get("percentile") or 0.5)
        return f"quantile_cont({column}, {share})"
    if kind not in _AGGREGATES:
        raise _Beyond(f"the aggregate {kind} is not known here")
    return "count(*)" if kind == "count" and column == "1" else _AGGREGATES[kind].format(column)


def _and(part: _Sum, filters: Any) -> _Sum:
    condition = part.model.condition(filters)
    if condition is None:
        raise _Beyond("its filter speaks of another table, or of a point in time")
    both = [one for one in (part.condition, condition) if one]
    joined = both[0] if len(both) == 1 else " AND ".join(f"({one})" for one in both)
    if len(joined) > MAX_SQL:
        raise _Beyond("its filter is too long")
    return _Sum(part.model, part.sql, joined, part.date)


# -- yml files, where dbt has not run -------------------------------------------------------------


def _schema(text: str, source: str) -> Semantics:
    root = read(text)
    models = root.get("models") if root is not None else None
    tables = []
    for model in models.items if models is not None else ():
        name = model.get("name")
        if name is not None:
            held = model.get("columns")
            columns = tuple((key.text, ColumnWords(description=_said(one))) for one in (held.items if held else ())
                            if (key := one.get("name")) is not None)
            tables.append(TableWords(TableRef(name.text), description=_said(model), columns=columns, source=source))
    return Semantics(tuple(tables))


def _said(node: Node) -> str:
    found = node.get("description")
    return _text(found.text) if found is not None and "{{" not in found.text else ""  # a macro only dbt can fill in
