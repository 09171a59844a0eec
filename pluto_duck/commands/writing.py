"""Rows as CSV and JSON, for programs."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import math
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pluto_duck.workspace import Result

SLICE = 10_000
"""Rows turned into Python values at a time."""



def to_csv(result: Result) -> Iterator[str]:
    """RFC 4180 with a header, lines end in \\n; NULL is an empty field, an empty text is \"\". Nothing for a
    statement that gives no rows."""
    if not result.has_rows:
        return
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
    text = plain(value)
    return text if isinstance(text, str) else json.dumps(text, ensure_ascii=False, default=plain)


def to_json(result: Result) -> Iterator[str]:
    """A list of objects, one a line."""
    first = True
    for row in objects(result):
        yield ("[\n " if first else ",\n ") + json.dumps(row, ensure_ascii=False, default=plain)
        first = False
    yield "[]\n" if first else "\n]\n"


def objects(result: Result) -> Iterator[dict[str, Any]]:
    names = unique_names([column.name for column in result.columns])
    for rows in _slices(result):
        for row in rows:
            yield {name: _json_value(one) for name, one in zip(names, row, strict=True)}


def unique_names(names: list[str]) -> list[str]:
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
    """Floats that JSON can't write become text; all else is left to `plain`."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {str(key): _json_value(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_json_value(one) for one in value]
    return value


def plain(value: Any) -> Any:
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
    if result.row_count <= SLICE:
        yield result.rows()
        return
    from pluto_duck.workspace import Result as Piece

    table = result.arrow()
    for start in range(0, table.num_rows, SLICE):
        yield Piece(columns=result.columns, table=table.slice(start, SLICE), sql="", statement="SELECT",
                    elapsed_s=0.0).rows()
