"""What a load did, or would do, as lines and small tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pluto_duck.commands import Rows

if TYPE_CHECKING:
    from pluto_duck.ingest import LoadedTable, LoadReport
    from pluto_duck.ingest.diagnosis import Diagnosis
    from pluto_duck.ingest.preview import LoadPlan, PlannedTable

MANY = 8
"""From so many tables on, a plan tells a line for each instead of its columns."""

_ACTIONS = {"create": "a new table", "replace": "replaces the table", "append": "adds to the table",
            "merge": "merges into the table", "scd2": "adds versions to the table", "refuse": "would not be loaded"}


def count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def size(number: int) -> str:
    for unit, scale in (("GB", 1 << 30), ("MB", 1 << 20), ("KB", 1 << 10)):
        if number >= scale:
            return f"{number / scale:.1f} {unit}"
    return f"{number} bytes"


# -- after --------------------------------------------------------------------------------------------


def report_lines(report: LoadReport) -> list[str]:
    """Above the table: the sum, and what the reader should know."""
    lines = [f"{count(report.rows, 'row')} in {count(len(report.tables), 'table')} from {report.source} "
             f"in {report.elapsed_s:.2f} s"]
    for one in report.tables:
        lines += [f"{one.ref}: {notice}" for notice in one.notices]
        if one.rejected:
            lines.append(f"{one.ref}: {count(one.rejected, 'row')} could not be read and "
                         f"{'is' if one.rejected == 1 else 'are'} kept in {one.ref}_rejects, with the reason.")
    return lines + list(report.notices)


def report_rows(report: LoadReport) -> Rows:
    """A column for each thing that happened at all."""
    columns = ["table", "from", "rows"]
    merged = any(one.mode in ("merge", "scd2") for one in report.tables)
    columns += ["mode", "inserted", "updated", "deleted"] if merged else []
    columns += ["rejected"] if any(one.rejected for one in report.tables) else []
    columns += ["verified"] if any(one.verified for one in report.tables) else []
    columns.append("seconds")

    def cell(one: LoadedTable, column: str) -> Any:
        if column == "table":
            return str(one.ref)
        if column == "seconds":
            return round(one.elapsed_s, 3)
        return str(one.source_name) if column == "from" else getattr(one, column)

    return Rows(tuple(columns), tuple(tuple(cell(one, column) for column in columns) for one in report.tables))


# -- before -------------------------------------------------------------------------------------------


def plan_rows(plan: LoadPlan) -> Rows:
    """One row for each column of each table: for programs."""
    return Rows(("table", "into", "action", "rows", "column", "source_type", "type", "note"), tuple(
        (table.source_name, str(table.ref), table.action, table.row_estimate, column.name,
         column.source_type, column.type, column.note) for table in plan.tables for column in table.columns))


def plan_parts(plan: LoadPlan) -> Iterator[tuple[str, Rows | None]]:
    """A line and the table below it, for people."""
    known = [one.row_estimate for one in plan.tables if one.row_estimate is not None]
    total = f", about {count(sum(known), 'row')}" if known else ""
    yield (f"Nothing was written. A load from {plan.source} ({plan.answers}) would bring "
           f"{count(len(plan.tables), 'table')}{total}:"), None
    if len(plan.tables) >= MANY:
        yield "", Rows(("table", "into", "what", "rows", "columns", "note"), tuple(
            (one.source_name, str(one.ref), _ACTIONS[one.action], one.row_estimate, len(one.columns),
             one.error.message if one.error else "; ".join(one.said)) for one in plan.tables))
    else:
        for table in plan.tables:
            noted = any(one.note for one in table.columns)
            rows = tuple((one.name, one.source_type, one.type or "not loaded", *((one.note,) if noted else ()))
                         for one in table.columns)
            yield "\n".join(_planned(table)), Rows(("column", "from", "to", *(("note",) if noted else ())), rows)
    for hint in dict.fromkeys(one.error.hint for one in plan.tables if one.error and one.error.hint):
        yield f"Hint: {hint}", None


def _planned(table: PlannedTable) -> list[str]:
    facts = [_ACTIONS[table.action]]
    if table.row_estimate is not None:
        facts.append(f"about {count(table.row_estimate, 'row')}" + (" in all" if table.since is not None else ""))
    if table.size_bytes is not None:
        facts.append(size(table.size_bytes))
    if table.key:
        facts.append(f"key {', '.join(table.key)}")
    if table.since is not None:
        facts.append(f"from {table.since} on")
    lines = [f"{table.source_name} -> {table.ref}: {', '.join(facts)}", *table.said]
    return lines + ([table.error.message] if table.error else [])


# -- a diagnosis --------------------------------------------------------------------------------------


def diagnosis_rows(diagnosis: Diagnosis) -> Rows:
    """Without the table's name, where there is only one."""
    first = 1 if len(diagnosis.tables) == 1 else 0
    return Rows(diagnosis.HEADERS[first:], tuple(row[first:] for row in diagnosis.rows()))
