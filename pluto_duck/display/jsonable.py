"""Arrow columns as JSON and CSV values, a column at a time.

    BOOLEAN, numbers to 32 bits, text     as they are
    BIGINT, UBIGINT, HUGEINT, UHUGEINT    a number up to 2^53 - 1 either way, beyond that a string: a JSON
                                          number that JavaScript would round is never sent
    DECIMAL                               a string with all its digits ("12.50")
    DOUBLE, FLOAT                         a number; NaN, Infinity, -Infinity as strings
    DATE, TIME, TIMESTAMP                 ISO 8601; TIMESTAMPTZ in UTC with Z; `infinity`, `-infinity`
    INTERVAL                              ISO 8601 duration (P1M2DT3.5S)
    BLOB                                  base64; BIT as its digits
    LIST, ARRAY                           a list; STRUCT an object; MAP a list of [key, value]
    NULL                                  null
"""

from __future__ import annotations

import base64
import datetime as dt
import json
import math
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow

Json = Any
Array = Any
"""pyarrow.Array of any type."""
SAFE = 2**53 - 1
_WHOLE = ("HUGEINT", "UHUGEINT", "BIGINT", "UBIGINT")


def json_rows(batch: pyarrow.RecordBatch, types: Sequence[str]) -> list[tuple[Json, ...]]:
    """Rows as tuples in column order: names may repeat, so objects would lose values."""
    columns = [json_values(batch.column(i), kind) for i, kind in enumerate(types)]
    return list(zip(*columns, strict=True))


def json_values(array: Array, duckdb_type: str = "") -> list[Json]:
    import pyarrow

    kind, is_ = array.type, pyarrow.types
    if is_.is_dictionary(kind):
        array = array.dictionary_decode()
        kind = array.type
    if isinstance(kind, pyarrow.BaseExtensionType):
        return [_one(value) for value in array.to_pylist()]
    if is_.is_int64(kind) or is_.is_uint64(kind):
        return _whole(array.to_pylist())
    if is_.is_decimal(kind):
        if duckdb_type in _WHOLE:
            return _whole([None if one is None else int(one) for one in array.to_pylist()])
        return [None if one is None else format(one, "f") for one in array.to_pylist()]
    if is_.is_floating(kind):
        return _floats(array)
    if is_.is_date(kind):
        return _dates(array)
    if is_.is_timestamp(kind):
        return _timestamps(array)
    if is_.is_time(kind):
        return _trimmed(array.cast(pyarrow.string())).to_pylist()  # type: ignore[no-any-return]
    if is_.is_binary(kind) or is_.is_large_binary(kind):
        show: Callable[[bytes], str] = _bits if duckdb_type == "BIT" else _base64
        return [None if one is None else show(one) for one in array.to_pylist()]
    if is_.is_list(kind) or is_.is_large_list(kind) or is_.is_fixed_size_list(kind):
        return _lists(array)
    if is_.is_struct(kind):
        return _structs(array)
    if is_.is_map(kind) or is_.is_interval(kind) or is_.is_union(kind) or is_.is_duration(kind):
        return [_one(value) for value in array.to_pylist()]
    return array.to_pylist()  # type: ignore[no-any-return]


def _whole(values: list[int | None]) -> list[Json]:
    if all(one is None or -SAFE <= one <= SAFE for one in values):
        return values
    return [one if one is None or -SAFE <= one <= SAFE else str(one) for one in values]


def _floats(array: Array) -> list[Json]:
    import pyarrow

    if pyarrow.types.is_float32(array.type):
        # 0.1 as FLOAT must read 0.1, not the double nearest to it.
        texts = array.cast(pyarrow.string()).to_pylist()
        values: list[float | None] = [None if one is None else float(one) for one in texts]
    else:
        values = array.to_pylist()
    return [one if one is None or math.isfinite(one) else _float(one) for one in values]


def _float(value: float) -> Json:
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _trimmed(text: Any) -> Any:
    """Without the zeros at the end of a fraction."""
    import pyarrow.compute

    text = pyarrow.compute.replace_substring_regex(text, r"\.0+$", "")
    return pyarrow.compute.replace_substring_regex(text, r"(\.\d*[1-9])0+$", r"\1")


def _dates(array: Array) -> list[Json]:
    import pyarrow

    texts = array.cast(pyarrow.string()).to_pylist()
    if any(one is not None and one.startswith("<") for one in texts):
        days = array.cast(pyarrow.int32()).to_pylist()
        texts = [_far_date(day) if text is not None and text.startswith("<") else text
                 for text, day in zip(texts, days, strict=True)]
    return texts  # type: ignore[no-any-return]


def _far_date(day: int) -> str:
    """Beyond what Arrow can print: 400 years repeat exactly, so the date of a nearer era tells the rest."""
    if abs(day) == 2**31 - 1:
        return "infinity" if day > 0 else "-infinity"
    eras, rest = divmod(day, 146_097)
    near = dt.date(1970, 1, 1) + dt.timedelta(days=rest)
    return f"{near.year + 400 * eras}-{near:%m-%d}"


