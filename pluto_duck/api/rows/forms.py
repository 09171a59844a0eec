"""Rows as JSON objects, NDJSON, CSV and Arrow."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pluto_duck.workspace.result import Result

JSON, NDJSON, CSV, ARROW = "application/json", "application/x-ndjson", "text/csv", "application/vnd.apache.arrow.stream"
FORMS = (JSON, NDJSON, CSV, ARROW)


def objects(result: Result) -> list[dict[str, Any]]:
    from pluto_duck.display.jsonable import json_values

    table = result.arrow()
    names = [one.name for one in result.columns]
    columns = [[value for chunk in table.column(i).chunks for value in json_values(chunk, one.type)]
               for i, one in enumerate(result.columns)]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def lines(result: Result) -> bytes:
    return "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in objects(result)).encode()


def csv(result: Result) -> bytes:
    from pluto_duck.api.download import Csv

    made, types = Csv(), [one.type for one in result.columns]
    table = result.arrow()
    made.start(table.schema, types)
    return b"".join(piece for one in table.to_batches() for piece in made.batch(one)) + made.end()


def arrow(result: Result) -> bytes:
    import pyarrow

    sink = pyarrow.BufferOutputStream()
    with pyarrow.ipc.new_stream(sink, result.arrow().schema) as writer:
        writer.write_table(result.arrow())
    return sink.getvalue().to_pybytes()  # type: ignore[no-any-return,unused-ignore]
