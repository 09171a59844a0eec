"""Entries by who, what, when: newest first, or as they come."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pluto_duck.governance.audit.chain import Chain
from pluto_duck.governance.audit.entry import Entry, entry_of

POLL_S = 0.2


@dataclass(frozen=True)
class Filter:
    """What is empty fits everything. `action` may end in `*`; times are microseconds since 1970."""

    who: str = ""
    """A name, or the id of a key or token."""
    table: str = ""
    """TableRef.key, or another thing as entries name it."""
    action: str = ""
    decision: str = ""
    via: str = ""
    run: str = ""
    trace: str = ""
    sql: str = ""
    """The whole statement: its hash is compared."""
    since: int | None = None
    until: int | None = None


@dataclass(frozen=True)
class Row:
    seq: int
    entry: Entry
    prev: str
    mac: str


_FIELDS = {"decision": "$.decision", "via": "$.via", "run": "$.run", "trace": "$.trace"}


def _condition(chain: Chain, wanted: Filter) -> tuple[str, list[object]]:
    parts, values = ["1"], list[object]()
    if wanted.who:
        parts.append("(who = ? OR json_extract(body, '$.who.id') = ?)")
        values += [wanted.who, wanted.who]
    if wanted.table:
        parts.append("EXISTS (SELECT 1 FROM json_each(body, '$.on') WHERE value = ?)")
        values.append(wanted.table)
    if wanted.action:
        parts.append("json_extract(body, '$.action') GLOB ?")
        values.append(wanted.action.replace("[", "[[]").replace("?", "[?]"))
    if wanted.sql:
        parts.append("json_extract(body, '$.sql') = ?")
        values.append(chain.key.of_sql(wanted.sql))
    for name, path in _FIELDS.items():
        if getattr(wanted, name):
            parts.append(f"json_extract(body, '{path}') = ?")
            values.append(getattr(wanted, name))
    for sign, at in ((">=", wanted.since), ("<", wanted.until)):
        if at is not None:
            parts.append(f"json_extract(body, '$.at') {sign} ?")
            values.append(at)
    return " AND ".join(parts), values


def search(chain: Chain, wanted: Filter = Filter(), *, limit: int = 100, before: int | None = None,
           ) -> list[Row]:
    """Newest first; `before`: only rows with a smaller number, the last of the page before."""
    where, values = _condition(chain, wanted)
    if before is not None:
        where, values = f"seq < ? AND {where}", [before, *values]
    found = chain.reading().execute(
        f"SELECT seq, body, prev, mac FROM audit WHERE {where} ORDER BY seq DESC LIMIT ?", (*values, limit))
    return [_row(one) for one in found.fetchall()]


def walk(chain: Chain, wanted: Filter = Filter(), *, after: int = 0, upto: int | None = None,
         batch: int = 1_000) -> Iterator[Row]:
    """Oldest first, page by page, so that nobody's writes wait for a slow reader."""
    where, values = _condition(chain, wanted)
    end = "" if upto is None else " AND seq <= ?"
    while True:
        page = chain.reading().execute(
            f"SELECT seq, body, prev, mac FROM audit WHERE seq > ?{end} AND {where} ORDER BY seq LIMIT ?",
            (after, *([] if upto is None else [upto]), *values, batch)).fetchall()
        for one in page:
            yield _row(one)
            after = one["seq"]
        if len(page) < batch:
            return


def follow(chain: Chain, wanted: Filter = Filter(), *, after: int) -> Iterator[Row | None]:
    """What comes from now on; None now and then, so that the reader can stop."""
    db, mark = chain.reading(), -1
    while True:
        now = int(db.execute("PRAGMA data_version").fetchone()[0])
        if now != mark:
            mark = now
            for row in walk(chain, wanted, after=after):
                after = row.seq
                yield row
        yield None
        time.sleep(POLL_S)


def _row(row: tuple[Any, ...]) -> Row:
    seq, body, prev, mac = row
    try:
        entry = entry_of(body)
    except (ValueError, KeyError, TypeError, AttributeError):
        entry = Entry("audit.unreadable", decision="deny", at=0)  # `verify` tells what became of it
    return Row(int(seq), entry, _hex(prev), _hex(mac))


def _hex(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else ""
