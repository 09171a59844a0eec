"""A consumer that has nothing but CloudEvents: whoever applies them as docs/changes.md says has the tables."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import duckdb

from pluto_duck.events.decode import insert_sql
from pluto_duck.events.model import ChangeReader, Position
from pluto_duck.session import Session, TableRef
from tests.events.replay import Row, table

Json = dict[str, Any]


class Copy:
    """One table, or what one partition has of it."""

    def __init__(self, columns: Sequence[tuple[str, str]] | None = None) -> None:
        self.columns = None if columns is None else list(columns)
        """None where it was told whole by a sink, which tells rows and no types."""
        self.rows: Counter[str] = Counter()
        self.seen: dict[str, str] = {}
        self.resyncs = 0

    def apply(self, event: Json, *, strict: bool) -> None:
        """`strict`: each change comes once, and fits what is there; else what was seen of a key is a repeat."""
        data, op = event["data"], event["data"]["op"]
        if op in ("c", "u", "d", "r"):
            key = event.get("subject", "")
            if not strict and self.seen.get(key, "") >= event["sequence"]:
                return
            self.seen[key] = event["sequence"]
            self._row(op, key, data["before"], data["after"], strict)
        elif op == "schema":
            self._reshape([(one["name"], one["type"]) for one in data["columns"]])
        elif op in ("t", "drop"):
            self.rows.clear()
            self.seen.clear()
        else:
            assert op == "resync"
            self.resyncs += 1

    def _row(self, op: str, key: str, before: Json | None, after: Json | None, strict: bool) -> None:
        known = self._of(json.loads(key, parse_float=str)) if key else None
        if strict and key:
            assert (known is None) == (op in ("c", "r")), (op, key, known)
            if before is not None and known is not None:
                assert before.items() <= _row(known).items(), (before, known)
        if key and known is not None:
            self._less(known)
        elif op == "d" and not key:
            assert before is not None
            self._less(_text(before))
        if op != "d":
            assert after is not None
            self.rows[_text(after)] += 1

    def _less(self, row: str) -> None:
        assert self.rows[row] > 0, (row, self.rows)
        self.rows[row] -= 1
        self.rows += Counter()

    def _of(self, key: Json) -> str | None:
        found = [one for one in self.rows if key.items() <= _row(one).items()]
        assert len(found) <= 1, found
        return found[0] if found else None

    def _reshape(self, columns: list[tuple[str, str]]) -> None:
        self.columns = columns if self.columns is not None else None
        made: Counter[str] = Counter()
        for one, count in self.rows.items():
            row = _row(one)
            made[_text({name: row.get(name) for name, _kind in columns})] += count
        self.rows = made


class Consumer:
    """Of whole tables, in the order of the commits."""

    def __init__(self, *, strict: bool = True) -> None:
        self.position, self.strict = Position(), strict
        self.copies: dict[str, Copy] = {}
        self._commits: dict[int, Any] = {}

    def knows(self, ref: TableRef, columns: Sequence[tuple[str, str]], rows: Iterable[str] = ()) -> None:
        """`rows`: events of a snapshot."""
        self.copies[ref.key] = Copy(columns)
        for one in rows:
            self.copies[ref.key].apply(_event(one), strict=self.strict)

    def take(self, text: str) -> None:
        event = _event(text)
        source = event["data"]["source"]
        copy = self.copies.setdefault(TableRef(source["table"], source["schema"]).key, Copy())
        copy.apply(event, strict=self.strict)

    def read(self, reader: ChangeReader, limit: int = 1000) -> int:
        """All that came since, of all tables: numbered without a gap, in one order; how many."""
        count = 0
        while True:
            batch = reader.changes(self.position, limit=limit)
            for one in batch.table.to_pylist():
                at = Position(one["seq"], one["n"])
                assert at == Position(self.position.seq, self.position.n + 1) or (
                    at.seq > self.position.seq and at.n == 1), (self.position, at)
                event = _event(one["event"])
                data = event["data"]
                assert event["sequence"] == f"{at.seq:016}.{at.n:012}"
                assert (data["source"]["seq"], data["source"]["n"], data["transaction"]["total_order"]) == (at.seq, at.n, at.n)
                assert self._commits.setdefault(at.seq, data["transaction"]["id"]) == data["transaction"]["id"]
                self.position = at
                self.take(one["event"])
                count += 1
            assert self.position <= batch.position
            self.position = batch.position
            if not batch.table.num_rows and batch.position.seq >= batch.head:
                assert len(set(self._commits.values())) == len(self._commits)
                return count

    def check(self, session: Session, ref: TableRef) -> None:
        copy = self.copies.get(ref.key, Copy())
        infos = session.tables([ref])
        assert copy.resyncs == 0
        if not infos:
            assert not copy.rows
            return
        columns = [(one.name, one.type) for one in infos[0].columns]
        if copy.columns is not None and self.strict:
            assert copy.columns == columns
        assert decoded(columns, copy.rows) == table(session, ref)


def decoded(columns: Sequence[tuple[str, str]], rows: Counter[str]) -> Counter[Row]:
    """The rows as DuckDB writes them, once `events.decode` has made them again."""
    made: Counter[Row] = Counter()
    with duckdb.connect() as engine:
        engine.execute(f"CREATE TABLE made ({', '.join(f'{_quoted(name)} {kind}' for name, kind in columns)})")
        for text in rows.elements():
            row = _row(text)
            assert set(row) == {name for name, _kind in columns}, (row, columns)
            engine.execute(insert_sql("made", columns, row))
        for found in engine.execute(f"SELECT {', '.join(f'CAST({_quoted(name)} AS VARCHAR)' for name, _ in columns)} "
                                    "FROM made").fetchall():
            made[tuple((name, value) for (name, _kind), value in zip(columns, found, strict=True) if value is not None)] += 1
    return made


def of_messages(messages: Iterable[Any]) -> dict[int, Consumer]:
    """What Kafka tells, partition by partition: each is a stream of its own."""
    found: dict[int, Consumer] = {}
    for one in messages:
        if one.value() is not None:
            found.setdefault(one.partition(), Consumer(strict=False)).take(one.value().decode())
    return found


def together(partitions: Iterable[Consumer]) -> Consumer:
    """The union: a key lives in one partition."""
    whole = Consumer(strict=False)
    for consumer in partitions:
        for key, copy in consumer.copies.items():
            whole.copies.setdefault(key, Copy()).rows.update(copy.rows)
    return whole


def _event(text: str) -> Json:
    return json.loads(text, parse_float=str)  # type: ignore[no-any-return]


def _row(text: str) -> Json:
    return json.loads(text)  # type: ignore[no-any-return]


def _text(row: Json) -> str:
    return json.dumps(row, ensure_ascii=False, sort_keys=True)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
