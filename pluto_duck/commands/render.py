"""What verbs return, as text for a shell and as MIME bundles for a notebook."""

from __future__ import annotations

import json
from collections.abc import Iterator
from html import escape
from typing import TYPE_CHECKING, Any, Literal

from pluto_duck.commands import Done, Facts, Formatted, Growing, Rows, answers
from pluto_duck.commands.kinds import (
    is_answer,
    is_diagnosis,
    is_impact,
    is_lineage,
    is_load,
    is_plan,
    is_result,
    is_table,
    rows_of,
)
from pluto_duck.commands.load_report import count, plan_parts, report_lines
from pluto_duck.commands.writing import plain, to_csv, to_json
from pluto_duck.errors import UsageError

if TYPE_CHECKING:
    from pluto_duck.ingest.attempts import Freshness
    from pluto_duck.ingest.preview import LoadPlan

Format = Literal["table", "csv", "json"]

def to_text(value: object, *, format: Format = "table", max_rows: int = 50) -> str:
    """The value as one text, without a newline at its end; "" when there is nothing to show."""
    return "".join(to_chunks(value, format=format, max_rows=max_rows)).rstrip("\n")


def to_chunks(value: object, *, format: Format = "table", max_rows: int = 50,
              width: int | None = None) -> Iterator[str]:
    """As `to_text`, piece by piece, for results that should not be held twice. `width`: of the terminal."""
    if isinstance(value, Formatted):
        yield from to_chunks(value.value, format=value.format, max_rows=value.max_rows or max_rows, width=width)
        return
    if isinstance(value, Growing):
        yield value.new
        return
    if format == "table":
        yield _table_text(value, max_rows, width)
        return
    if format == "json" and is_answer(value):
        yield json.dumps(answers.as_object(value), ensure_ascii=False, indent=1, default=plain) + "\n"
        return
    result = rows_of(value)
    if result is None:
        if isinstance(value, str):
            raise UsageError(f"A message can't be written as {format}.")
        return
    yield from to_csv(result) if format == "csv" else to_json(result)


def beside(value: object) -> str:
    """What a reader must know but that is not data: for stderr, when stdout holds the rows alone."""
    whole, format = (value.value, value.format) if isinstance(value, Formatted) else (value, "table")
    lines = answers.around(whole) if is_answer(whole) and format == "csv" else []
    result = whole.result if is_answer(whole) else whole
    if is_result(result):
        if format != "table" and not result.has_rows:
            lines.append(_table_text(result, 0))
        if format != "table" and result.truncated:
            lines.append(f"Only the first {result.row_count:,} rows were written.")
        lines.extend(result.notices)
    return "\n".join(lines)


def to_bundles(value: object) -> list[dict[str, Any]]:
    """What a notebook displays, in order: one MIME bundle for each part."""
    if isinstance(value, Iterator):
        return [bundle for one in value for bundle in to_bundles(one)]
    if isinstance(value, Formatted) and value.format != "table":
        return [{"text/plain": to_text(value)}]
    if isinstance(value, Formatted):
        return _bundles(value.value, value.max_rows or 50)
    return _bundles(value, 50)


def _bundles(value: object, max_rows: int) -> list[dict[str, Any]]:
    if value is None or isinstance(value, Done):
        return []
    if isinstance(value, Growing):
        return _bundles(value.rows, len(value.rows.rows) or 1)
    if is_answer(value):
        return answers.bundles(value, max_rows)
    if isinstance(value, str | Facts) or is_impact(value) or (isinstance(value, Rows) and not value.rows):
        text = _table_text(value, max_rows)
        return [{"text/plain": text, "text/html": f"<pre style='{answers.PRE}'>{escape(text)}</pre>"}]
    if is_plan(value):
        return _plan_bundles(value)
    if is_lineage(value):
        from pluto_duck.display.lineage_svg import svg

        return [{"image/svg+xml": svg(value), "text/plain": _table_text(value, max_rows)}]
    result = rows_of(value)
    if result is None or not result.has_rows:
        return [{"text/plain": _table_text(value, max_rows)}]
    from pluto_duck import display

    table, lead = dict(display.table_bundle(result, max_rows=max_rows)), _lead(value)
    return [answers.lines(lead), table] if lead else [table]


def _plan_bundles(plan: LoadPlan) -> list[dict[str, Any]]:
    from pluto_duck import display

    bundles = []
    for text, rows in plan_parts(plan):
        if text:
            bundles.append(answers.lines(answers.shown(text)))
        result = rows_of(rows)
        if result is not None:
            bundles.append(dict(display.table_bundle(result, max_rows=result.row_count)))
    return bundles


def _plan_text(plan: LoadPlan, width: int | None) -> str:
    from pluto_duck import display

    texts = []
    for text, rows in plan_parts(plan):
        result = rows_of(rows)
        table = display.table_text(result, max_rows=result.row_count, width=width) if result is not None else ""
        texts.append("\n".join(part for part in (answers.shown(text), table) if part))
    return "\n\n".join(texts)


# -- tables on screen ---------------------------------------------------------------------------------


def _table_text(value: object, max_rows: int, width: int | None = None) -> str:
    if value is None or isinstance(value, Done):
        return ""
    if isinstance(value, str):
        return answers.shown(value)
    if isinstance(value, Facts):
        return answers.shown(_facts_text(value))
    if is_answer(value):
        return answers.text(value, max_rows, width)
    if is_plan(value):
        return _plan_text(value, width)
    if is_lineage(value):
        from pluto_duck.display.lineage import text

        return answers.shown(text(value))
    if is_impact(value):
        from pluto_duck.display.lineage import impact_text

        return answers.shown(impact_text(value))
    if isinstance(value, Rows) and not value.rows:
        return value.none
    if isinstance(value, list) and not value:
        return "No tables yet. Bring some in: pluto-duck ingest FILE"
    result = rows_of(value)
    if result is None:
        return str(value)
    from pluto_duck import display

    lead = _lead(value)
    return (lead + "\n" if lead else "") + display.table_text(result, max_rows=max_rows, width=width)


def _lead(value: object) -> str:
    """The line above a table, for values that have one."""
    if is_load(value):
        return answers.shown("\n".join(report_lines(value)))
    if is_diagnosis(value):
        return answers.shown("\n".join((f"In {value.source}, nothing loaded:", *value.remarks())))
    if is_table(value):
        rows = "" if value.row_estimate is None else f", {count(value.row_estimate, 'row')}"
        comment = f": {value.comment}" if value.comment else ""
        return answers.shown(f"{value.ref}, a {value.kind}{rows}{comment}{_fresh(getattr(value, 'loaded', None))}")
    return ""


def _fresh(loaded: Freshness | None) -> str:
    if loaded is None:
        return ""
    from pluto_duck.commands.fresh import age, when

    return f"\nloaded {when(loaded.finished_at)}, {age(loaded.age_s)} ago, from {loaded.source}"


def _facts_text(facts: Facts) -> str:
    lines: list[str] = []
    for heading, pairs in facts.sections:
        lines.append(heading)
        width = max((len(name) for name, _ in pairs), default=0)
        lines.extend(f"  {name:{width}}  {text}".rstrip() for name, text in pairs)
        lines.append("")
    for problem, hint in facts.problems:
        lines.append(f"! {problem}")
        if hint:
            lines.append(f"  {hint}")
    return "\n".join(lines).rstrip("\n")
