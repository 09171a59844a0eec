"""Where a session's writes meet the Journal: which tracked tables a statement may write, and who writes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from pluto_duck.errors import PlutoError
from pluto_duck.events.journal import Who
from pluto_duck.events.recording import Ran, Recording
from pluto_duck.events.tracked import Tracked
from pluto_duck.events.writes import Verb, Write, hides, unquoted, write_of
from pluto_duck.session.targets import EVERYTHING, SCHEMA, WRITES, Target, target
from pluto_duck.workspace.database import Cursor, Rows
from pluto_duck.workspace.parser import Statement
from pluto_duck.workspace.protocol import Hello, Json
from pluto_duck.workspace.tableref import DEFAULT_SCHEMA, TableRef, fold

if TYPE_CHECKING:
    import pyarrow

    from pluto_duck.session.handler import SessionHandler


_STARTS = {"insert", "update", "delete", "merge", "with", "create", "copy", "select", "from", "truncate", "drop",
           "alter", "values", "execute"}


class Capturing:
    """Of one session in the host."""

    def __init__(self, handler: SessionHandler, hello: Hello) -> None:
        self._handler = handler
        self._who = who_of(hello)
        self._shadow: Cursor | None = None
        self._prepared: dict[str, str] = {}

    def recording(self, run: str = "") -> Recording:
        """For a transaction that begins now: called before its BEGIN."""
        ledger = self._handler.ledger
        return Recording(ledger.journal, ledger.seq, Who(self._who.actor, self._who.label, run or self._who.run))

    def shadow(self) -> Cursor:
        """Sees what is committed, whatever this session's transaction does."""
        if self._shadow is None:
            self._shadow = self._handler.database.cursor()
        return self._shadow

    def written(self, recording: Recording, written: Target, statement: Statement, schema: str) -> list[Tracked]:
        """The tracked tables that a statement may write."""
        if not recording.tracked:
            return []
        parser, tracked = self._handler.database.parser, recording.tracked
        tokens = parser.tokens(statement.sql)
        words, keys = [fold(one.text) for one in tokens], set(written.keys)
        if statement.type == "DROP" and words[1:2] not in (["table"], ["view"]):
            recording.seen |= set(tracked)  # an index, a macro, ...: no rows
            named = {unquoted(one.text) for one in tokens[2:]} if words[1:2] == ["schema"] else set()
            return [one for one in tracked.values() if fold(one.ref.schema) in named]
        if statement.type == "ALTER":
            renamed = next((tokens[i + 2].text for i in range(len(words) - 2)
                            if words[i:i + 2] == ["rename", "to"]), None)
            if renamed is not None:
                where = written.parts[-2] if len(written.parts) > 1 else schema or DEFAULT_SCHEMA
                keys.add(TableRef(unquoted(renamed), where).key)
        if EVERYTHING in keys or hides(tokens):
            # Whatever it writes, it names.
            named = {unquoted(one.text) for one in tokens}
            recording.seen |= set(tracked)
            return [one for one in tracked.values() if fold(one.ref.name) in named or one.key in keys]
        return recording.among(keys)

    def run(self, recording: Recording, cursor: Cursor, tables: list[Tracked], written: Target, statement: Statement,
            execute: Callable[[str], Rows]) -> Ran:
        parser = self._handler.database.parser
        write, certain = write_of(statement, parser), EVERYTHING not in written.keys
        if certain and hides(parser.tokens(statement.sql)):
            certain = False
        return recording.run(cursor, self.shadow, write, tables, execute, certain=certain,
                             schema_version=self._handler.ledger.version(SCHEMA))

    def stored(self, recording: Recording, cursor: Cursor, table: TableRef, mode: str, work: Callable[[], int]) -> int:
        """Fills a tracked table by `Session.write`."""
        one = recording.tracked[table.key]
        if mode != "append":
            recording.shapes_changed = True
            recording.keep(cursor, [one])
            return work()
        return recording.append(cursor, one, work)

    def internal(self, recording: Recording | None, cursor: Cursor, sql: str) -> list[list[Any]]:
        """Runs a statement of our own making; its rows."""
        if recording is not None and recording.tracked:
            parser = self._handler.database.parser
            statement = parser.statements(sql)[0]
            if statement.type in WRITES:
                written = target(statement, parser)
                tables = self.written(recording, written, statement, DEFAULT_SCHEMA)
                if tables:
                    ran = self.run(recording, cursor, tables, written, statement, cursor.execute)
                    return [] if ran.affected is None else [[ran.affected]]
        done = cursor.execute(sql)
        return [list(row) for row in done.fetchall()] if done.columns else []

    # -- rows that are written without SQL ----------------------------------------------------------

    def returned(self, recording: Recording | None, cursor: Cursor, ref: TableRef, write: Write) -> pyarrow.Table:
        """What a statement of our own with a RETURNING wrote."""
        table = recording.tracked.get(ref.key) if recording is not None else None
        if recording is None or table is None:
            return cursor.execute(write.sql).reader().read_all()
        ran = recording.run(cursor, self.shadow, write, [table], cursor.execute, certain=True,
                            schema_version=self._handler.ledger.version(SCHEMA))
        assert ran.table is not None
        return ran.table

    def followed(self, recording: Recording | None, cursor: Cursor, ref: TableRef, verb: Verb, sets: Iterable[str],
                 work: Callable[[], pyarrow.Table]) -> pyarrow.Table:
        """Does what gives the rows that it wrote, in columns of the table's names."""
        table = recording.tracked.get(ref.key) if recording is not None else None
        if recording is None or table is None:
            return work()
        return recording.follow(cursor, self.shadow, table, verb, sets, work,
                                schema_version=self._handler.ledger.version(SCHEMA))

    # -- statements that hide another one -----------------------------------------------------------

    def note_prepared(self, statement: Statement) -> None:
        """A PREPARE: what an EXECUTE of that name will do."""
        tokens = self._handler.database.parser.tokens(statement.sql)
        start = next((one.start + 2 for one in tokens[2:] if fold(one.text) == "as"), None)
        if start is not None:
            self._prepared[unquoted(tokens[1].text)] = statement.sql.encode()[start:].decode()

    def hidden(self, statement: Statement, schema: str) -> tuple[frozenset[str], str] | None:
        """The tables that an EXECUTE, an EXPLAIN ANALYZE or a SELECT writes, and the text that names them; None where
        it writes none."""
        parser = self._handler.database.parser
        tokens = parser.tokens(statement.sql)
        if statement.type == "SELECT":
            return (frozenset({EVERYTHING}), statement.sql) if hides(tokens) else None
        if statement.type == "EXECUTE":
            inner = self._prepared.get(unquoted(tokens[1].text) if len(tokens) > 1 else "")
        else:
            at = next((i for i, one in enumerate(tokens) if fold(one.text) in _STARTS), None)
            inner = None if at is None else statement.sql.encode()[tokens[at].start:].decode()
        if inner is None:
            return frozenset({EVERYTHING}), ""
        try:
            [found] = parser.statements(inner)
        except (PlutoError, ValueError):
            return frozenset({EVERYTHING}), ""
        if found.type == "SELECT" and not hides(parser.tokens(inner)):
            return None
        keys = target(found, parser, schema=schema).keys if found.type in WRITES else frozenset({EVERYTHING})
        return keys, inner

    def run_hidden(self, recording: Recording, cursor: Cursor, keys: frozenset[str], text: str, statement: Statement,
                   execute: Callable[[str], Rows]) -> Ran:
        """`keys`, `text`: what `hidden` found; without a text, any table may be written."""
        tracked = recording.tracked
        recording.seen |= set(tracked)
        named = {unquoted(one.text) for one in self._handler.database.parser.tokens(text)} if text else set()
        tables = recording.among(keys) if EVERYTHING not in keys else [
            one for one in tracked.values() if not text or fold(one.ref.name) in named]
        if SCHEMA in keys or not text:
            recording.shapes_changed = True
            recording.keep(cursor, tables)
            tables = []
        return recording.run(cursor, self.shadow, Write("other", statement.sql, statement.type), tables, execute,
                             certain=False, schema_version=-1)

    def close(self) -> None:
        if self._shadow is not None:
            self._shadow.close()
            self._shadow = None


def who_of(hello: Hello) -> Who:
    actor: Json = hello.actor
    if actor is None:
        return Who("owner", hello.label or hello.role)
    return Who(str(actor.get("id") or actor.get("name") or "?"), hello.label or hello.role)


__all__ = ["Capturing"]
