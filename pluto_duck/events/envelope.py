"""One change as a CloudEvent whose data is shaped as Debezium's, made by DuckDB itself: Python would be slower by far.

Sources: CloudEvents 1.0.2 with its extensions sequence and tracing; Debezium's change event values.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote as percent

from pluto_duck.events.jsontext import json_text, key_text, literal, row_text
from pluto_duck.events.model import Position
from pluto_duck.workspace.tableref import TableRef, quote

TYPES = {"c": "row.created", "u": "row.updated", "d": "row.deleted", "r": "row.snapshot", "t": "table.truncated",
         "schema": "table.altered", "drop": "table.dropped", "resync": "table.resync"}
PREFIX = "io.plutoduck."
_S = "system.main."


@dataclass(frozen=True)
class Origin:
    """Where changes come from."""

    id: str
    """Of the workspace, for good."""
    name: str

    def source(self, table: TableRef) -> str:
        return f"/workspaces/{self.id}/tables/{percent(table.schema, safe='')}.{percent(table.name, safe='')}"

    def dataschema(self, table: TableRef, version: int) -> str:
        return (f"urn:pluto-duck:shape:{self.id}:{percent(table.schema, safe='')}."
                f"{percent(table.name, safe='')}:{version}")


@dataclass(frozen=True)
class Seen:
    """One shape of a table as a reader sees it."""

    ref: TableRef
    version: int
    columns: tuple[tuple[str, str], ...]
    """Names and types."""
    key: tuple[str, ...]
    """() where it has none, or the reader does not see all of it as it is."""
    tells_who: bool = True
    """Whether actor and run may be told."""

    def of_key(self) -> list[tuple[str, str]]:
        return [one for one in self.columns if one[0] in self.key]


def image_sql(columns: Sequence[tuple[str, str]], struct: str) -> str:
    """The JSON text of a row that is kept as a STRUCT; 'null' where there is none."""
    return f"CASE WHEN {struct} IS NULL THEN 'null' ELSE {row_text(columns, lambda name: field(struct, name))} END"


def field(struct: str, name: str) -> str:
    return f"{struct}.{quote(name)}"


def event_sql(origin: Origin, seen: Seen, *, snapshot: bool = False) -> str:
    """SQL of the event, over columns `seq`, `n`, `tx`, `at_ms`, `actor`, `run`, `op`, `key` (JSON or NULL) and the JSON
    texts `image_before` and `image_after`."""
    ref, text = seen.ref, literal
    kind = literal(TYPES["r"]) if snapshot else (
        "CASE op " + "".join(f"WHEN '{op}' THEN '{TYPES[op]}' " for op in "cu") + f"ELSE '{TYPES['d']}' END")
    subject = [f"""coalesce(',"subject":' || {json_text("VARCHAR", "key")}, '')"""] if seen.key else []
    who = [json_text("VARCHAR", "actor"), text(',"run":'), json_text("VARCHAR", "run")] if seen.tells_who else [
        text('null,"run":null')]
    transaction = [text(',"transaction":null')] if snapshot else [
        text(',"transaction":{"id":"'), "tx", text('","total_order":'), "n", text("}")]
    parts = [
        text(f'{{"specversion":"1.0","id":"{origin.id}:{"r" if snapshot else ""}'), "seq", text("."), "n",
        text(f'","source":{key_text(origin.source(ref))},"type":"{PREFIX}'), kind, text('"'), *subject,
        text(',"time":"'), f"{_S}strftime({_S}make_timestamp(at_ms * 1000), '%Y-%m-%dT%H:%M:%S.%gZ')",
        text('","datacontenttype":"application/json","dataschema":'
             + key_text(origin.dataschema(ref, seen.version)) + ',"sequence":"'),
        f"{_S}lpad(CAST(seq AS VARCHAR), 16, '0')", text("."), f"{_S}lpad(CAST(n AS VARCHAR), 12, '0')",
        text('","data":{"before":'), "image_before", text(',"after":'), "image_after", text(',"op":"'), "op",
        text('","ts_ms":'), "at_ms",
        text(f',"source":{{"connector":"pluto-duck","db":{key_text(origin.name)},"schema":{key_text(ref.schema)},'
             f'"table":{key_text(ref.name)},"seq":'),
        "seq", text(',"tx_id":'), "coalesce(CAST(tx AS VARCHAR), 'null')", text(',"n":'), "n",
        text(f',"version":{seen.version},"actor":'), *who,
        text(f',"snapshot":"{"true" if snapshot else "false"}","ts_ms":'), "at_ms", text(',"ts_us":'), "at_ms",
        text("000}"), *transaction, text("}}")]
    return f"{_S}concat({', '.join(_merged(parts))})"


def mark_event(origin: Origin, seen: Seen, mark: Mark, more: dict[str, Any]) -> str:
    """A change of the table as a whole. `more`: what else its data says."""
    who = (mark.actor, mark.run) if seen.tells_who else (None, None)
    return table_event(origin, seen.ref, mark.op, Position(mark.seq, mark.n), mark.at_ms, tx=mark.tx,
                       version=seen.version, who=who, more=more)


def table_event(origin: Origin, ref: TableRef, op: str, at: Position, at_ms: int, *, tx: int | None = None,
                version: int | None = None, who: tuple[str | None, str | None] = (None, None),
                more: dict[str, Any]) -> str:
    """Of a table as a whole. `tx`: None for what a relay tells by itself, of no transaction. `who`: actor and run."""
    shape = {} if version is None else {"dataschema": origin.dataschema(ref, version)}
    return json.dumps({
        "specversion": "1.0", "id": f"{origin.id}:{op if tx is None else ''}{at.seq}.{at.n}",
        "source": origin.source(ref), "type": PREFIX + TYPES[op], "time": iso(at_ms),
        "datacontenttype": "application/json", **shape, "sequence": f"{at.seq:016}.{at.n:012}",
        "data": {"before": None, "after": None, "op": op, "ts_ms": at_ms, "source": {
            "connector": "pluto-duck", "db": origin.name, "schema": ref.schema, "table": ref.name,
            "seq": at.seq, "tx_id": tx, "n": at.n, "version": version, "actor": who[0], "run": who[1],
            "snapshot": "true" if tx is None else "false", "ts_ms": at_ms, "ts_us": at_ms * 1000},
            "transaction": None if tx is None else {"id": str(tx), "total_order": at.n}, **more}},
        ensure_ascii=False, separators=(",", ":"))


@dataclass(frozen=True)
class Mark:
    seq: int
    n: int
    tx: int
    at_ms: int
    actor: str | None
    run: str | None
    table: str
    """TableRef.key."""
    op: str
    shape: int | None
    detail: str | None


def iso(at_ms: int) -> str:
    import datetime as dt

    at = dt.datetime(1970, 1, 1) + dt.timedelta(milliseconds=at_ms)
    return at.isoformat(timespec="milliseconds") + "Z"


def _merged(parts: list[str]) -> list[str]:
    """Neighbouring literals as one: each argument costs."""
    found: list[str] = []
    for one in parts:
        if found and one[0] == one[-1] == found[-1][0] == found[-1][-1] == "'":
            found[-1] = found[-1][:-1] + one[1:]
        else:
            found.append(one)
    return found


__all__ = ["PREFIX", "TYPES", "Mark", "Origin", "Seen", "event_sql", "field", "image_sql", "iso", "mark_event",
           "table_event"]
