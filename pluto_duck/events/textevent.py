"""The event of a change whose values are at hand as DuckDB's texts: letter for letter what `envelope.event_sql` makes.

A statement of that costs milliseconds before its first row, this some microseconds.
"""

from __future__ import annotations

import base64
import datetime as dt
import re
from collections.abc import Callable
from functools import lru_cache

from pluto_duck.events.envelope import PREFIX, TYPES, Origin, Seen, iso
from pluto_duck.events.jsontext import SAFE, key_text
from pluto_duck.events.recent import Commit, Said, Texts

_SHORT = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", '"': '\\"', "\\": "\\\\"}
_ESCAPES = str.maketrans({**{chr(i): f"\\u{i:04X}" for i in range(32)}, **_SHORT})
_ESCAPED_BYTE = re.compile(rb"\\x([0-9A-F]{2})")
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)(\.\d+)?([+-])(\d\d)(?::(\d\d))?(?::(\d\d))?", re.ASCII)


class Untold(Exception):
    """Only DuckDB can tell this one."""


def event(origin: Origin, seen: Seen, commit: Commit, said: Said) -> tuple[str | None, str]:
    """The key as JSON, and the event. Raises Untold."""
    ref, images = seen.ref, _images(seen.columns)
    names = [name for name, _kind in seen.columns]
    keyed = [names.index(name) for name, _kind in seen.of_key()]
    alone = said.op == "d" and not said.table.before and bool(keyed)
    before = "null" if said.before is None else _row(images, said.before, keyed if alone else None)
    after = "null" if said.after is None else _row(images, said.after)
    shown = said.before if said.after is None else said.after
    key = _row(images, shown, keyed) if keyed and shown is not None else None
    kind, subject = TYPES[said.op], "" if key is None else f',"subject":{string(key)}'
    seq, n, at = commit.seq, said.n, commit.at_ms
    who = f'{_or_null(commit.who.actor)},"run":{_or_null(commit.who.run)}' if seen.tells_who else 'null,"run":null'
    return key, (
        f'{{"specversion":"1.0","id":"{origin.id}:{seq}.{n}","source":{key_text(origin.source(ref))},'
        f'"type":"{PREFIX}{kind}"{subject},"time":"{iso(at)}","datacontenttype":"application/json",'
        f'"dataschema":{key_text(origin.dataschema(ref, seen.version))},"sequence":"{seq:016}.{n:012}",'
        f'"data":{{"before":{before},"after":{after},"op":"{said.op}","ts_ms":{at},"source":{{'
        f'"connector":"pluto-duck","db":{key_text(origin.name)},"schema":{key_text(ref.schema)},'
        f'"table":{key_text(ref.name)},"seq":{seq},"tx_id":{commit.tx},"n":{n},"version":{seen.version},'
        f'"actor":{who},"snapshot":"false","ts_ms":{at},"ts_us":{at}000}},'
        f'"transaction":{{"id":"{commit.tx}","total_order":{n}}}}}}}')


def string(text: str) -> str:
    """As DuckDB's to_json."""
    return f'"{text.translate(_ESCAPES)}"'


def _or_null(text: str) -> str:
    return string(text) if text else "null"


_Image = tuple[str, Callable[[str], str]]


@lru_cache(256)
def _images(columns: tuple[tuple[str, str], ...]) -> tuple[_Image, ...]:
    return tuple((f"{key_text(name)}:", json_of(kind)) for name, kind in columns)


def _row(images: tuple[_Image, ...], texts: Texts, only: list[int] | None = None) -> str:
    return "{" + ",".join(
        f"{images[i][0]}{'null' if texts[i] is None else images[i][1](texts[i])}"  # type: ignore[arg-type]
        for i in (range(len(images)) if only is None else only)) + "}"


def json_of(kind: str) -> Callable[[str], str]:
    """How the text of a value of that type, one of `Tracked.by_text`, becomes JSON."""
    if kind in _KINDS:
        return _KINDS[kind]
    return _quoted if kind.startswith("DECIMAL(") else _untold


def _plain(text: str) -> str:
    return text


def _whole(text: str) -> str:
    return text if -SAFE <= int(text) <= SAFE else f'"{text}"'


def _float(text: str) -> str:
    if "nan" in text:
        return '"NaN"'
    return text if "inf" not in text else '"-Infinity"' if text[0] == "-" else '"Infinity"'


def _quoted(text: str) -> str:
    return f'"{text}"'


def _moment(text: str) -> str:
    return f'"{text.replace(" ", "T")}"'


def _instant(text: str) -> str:
    """DuckDB writes it in the zone of the session."""
    found = _MOMENT.fullmatch(text)
    if found is None:
        if text in ("infinity", "-infinity"):
            return f'"{text}"'
        raise Untold  # years that Python has not
    hours, minutes, seconds = (int(one or 0) for one in found.group(4, 5, 6))
    offset = dt.timedelta(hours=hours, minutes=minutes, seconds=seconds)
    try:
        utc = dt.datetime.fromisoformat(found[1]) - (offset if found[3] == "+" else -offset)
    except (OverflowError, ValueError):
        raise Untold from None
    return f'"{utc.isoformat()}{found[2] or ""}Z"'


def _blob(text: str) -> str:
    content = _ESCAPED_BYTE.sub(lambda one: bytes.fromhex(one[1].decode()), text.encode())
    return f'"{base64.b64encode(content).decode()}"'


def _untold(_text: str) -> str:
    raise Untold


_KINDS: dict[str, Callable[[str], str]] = {
    **dict.fromkeys(("BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "UTINYINT", "USMALLINT", "UINTEGER"), _plain),
    **dict.fromkeys(("BIGINT", "HUGEINT", "UBIGINT", "UHUGEINT"), _whole),
    **dict.fromkeys(("FLOAT", "DOUBLE"), _float), **dict.fromkeys(("UUID", "DATE", "TIME"), _quoted),
    **dict.fromkeys(("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"), _moment),
    "TIMESTAMP WITH TIME ZONE": _instant, "BLOB": _blob, "VARCHAR": string, "JSON": string}


__all__ = ["Untold", "event", "json_of", "string"]
