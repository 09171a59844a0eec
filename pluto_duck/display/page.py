"""A page of rows for a grid: as JSON, or as an Arrow stream that a browser reads without parsing text.

Both carry the same values, those of `jsonable`; long ones are cut, and `cut` counts them. The Arrow stream has only
columns of booleans, whole numbers, doubles and texts. What is none of these is text; where the text is JSON (a nested
value, a number too long for a double), its field says so in its metadata: `pluto_duck: json`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pluto_duck.display.jsonable import json_rows, json_values

if TYPE_CHECKING:
    import pyarrow

    from pluto_duck.workspace import Result

CELL = 1_000
"""Characters of one value."""
_JSON = {b"pluto_duck": b"json"}


@dataclass(frozen=True)
class Page:
    columns: tuple[tuple[str, str], ...]
    """Name and DuckDB type, as they are where the rows come from."""
    table: Any
    """pyarrow.Table of its rows; None where a statement returns none."""
    truncated: bool = False

    @classmethod
    def of(cls, result: Result, limit: int) -> Page:
        """The first `limit` rows of a result."""
        columns = tuple((one.name, one.type) for one in result.columns)
        return cls(columns, result.arrow().slice(0, limit) if result.has_rows else None,
                   result.truncated or result.row_count > limit)

    @property
    def count(self) -> int:
        return 0 if self.table is None else int(self.table.num_rows)

    def json(self) -> dict[str, Any]:
        types, found, cut = [kind for _name, kind in self.columns], list[list[Any]](), 0
        for batch in self.table.to_batches() if self.table is not None else ():
            for row in json_rows(batch, types):
                cells = [short(value) for value in row]
                cut += sum(before is not after for before, after in zip(row, cells, strict=True))
                found.append(cells)
        return self._facts(cut) | {"rows": found}

    def arrow(self, more: Mapping[str, Any] | None = None) -> tuple[dict[str, Any], bytes]:
        """What `json` tells but for the rows, and those as an Arrow stream of one batch. With `more` the stream tells
        it, too, beside what else there is to tell: as JSON in the schema's metadata."""
        import pyarrow

        fields, arrays, cut = [], [], 0
        for at, (name, kind) in enumerate(self.columns):
            chunked = self.table.column(at) if self.table is not None else pyarrow.chunked_array([], pyarrow.null())
            whole = chunked.combine_chunks()
            array, note, shortened = _plain(whole, kind)
            fields.append(pyarrow.field(name, array.type, metadata=note))
            arrays.append(array)
            cut += shortened
        facts = self._facts(cut)
        metadata = None if more is None else {"pluto_duck": json.dumps({**facts, **more}, ensure_ascii=False)}
        sink = pyarrow.BufferOutputStream()
        schema = pyarrow.schema(fields, metadata=metadata)
        with pyarrow.ipc.new_stream(sink, schema) as writer:
            writer.write_batch(pyarrow.RecordBatch.from_arrays(arrays, schema=schema))
        return facts, sink.getvalue().to_pybytes()

    def _facts(self, cut: int) -> dict[str, Any]:
        return {"columns": [{"name": name, "type": kind} for name, kind in self.columns], "count": self.count,
                "cut": cut, "truncated": self.truncated}


def _plain(array: Any, kind: str) -> tuple[pyarrow.Array, dict[bytes, bytes] | None, int]:
    import pyarrow

    is_ = pyarrow.types
    if is_.is_dictionary(array.type):
        array = array.dictionary_decode()
    if not isinstance(array.type, pyarrow.BaseExtensionType):
        if is_.is_boolean(array.type) or is_.is_integer(array.type) or is_.is_float64(array.type):
            return array, None, 0
        if is_.is_string(array.type) or is_.is_large_string(array.type) or is_.is_string_view(array.type):
            return _cut(array)
    values = json_values(array, kind)
    if is_.is_float32(array.type):
        # The double whose shortest text is that of the float: 0.1 stays 0.1.
        return pyarrow.array([None if one is None else float(one) for one in values], pyarrow.float64()), None, 0
    cells = [short(one) for one in values]
    cut = sum(before is not after for before, after in zip(values, cells, strict=True))
    if all(one is None or isinstance(one, str) for one in cells):
        return pyarrow.array(cells, pyarrow.string()), None, cut
    texts = [None if one is None else json.dumps(one, ensure_ascii=False) for one in cells]
    return pyarrow.array(texts, pyarrow.string()), _JSON, cut


def _cut(array: Any) -> tuple[pyarrow.Array, None, int]:
    import pyarrow
    from pyarrow import compute

    array = array.cast(pyarrow.large_string())
    long = compute.greater(compute.utf8_length(array), CELL)
    cut = compute.sum(long).as_py() or 0
    if cut:
        more, nothing = (pyarrow.scalar(one, pyarrow.large_string()) for one in ("…", ""))
        heads = compute.binary_join_element_wise(compute.utf8_slice_codeunits(array, 0, CELL), more, nothing)
        array = compute.if_else(long, heads, array)
    return array.cast(pyarrow.string()), None, cut


def short(value: Any, most: int = CELL) -> Any:
    if isinstance(value, str):
        return value if len(value) <= most else value[:most] + "…"
    if isinstance(value, list | dict):
        text = json.dumps(value, ensure_ascii=False)
        return value if len(text) <= most else text[:most] + "…"
    return value
