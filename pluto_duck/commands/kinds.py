"""Which kind a verb's value is, and its rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeGuard

from pluto_duck.commands import Rows
from pluto_duck.commands.load_report import diagnosis_rows, plan_rows, report_rows

if TYPE_CHECKING:
    from pluto_duck.agent import Answer
    from pluto_duck.catalog.lineage import Around, Impact
    from pluto_duck.ingest import LoadReport
    from pluto_duck.ingest.attempts import Freshness
    from pluto_duck.ingest.diagnosis import Diagnosis
    from pluto_duck.ingest.preview import LoadPlan
    from pluto_duck.session import TableInfo
    from pluto_duck.workspace import Result

# Told by name: importing a floor to look at a help text would cost more than the text.


def is_result(value: object) -> TypeGuard[Result]:
    return type(value).__name__ == "Result"


def is_answer(value: object) -> TypeGuard[Answer]:
    return type(value).__name__ == "Answer"


def is_load(value: object) -> TypeGuard[LoadReport]:
    return type(value).__name__ == "LoadReport"


def is_plan(value: object) -> TypeGuard[LoadPlan]:
    return type(value).__name__ == "LoadPlan"


def is_diagnosis(value: object) -> TypeGuard[Diagnosis]:
    return type(value).__name__ == "Diagnosis"


def is_lineage(value: object) -> TypeGuard[Around]:
    return type(value).__name__ == "Around"


def is_impact(value: object) -> TypeGuard[Impact]:
    return type(value).__name__ == "Impact"


def is_table(value: object) -> TypeGuard[TableInfo]:
    return type(value).__name__ in ("TableInfo", "DescribedTable")


def rows_of(value: object) -> Result | None:
    """The rows in a value; None when it has none."""
    if is_result(value):
        return value
    if is_answer(value):
        return value.result
    if isinstance(value, Rows):
        return _made(value)
    if is_table(value):
        return _made(_columns_of(value))
    if is_load(value):
        return _made(report_rows(value))
    if is_plan(value):
        return _made(plan_rows(value))
    if is_diagnosis(value):
        return _made(diagnosis_rows(value))
    if isinstance(value, list) and all(type(one).__name__ in ("TableInfo", "LiveTable") for one in value):
        return _made(_listed(value, getattr(value, "loaded", {}), getattr(value, "views", {})))
    return None


def _listed(tables: list[TableInfo], loaded: dict[str, Freshness], views: dict[str, str]) -> Rows:
    rows = []
    for one in tables:
        fresh = loaded.get(one.ref.key)
        rows.append((str(one.ref), one.kind, one.row_estimate, len(one.columns),
                     *(("" if fresh is None else _when(fresh),) if loaded else ()),
                     *((views.get(one.ref.key, ""),) if views else ())))
    return Rows(("table", "kind", "rows", "columns", *(("loaded",) if loaded else ()),
                 *(("as a view",) if views else ())), tuple(rows))


def _when(fresh: Freshness) -> str:
    return fresh.finished_at.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _columns_of(table: TableInfo) -> Rows:
    keys = dict.fromkeys(table.primary_key, "primary key")
    for names in table.unique:
        keys.update({name: "unique" for name in names if name not in keys})
    for foreign in table.foreign_keys:
        for name, other in zip(foreign.columns, foreign.referenced or foreign.columns, strict=False):
            keys[name] = "; ".join(filter(None, (keys.get(name), f"-> {foreign.table}.{other}")))
    return Rows(("column", "type", "nullable", "key", "comment"), tuple(
        (one.name, one.type, one.nullable, keys.get(one.name, ""), one.comment) for one in table.columns))


def _made(rows: Rows) -> Result:
    from pluto_duck.commands.plain_rows import PlainResult

    return PlainResult(rows.columns, rows.rows)
