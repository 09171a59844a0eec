"""From the text that a type's output function writes, which is what a publication sends, to the text that a load asks
the server for: so that both are read by the same expressions, and arrive as the same value.

Source: PostgreSQL's documentation, "Array Input and Output Syntax", "Composite Type Input and Output Syntax".
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from pluto_duck.ingest.connectors.postgres_carrier import Carrier
from pluto_duck.ingest.connectors.postgres_types import Kind

Convert = Callable[[bytes], "bytes | str"]

_ESCAPE = re.compile(r"\\(.)", re.S)
_ITEM = re.compile(r'"((?:[^"\\]|\\.)*)"|([^{},";]+)', re.S)
_PLAIN_ARRAY = re.compile(r'\{[^{}"\\\s]*\}')
_PAIR = re.compile(r'"((?:[^"\\]|\\.)*)"=>(?:NULL|"((?:[^"\\]|\\.)*)")', re.S)


class Misfit(ValueError):
    """A value that the column's type here can't hold: an array with more dimensions than those before."""


def converter(kind: Kind, carrier: Carrier, money_digits: int) -> Convert | None:
    """None where the two texts are the same."""
    if carrier.shape:
        shape = json.loads(carrier.shape)
        return lambda value: json.dumps(_nested(kind, shape, value.decode(), money_digits), ensure_ascii=False)
    leaf = _leaf(kind, money_digits) if kind.sort == "base" else None
    return None if leaf is None else lambda value: leaf(value.decode())


def unsent(kind: Kind) -> bool:
    """True for types whose text in a load a publication does not have: functions by name, without their arguments."""
    inner = [kind.element] if kind.element else [field for _name, field in kind.fields]
    return (kind.sort == "base" and kind.own and kind.name in ("regproc", "regoper")) or any(map(unsent, inner))


def _leaf(kind: Kind, money_digits: int) -> Callable[[str], str] | None:
    if kind.extension == "hstore" and kind.name == "hstore":
        return _hstore
    if not kind.own:
        return None
    if kind.name == "bpchar":
        return lambda text: text.rstrip(" ")
    if kind.name == "inet":
        return lambda text: text if "/" in text else text + ("/128" if ":" in text else "/32")
    if kind.name == "money":
        return lambda text: _money(text, money_digits)
    return None


def _money(text: str, digits: int) -> str:
    """As the session's lc_monetary "C" writes it: with two digits behind the point, whatever the server's has."""
    number = re.sub(r"\D", "", text).zfill(digits + 1)
    sign = "-" if "-" in text or "(" in text else ""
    return sign + (f"{number[:-digits]}.{number[-digits:]}" if digits else number)


def _hstore(text: str) -> str:
    return json.dumps({_bare(key): None if found[0].endswith("=>NULL") else _bare(found[2])
                       for found in _PAIR.finditer(text) for key in (found[1],)}, ensure_ascii=False)


def _bare(text: str) -> str:
    return _ESCAPE.sub(r"\1", text) if "\\" in text else text


def _nested(kind: Kind, shape: Any, text: str, money_digits: int) -> Any:
    if isinstance(shape, list):
        assert kind.element is not None
        deep, inner = 0, shape
        while isinstance(inner, list):
            deep, inner = deep + 1, inner[0]
        element = kind.element
        found = _array(text, deep, ";" if element.own and element.name == "box" else ",")
        if inner == "VARCHAR" and (leaf := _leaf(element, money_digits)) is None:
            return found
        return _each(found, lambda one: _nested(element, inner, one, money_digits))
    if isinstance(shape, dict):
        values = _record(text)
        if len(values) != len(kind.fields):
            raise Misfit(f"a row of {len(values)} fields")
        return {f"f{place}": None if value is None else _nested(field, shape[f"f{place}"], value, money_digits)
                for place, ((_name, field), value) in enumerate(zip(kind.fields, values, strict=True))}
    leaf = _leaf(kind, money_digits) if kind.sort == "base" else None
    return text if leaf is None else leaf(text)


def _each(found: Any, convert: Callable[[str], Any]) -> Any:
    if isinstance(found, list):
        return [_each(one, convert) for one in found]
    return None if found is None else convert(found)


def _array(text: str, deep: int, between: str) -> list[Any]:
    """The lists of an array literal, `deep` of them inside each other; its leaves as text."""
    if text == "{}":
        return []
    if deep == 1 and between == "," and _PLAIN_ARRAY.fullmatch(text):
        return [None if one == "NULL" else one for one in text[1:-1].split(",")]
    if not text.startswith("{"):
        raise Misfit("an array that does not begin at 1")
    found, at = _level(text, 1, deep, 1, between)
    if at != len(text):
        raise Misfit("an array of another shape")
    return found


def _level(text: str, at: int, deep: int, level: int, between: str) -> tuple[list[Any], int]:
    found: list[Any] = []
    while text[at] != "}":
        if text[at] == between:
            at += 1
        elif text[at] == "{":
            if level == deep:
                raise Misfit("an array of more dimensions")
            inner, at = _level(text, at + 1, deep, level + 1, between)
            found.append(inner)
        else:
            if level < deep:
                raise Misfit("an array of fewer dimensions")
            item, at = _item(text, at, between)
            found.append(item)
    return found, at + 1


def _item(text: str, at: int, between: str) -> tuple[str | None, int]:
    if text[at] == '"':
        match = _ITEM.match(text, at)
        assert match is not None
        return _bare(match[1]), match.end()
    end = at
    while text[end] not in (between, "}"):
        end += 2 if text[end] == "\\" else 1
    word = text[at:end]
    return None if word == "NULL" else _bare(word), end


def _record(text: str) -> list[str | None]:
    """The fields of a row literal, `(1,"a b",)`; nothing at all is NULL."""
    values: list[str | None] = []
    at, last = 1, len(text) - 1
    while True:
        piece: list[str] = []
        quoted_once = False
        while at < last and text[at] != ",":
            if text[at] == '"':
                quoted_once = True
                at += 1
                while True:
                    if text[at] == "\\":
                        piece.append(text[at + 1])
                        at += 2
                    elif text[at] == '"' and text[at + 1:at + 2] == '"':
                        piece.append('"')
                        at += 2
                    elif text[at] == '"':
                        at += 1
                        break
                    else:
                        piece.append(text[at])
                        at += 1
            elif text[at] == "\\":
                piece.append(text[at + 1])
                at += 2
            else:
                piece.append(text[at])
                at += 1
        values.append("".join(piece) if piece or quoted_once else None)
        if at >= last:
            return values
        at += 1