def _timestamps(array: Array) -> list[Json]:
    import pyarrow
    import pyarrow.compute

    kind = array.type
    plain = array.cast(pyarrow.timestamp(kind.unit)) if kind.tz else array
    texts = pyarrow.compute.replace_substring(plain.cast(pyarrow.string()), " ", "T", max_replacements=1)
    listed = _trimmed(texts).to_pylist()
    if any(one is not None and one.startswith("<") for one in listed):
        raw = plain.cast(pyarrow.int64()).to_pylist()
        listed = [_far_timestamp(value, kind.unit) if text is not None and text.startswith("<") else text
                  for text, value in zip(listed, raw, strict=True)]
    if kind.tz:
        listed = [one if one is None or one.endswith("infinity") else one + "Z" for one in listed]
    return listed  # type: ignore[no-any-return]


def _far_timestamp(value: int, unit: str) -> str:
    if abs(value) == 2**63 - 1:
        return "infinity" if value > 0 else "-infinity"
    per_day = 86_400 * {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    day, rest = divmod(value, per_day)
    seconds, fraction = divmod(rest, per_day // 86_400)
    digits = str(fraction).rjust(len(str(per_day // 86_400)) - 1, "0").rstrip("0") if fraction else ""
    clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return f"{_far_date(day)}T{clock}{'.' + digits if digits else ''}"


def _lists(array: Array) -> list[Json]:
    import pyarrow.compute

    flat = json_values(array.flatten())
    lengths = pyarrow.compute.list_value_length(array).to_pylist()
    found: list[Json] = []
    at = 0
    for length in lengths:
        if length is None:
            found.append(None)
        else:
            found.append(flat[at:at + length])
            at += length
    return found


def _structs(array: Array) -> list[Json]:
    names = [array.type.field(i).name for i in range(array.type.num_fields)]
    fields = [json_values(one) for one in array.flatten()]
    there = array.is_valid().to_pylist()
    return [dict(zip(names, row, strict=True)) if valid else None
            for valid, row in zip(there, zip(*fields, strict=True), strict=True)]


def _one(value: Any) -> Json:
    """One Python value: for the types that have no columnar way."""
    if value is None or isinstance(value, bool | str):
        return value
    if hasattr(value, "months") and hasattr(value, "nanoseconds"):
        return duration(value.months, value.days, value.nanoseconds)
    if isinstance(value, int):
        return value if -SAFE <= value <= SAFE else str(value)
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, dt.datetime) and value.tzinfo is not None:
        return value.astimezone(dt.UTC).replace(tzinfo=None).isoformat() + "Z"
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, bytes):
        return _base64(value)
    if isinstance(value, dict):
        return {str(key): _one(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_one(one) for one in value]
    return str(value)


def duration(months: int, days: int, nanoseconds: int) -> str:
    """ISO 8601; each part keeps its own sign, as DuckDB's parts do."""
    date = (f"{months}M" if months else "") + (f"{days}D" if days else "")
    sign, rest = ("-" if nanoseconds < 0 else ""), abs(nanoseconds)
    seconds, fraction = divmod(rest, 10**9)
    text = f"{sign}{seconds}" + (f".{fraction:09}".rstrip("0") if fraction else "")
    clock = f"T{text}S" if nanoseconds or not date else ""
    return "P" + date + clock


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")


def _bits(value: bytes) -> str:
    """DuckDB's BIT: the first byte counts the padding bits at the start."""
    return "".join(f"{one:08b}" for one in value[1:])[value[0]:]


# -- CSV ------------------------------------------------------------------------------------------


def csv_batch(batch: pyarrow.RecordBatch, types: Sequence[str]) -> pyarrow.RecordBatch:
    """Columns that Arrow's CSV writer prints as JSON would say them; lists and structs as JSON text."""
    import pyarrow

    columns = [_csv_column(batch.column(i), kind) for i, kind in enumerate(types)]
    return pyarrow.RecordBatch.from_arrays(columns, names=[str(one) for one in batch.schema.names])


def _csv_column(array: Array, kind: str) -> Array:
    import pyarrow

    is_ = pyarrow.types
    if is_.is_boolean(array.type) or is_.is_integer(array.type) or is_.is_string(array.type) or _prints_well(array):
        return array
    return pyarrow.array([_csv_text(one) for one in json_values(array, kind)], pyarrow.string())


def _prints_well(array: Array) -> bool:
    """True when Arrow's own text of every value is the documented one: six times as fast as ours."""
    import pyarrow
    import pyarrow.compute

    is_ = pyarrow.types
    if is_.is_floating(array.type):
        return bool(pyarrow.compute.all(pyarrow.compute.is_finite(array), min_count=0).as_py())
    if is_.is_decimal(array.type):
        odd = pyarrow.compute.match_substring(array.cast(pyarrow.string()), "E")
    elif is_.is_date(array.type):
        odd = pyarrow.compute.match_substring(array.cast(pyarrow.string()), "<")
    else:
        return False
    return not pyarrow.compute.any(odd, min_count=0).as_py()


def _csv_text(value: Json) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)
