"""What verbs return, as text for a shell and as MIME bundles for a notebook."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import math
from collections.abc import Iterable, Iterator
from decimal import Decimal
from html import escape
from typing import TYPE_CHECKING, Any, Literal

from pluto_duck.commands import Done, Facts, Formatted, Rows
from pluto_duck.errors import UsageError

if TYPE_CHECKING:
    from pluto_duck.agent import Answer
    from pluto_duck.ingest import LoadReport
    from pluto_duck.session import TableInfo
    from pluto_duck.workspace import Result

Format = Literal["table", "csv", "json"]

_SLICE = 10_000
"""Rows turned into Python values at a time."""


def to_text(value: object, *, format: Format = "table", max_rows: int = 50) -> str:
    """The value as one text, without a newline at its end; "" when there is nothing to show."""
    return "".join(to_chunks(value, format=format, max_rows=max_rows)).rstrip("\n")


def to_chunks(value: object, *, format: Format = "table", max_rows: int = 50) -> Iterator[str]:
    """As `to_text`, piece by piece, for results that should not be held twice."""
    if isinstance(value, Formatted):
        yield from to_chunks(value.value, format=value.format, max_rows=value.max_rows or max_rows)
        return
    if format == "table":
        yield _table_text(value, max_rows)
        return
    if format == "json" and _is_answer(value):
        yield json.dumps(_answer_object(value), ensure_ascii=False, indent=1, default=_plain) + "\n"
        return
    result = _rows_of(value)
    if result is None:
        if isinstance(value, str):
            raise UsageError(f"A message can't be written as {format}.")
        return
    yield from _csv(result) if format == "csv" else _json(result)


def beside(value: object) -> str:
    """What a reader must know but that is not data: for stderr, when stdout holds the rows alone."""
    if not isinstance(value, Formatted):
        result = value if _is_result(value) else None
        return "\n".join(getattr(result, "notices", ()))
    lines: list[str] = []
    if _is_answer(value.value) and value.format == "csv":
        lines = [part for part in _answer_parts(value.value) if part]
    result = getattr(value.value, "result", value.value)
    if value.format != "table" and getattr(result, "truncated", False):
        lines.append(f"Only the first {getattr(result, 'row_count', 0):,} rows were written.")
    return "\n".join([*lines, *getattr(result, "notices", ())])


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
    if _is_answer(value):
        return _answer_bundles(value, max_rows)
    if isinstance(value, str | Facts):
        text = _table_text(value, max_rows)
        return [{"text/plain": text, "text/html": f"<pre>{escape(text)}</pre>"}]
    result = _rows_of(value)
    if result is None or not result.has_rows:
        return [{"text/plain": _table_text(value, max_rows)}]
    from pluto_duck import display

    return [*_heading(value), dict(display.table_bundle(result, max_rows=max_rows))]


def _heading(value: object) -> list[dict[str, Any]]:
    line = _load_line(value) if _is_load(value) else ""
    return [{"text/plain": line, "text/html": f"<div>{escape(line)}</div>"}] if line else []


# -- tables on screen ---------------------------------------------------------------------------------


def _table_text(value: object, max_rows: int) -> str:
    if value is None or isinstance(value, Done):
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, Facts):
        return _facts_text(value)
    if _is_answer(value):
        return _answer_text(value, max_rows)
    if isinstance(value, Rows) and not value.rows:
        return value.none
    if isinstance(value, list) and not value:
        return "No tables yet. Bring some in: pluto-duck ingest FILE"
    result = _rows_of(value)
    if result is None:
        return str(value)
    if not result.has_rows:
        return _done_line(result)
    from pluto_duck import display

    lead = _load_line(value) + "\n" if _is_load(value) else ""
    return lead + display.table_text(result, max_rows=max_rows)


def _done_line(result: Result) -> str:
    rows = "" if result.affected_rows is None else f", {_count(result.affected_rows, 'row')}"
    return f"{result.statement} done{rows}, {result.elapsed_s:.3f} s"


def _load_line(report: Any) -> str:
    rows = sum(one.rows for one in report.tables)
    return (f"{_count(rows, 'row')} in {_count(len(report.tables), 'table')} from {report.source} "
            f"in {report.elapsed_s:.2f} s")


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


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


# -- answers ------------------------------------------------------------------------------------------


def _answer_parts(answer: Answer) -> tuple[str, str]:
    """What is said before the rows, and after them."""
    before = [answer.text] if answer.text else []
    before.extend(f"  {number}. {choice}" for number, choice in enumerate(answer.choices, 1))
    after = [f"Assumed: {one}" for one in answer.assumptions]
    if answer.sql:
        after.append(f"SQL: {' '.join(answer.sql.split())}")
    return "\n".join(before), "\n".join(after)


def _answer_text(answer: Answer, max_rows: int) -> str:
    from pluto_duck import display

    before, after = _answer_parts(answer)
    table = ""
    if answer.result is not None and answer.result.has_rows:
        table = display.table_text(answer.result, max_rows=max_rows)
    return "\n".join(part for part in (before, table, after) if part)


def _answer_bundles(answer: Answer, max_rows: int) -> list[dict[str, Any]]:
    from pluto_duck import display

    before, after = _answer_parts(answer)
    found = [{"text/plain": before, "text/html": f"<div>{escape(before).replace(chr(10), '<br>')}</div>"}] \
        if before else []
    if answer.result is not None and answer.result.has_rows:
        chart = display.pick_chart(answer.result, title=answer.question)
        if chart is not None:
            found.append(dict(display.chart_bundle(chart, answer.result)))
        found.append(dict(display.table_bundle(answer.result, max_rows=max_rows)))
    if after:
        found.append({"text/plain": after,
                      "text/html": f"<pre style='white-space:pre-wrap'>{escape(after)}</pre>"})
    return found


def _answer_object(answer: Answer) -> dict[str, Any]:
    found: dict[str, Any] = {
        "status": answer.status, "question": answer.question, "planner": answer.planner, "text": answer.text,
        "sql": answer.sql, "assumptions": list(answer.assumptions), "confidence": answer.confidence,
        "choices": list(answer.choices), "unknown_words": list(answer.unknown_words),
        "elapsed_s": answer.elapsed_s, "columns": None, "rows": None}
    if answer.result is not None and answer.result.has_rows:
        names = _unique([column.name for column in answer.result.columns])
        found["columns"] = [{"name": name, "type": column.type}
                            for name, column in zip(names, answer.result.columns, strict=True)]
        found["rows"] = list(_objects(answer.result))
    return found


# -- rows as csv and json -----------------------------------------------------------------------------


def _csv(result: Result) -> Iterator[str]:
    """RFC 4180 with a header, lines end in \\n; NULL is an empty field, an empty text is \"\"."""
    yield _csv_lines([tuple(column.name for column in result.columns)])
    for rows in _slices(result):
        yield _csv_lines(tuple(_field(one) for one in row) for row in rows)


