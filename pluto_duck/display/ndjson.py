"""Arrow batches as NDJSON, an object a line: the values that `jsonable.py` documents, made column by column.

No Python object is made for a value of the plain types, so that ten columns cost what orjson needs for one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from pluto_duck.display.jsonable import SAFE, json_values

if TYPE_CHECKING:
    import pyarrow

Array = Any
Text = Any
"""pyarrow.StringArray: the JSON text of each value, null where it is NULL."""

FIRST, PIECE = 1_024, 8_192
"""Rows that are written at once: the first are on their way before a batch is through."""
BROKEN = r'["\\\x00-\x1f]'
"""What a JSON string must not hold as it is."""


def unique(names: Sequence[str]) -> list[str]:
    """Names as an object may have them: a second `a` is `a_1`, as DuckDB itself would call it."""
    taken, found = set(names), list[str]()
    for name in names:
        fresh, count = name, 0
        while fresh in found or (count and fresh in taken):
            count += 1
            fresh = f"{name}_{count}"
        found.append(fresh)
    return found


def cut(batch: pyarrow.RecordBatch) -> Iterator[pyarrow.RecordBatch]:
    start = 0
    while start < batch.num_rows:
        rows = PIECE if start else FIRST
        yield batch.slice(start, rows)
        start += rows


class NdJson:
    """The writer of one set of columns."""

    def __init__(self, names: Sequence[str], types: Sequence[str]) -> None:
        self._types = list(types)
        keys = [json.dumps(name, ensure_ascii=False) + ":" for name in unique(names)]
        self._before = [("{" if i == 0 else ",") + key for i, key in enumerate(keys)]

    def pieces(self, batch: pyarrow.RecordBatch) -> Iterator[bytes]:
        for piece in cut(batch):
            yield self.lines(piece)

    def lines(self, batch: pyarrow.RecordBatch) -> bytes:
        import pyarrow
        import pyarrow.compute as pc

        if not batch.num_rows:
            return b""
        # Large: its offsets have 64 bits, and a piece of long texts may pass 2 GB.
        kind = pyarrow.large_string()
        parts: list[Any] = []
        for before, type_, column in zip(self._before, self._types, batch.columns, strict=True):
            text = json_texts(column, type_)
            parts += [pyarrow.scalar(before, kind), pc.fill_null(text, "null").cast(kind)]
        # It joins by what stands last; nothing, here.
        joined = pc.binary_join_element_wise(*parts, pyarrow.scalar("}\n", kind), pyarrow.scalar("", kind))
        _valid, offsets, data = joined.buffers()
        ends = memoryview(offsets).cast("q")
        return bytes(memoryview(data)[ends[joined.offset]:ends[joined.offset + len(joined)]])


def json_texts(array: Array, duckdb_type: str = "") -> Text:
    """JSON text of each value, null for NULL."""
    import pyarrow
    import pyarrow.compute as pc

    kind, is_, text = array.type, pyarrow.types, pyarrow.string()
    if is_.is_dictionary(kind):
        return json_texts(array.dictionary, duckdb_type).take(array.indices)
    if isinstance(kind, pyarrow.BaseExtensionType):
        return _slow(array, duckdb_type)
    if is_.is_boolean(kind) or (is_.is_integer(kind) and kind.bit_width < 64):
        return array.cast(text)
    if is_.is_integer(kind):
        return array.cast(text) if _safe(array) else _slow(array, duckdb_type)
    if is_.is_float64(kind) or is_.is_float32(kind):
        return array.cast(text) if pc.all(pc.is_finite(array), min_count=0).as_py() else _slow(array, duckdb_type)
    if is_.is_string(kind) or is_.is_large_string(kind):
        return _strings(array)
    if is_.is_decimal(kind):
        return _decimals(array, duckdb_type)
    if is_.is_date(kind):
        return _plain(array.cast(text), "<", array, duckdb_type)
    if is_.is_timestamp(kind):
        return _timestamps(array, duckdb_type)
    return _slow(array, duckdb_type)


def _slow(array: Array, duckdb_type: str) -> Text:
    """Value by value."""
    import pyarrow

    return pyarrow.array([None if one is None else json.dumps(one, ensure_ascii=False)
                          for one in json_values(array, duckdb_type)], pyarrow.string())


def _quoted(text: Text) -> Text:
    import pyarrow
    import pyarrow.compute as pc

    mark = pyarrow.scalar('"', text.type)
    return pc.binary_join_element_wise(mark, text, mark, pyarrow.scalar("", text.type))


def _plain(text: Text, odd: str, array: Array, duckdb_type: str) -> Text:
    """Arrow's own text of the values in quotes, if none has what Arrow writes for those it can't."""
    import pyarrow.compute as pc

    if pc.any(pc.match_substring(text, odd), min_count=0).as_py():
        return _slow(array, duckdb_type)
    return _quoted(text)


def _safe(array: Array) -> bool:
    """Whether a JSON number holds every value exactly, in JavaScript, too."""
    import pyarrow.compute as pc

    ends = pc.min_max(array)
    least, most = ends["min"].as_py(), ends["max"].as_py()
    return least is None or (least >= -SAFE and most <= SAFE)


def _strings(array: Array) -> Text:
    import pyarrow.compute as pc

    if not pc.any(pc.match_substring_regex(array, BROKEN), min_count=0).as_py():
        return _quoted(array)
    if pc.any(pc.match_substring_regex(array, r"[\x00-\x09\x0b-\x1f]"), min_count=0).as_py():
        return _slow(array, "")  # control characters are rare, and have many names
    found = pc.replace_substring(array, "\\", "\\\\")
    found = pc.replace_substring(found, '"', '\\"')
    return _quoted(pc.replace_substring(found, "\n", "\\n"))


def _decimals(array: Array, duckdb_type: str) -> Text:
    import pyarrow

    if array.type.scale == 0 and duckdb_type in ("HUGEINT", "UHUGEINT"):
        try:
            whole = array.cast(pyarrow.int64())  # a sum of whole numbers, most often
        except pyarrow.ArrowInvalid:
            return _slow(array, duckdb_type)
        return json_texts(whole)
    return _plain(array.cast(pyarrow.string()), "E", array, duckdb_type)


def _timestamps(array: Array, duckdb_type: str) -> Text:
    """ISO 8601; where all are whole seconds nothing has to be taken off again."""
    import pyarrow
    import pyarrow.compute as pc

    zoned = array.type.tz is not None
    plain = array.cast(pyarrow.timestamp(array.type.unit)) if zoned else array
    try:
        text = plain.cast(pyarrow.timestamp("s")).cast(pyarrow.string())
    except pyarrow.ArrowInvalid:
        text = pc.replace_substring_regex(plain.cast(pyarrow.string()), r"\.?0+$", "")
    if pc.any(pc.match_substring(text, "<"), min_count=0).as_py():
        return _slow(array, duckdb_type)
    text = pc.replace_substring(text, " ", "T", max_replacements=1)
    if zoned:
        text = pc.binary_join_element_wise(text, pyarrow.scalar("Z"), pyarrow.scalar(""))
    return _quoted(text)
