"""Which DuckDB type holds every value of two others unchanged."""

from __future__ import annotations

import re

_SIGNED = {"TINYINT": 8, "SMALLINT": 16, "INTEGER": 32, "BIGINT": 64, "HUGEINT": 128}
_UNSIGNED = {"UTINYINT": 8, "USMALLINT": 16, "UINTEGER": 32, "UBIGINT": 64, "UHUGEINT": 128}
_BY_BITS = {bits: name for name, bits in _SIGNED.items()}
_DIGITS = {8: 3, 16: 5, 32: 10, 64: 20}
_MANTISSA = {"FLOAT": 16, "DOUBLE": 32}
"""The widest whole numbers that a float type holds exactly, in bits."""
_TEXTUAL = {"JSON", "UUID"}
_DECIMAL = re.compile(r"DECIMAL\((\d+),\s*(\d+)\)")
_LABEL = re.compile(r"'((?:[^']|'')*)'")


def holds(wide: str, narrow: str) -> bool:
    return wider(wide, narrow) == wide


def wider(one: str, other: str) -> str | None:
    """The type as DuckDB writes it; None when there is none, or none that keeps the meaning."""
    if one == other:
        return one
    if one.endswith("[]") and other.endswith("[]"):
        inner = wider(one[:-2], other[:-2])
        return None if inner is None else inner + "[]"
    for first, second in ((one, other), (other, one)):
        found = _ordered(first, second)
        if found:
            return found
    return None


def as_far(one: str, other: str) -> str | None:
    """For two decimals one of which is as wide as they come, which is what a number without declared digits
    comes as: that width with the places of both. Not every value of either has to fit, so the values decide.
    None for other types."""
    first, second = _DECIMAL.fullmatch(one), _DECIMAL.fullmatch(other)
    if first is None or second is None or "38" not in (first[1], second[1]):
        return None
    return f"DECIMAL(38,{max(int(first[2]), int(second[2]))})"


def whole_digits(kind: str) -> int | None:
    """Before the point of a decimal; None for other types."""
    found = _DECIMAL.fullmatch(kind)
    return int(found[1]) - int(found[2]) if found else None


def _ordered(first: str, second: str) -> str | None:
    if first in _SIGNED and second in _SIGNED:
        return _BY_BITS[max(_SIGNED[first], _SIGNED[second])]
    if first in _UNSIGNED and second in _UNSIGNED:
        return max(first, second, key=lambda name: _UNSIGNED[name])
    if first in _SIGNED and second in _UNSIGNED:
        return _BY_BITS.get(max(_SIGNED[first], _UNSIGNED[second] * 2))
    if first in _MANTISSA:
        if second in _MANTISSA:
            return "DOUBLE"
        bits = _bits(second)
        fitting = [name for name in ("FLOAT", "DOUBLE") if bits and bits <= _MANTISSA[name]]
        return None if not fitting else "DOUBLE" if first == "DOUBLE" else fitting[0]
    decimal = _DECIMAL.fullmatch(first)
    if decimal:
        return _decimal(int(decimal[1]), int(decimal[2]), second)
    if first.startswith("ENUM("):
        if second == "VARCHAR":
            return "VARCHAR"
        return _enum(first, second) if second.startswith("ENUM(") else None
    if first in ("TIMESTAMP", "TIMESTAMP_MS") and second in ("DATE", "TIMESTAMP_S", "TIMESTAMP_MS"):
        return first if second != "DATE" or first == "TIMESTAMP" else "TIMESTAMP"
    return "VARCHAR" if first == "VARCHAR" and second in _TEXTUAL else None


def _bits(name: str) -> int | None:
    # An unsigned number needs one bit less than a signed one of twice its width, but floats have no widths between.
    return _SIGNED.get(name) or _UNSIGNED.get(name)


def _decimal(width: int, scale: int, other: str) -> str | None:
    second = _DECIMAL.fullmatch(other)
    if second:
        whole, scale = max(width - scale, int(second[1]) - int(second[2])), max(scale, int(second[2]))
    else:
        digits = _DIGITS.get(_bits(other) or 0)
        if digits is None:
            return None
        whole = max(width - scale, digits)
    return f"DECIMAL({whole + scale},{scale})" if whole + scale <= 38 else None


def _enum(one: str, other: str) -> str:
    labels = dict.fromkeys(_LABEL.findall(one)) | dict.fromkeys(_LABEL.findall(other))
    return "ENUM(" + ", ".join(f"'{label}'" for label in labels) + ")"