def _csv_lines(rows: Iterable[tuple[Any, ...]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for row in rows:
        if "" in row or row == (None,):
            # The csv module writes NULL and an empty text alike; a reader must be able to tell them.
            text.write(",".join('""' if one == "" else _one_field(one) for one in row) + "\n")
        else:
            writer.writerow(row)
    return text.getvalue()


def _one_field(value: Any) -> str:
    if value is None:
        return ""
    cell = io.StringIO()
    csv.writer(cell, lineterminator="").writerow([value])
    return cell.getvalue()


def _field(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None or isinstance(value, str | int | Decimal):
        return value
    if isinstance(value, float):
        return repr(value)
    plain = _plain(value)
    return plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False, default=_plain)


def _json(result: Result) -> Iterator[str]:
    """A list of objects, one a line."""
    first = True
    for row in _objects(result):
        yield ("[\n " if first else ",\n ") + json.dumps(row, ensure_ascii=False, default=_plain)
        first = False
    yield "[]\n" if first else "\n]\n"


def _objects(result: Result) -> Iterator[dict[str, Any]]:
    names = _unique([column.name for column in result.columns])
    for rows in _slices(result):
        for row in rows:
            yield {name: _json_value(one) for name, one in zip(names, row, strict=True)}


def _unique(names: list[str]) -> list[str]:
    """JSON objects hold a name once: the second `n` becomes `n_2`."""
    seen: set[str] = set()
    found = []
    for name in names:
        number, candidate = 1, name
        while candidate in seen:
            number += 1
            candidate = f"{name}_{number}"
        seen.add(candidate)
        found.append(candidate)
    return found


def _json_value(value: Any) -> Any:
    """Floats that JSON can't write become text; all else is left to `_plain`."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {str(key): _json_value(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_json_value(one) for one in value]
    return value


def _plain(value: Any) -> Any:
    """Values beyond JSON: decimals as text (exact), times in ISO 8601, bytes in hex."""
    if isinstance(value, dt.datetime | dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, bytes | memoryview):
        return bytes(value).hex()
    if isinstance(value, dict):
        return {str(key): one for key, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return list(value)
    return str(value)


def _slices(result: Result) -> Iterator[list[tuple[Any, ...]]]:
    if result.row_count <= _SLICE:
        yield result.rows()
        return
    from pluto_duck.workspace import Result as Piece

    table = result.arrow()
    for start in range(0, table.num_rows, _SLICE):
        yield Piece(columns=result.columns, table=table.slice(start, _SLICE), sql="", statement="SELECT",
                    elapsed_s=0.0).rows()


# -- every value as rows ------------------------------------------------------------------------------


# Told by name: importing a floor to look at a help text would cost more than the text.


def _is_result(value: object) -> bool:
    return type(value).__name__ == "Result"


def _is_answer(value: object) -> bool:
    return type(value).__name__ == "Answer"


def _is_load(value: object) -> bool:
    return type(value).__name__ == "LoadReport"


def _rows_of(value: object) -> Result | None:
    """The rows in a value; None when it has none."""
    from pluto_duck.session import TableInfo

    if _is_result(value):
        return value  # type: ignore[return-value]
    if _is_answer(value):
        return value.result  # type: ignore[attr-defined,no-any-return]
    if isinstance(value, Rows):
        return _made(value)
    if isinstance(value, TableInfo):
        return _made(_columns_of(value))
    if _is_load(value):
        return _made(_loaded(value))  # type: ignore[arg-type]
    if isinstance(value, list) and all(isinstance(one, TableInfo) for one in value):
        return _made(Rows(("table", "kind", "rows", "columns"), tuple(
            (str(one.ref), one.kind, one.row_estimate, len(one.columns)) for one in value)))
    return None


def _columns_of(table: TableInfo) -> Rows:
    keys = dict.fromkeys(table.primary_key, "primary key")
    for names in table.unique:
        keys.update({name: "unique" for name in names if name not in keys})
    for foreign in table.foreign_keys:
        for name, other in zip(foreign.columns, foreign.referenced or foreign.columns, strict=False):
            keys[name] = "; ".join(filter(None, (keys.get(name), f"-> {foreign.table}.{other}")))
    return Rows(("column", "type", "nullable", "key", "comment"), tuple(
        (one.name, one.type, one.nullable, keys.get(one.name, ""), one.comment) for one in table.columns))


def _loaded(report: LoadReport) -> Rows:
    return Rows(("table", "from", "rows", "seconds"), tuple(
        (str(one.ref), str(one.source_name), one.rows, round(one.elapsed_s, 3)) for one in report.tables))


def _made(rows: Rows) -> Result:
    """Rows of our own as a Result, so that one piece of code draws every table."""
    import pyarrow

    from pluto_duck.workspace import Column, Result

    arrays = [pyarrow.array(list(column)) for column in zip(*rows.rows, strict=True)] if rows.rows \
        else [pyarrow.array([], pyarrow.string()) for _ in rows.columns]
    table = pyarrow.Table.from_arrays(arrays, names=list(rows.columns))
    kinds = {"string": "VARCHAR", "int64": "BIGINT", "double": "DOUBLE", "bool": "BOOLEAN"}
    columns = tuple(Column(name, kinds.get(str(array.type), "VARCHAR"))
                    for name, array in zip(rows.columns, arrays, strict=True))
    return Result(columns=columns, table=table, sql="", statement="SELECT", elapsed_s=0.0)
