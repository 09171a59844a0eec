"""Conversations in the control store: what was asked, what was answered, what people thought of it."""

from __future__ import annotations

import json
import sqlite3
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace as altered
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from pluto_duck.agent.answer import Answer
from pluto_duck.agent.fingerprint import fingerprint
from pluto_duck.agent.memory.kept import Conversation, Door, Kept, Rating, answer_of, body, cells
from pluto_duck.errors import PlutoError, Refused, UnknownName, UsageError
from pluto_duck.governance.seal import seal
from pluto_duck.session import Session
from pluto_duck.session.targets import POLICY
from pluto_duck.workspace import TableRef
from pluto_duck.workspace.blot import blotted

if TYPE_CHECKING:
    from pluto_duck.catalog import Verified

MIGRATIONS = (
    """CREATE TABLE conversations (
        id TEXT NOT NULL PRIMARY KEY, title TEXT NOT NULL, door TEXT NOT NULL, created_at REAL NOT NULL,
        changed_at REAL NOT NULL)""",
    """CREATE TABLE answers (
        id TEXT NOT NULL PRIMARY KEY, conversation TEXT NOT NULL, turn INTEGER NOT NULL, asked_at REAL NOT NULL,
        question TEXT NOT NULL, planner TEXT NOT NULL, status TEXT NOT NULL, text TEXT NOT NULL, sql TEXT NOT NULL,
        body TEXT NOT NULL, columns TEXT NOT NULL, row_count INTEGER, mark TEXT NOT NULL, rows TEXT,
        versions TEXT NOT NULL, rating TEXT NOT NULL DEFAULT '', note TEXT NOT NULL DEFAULT '',
        UNIQUE (conversation, turn))""",
    "CREATE INDEX conversations_changed ON conversations (changed_at)",
    "ALTER TABLE conversations ADD COLUMN who TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE conversations ADD COLUMN whose TEXT NOT NULL DEFAULT ''",
)
_ROOM = "memory"
MAX_NOTE = 1_000
MAX_TITLE = 200
MAX_WORDS = 8
MAX_TURNS = 200
"""Of a conversation: planners read the last few, and whoever goes on has begun another subject long ago."""
MOST_OF_OTHERS = 1_000
"""Conversations of one key or token; the one that was last used longest ago goes first."""
_COLUMNS = ("c.id, c.title, c.door, c.created_at, c.changed_at, c.who, "
            "(SELECT count(*) FROM answers a WHERE a.conversation = c.id) AS turns")


class Memory:
    """That of one workspace, as far as it is the session's actor's: others than the owner have what they asked
    themselves, and for the rest there is nothing. `now`: seconds since 1970."""

    def __init__(self, session: Session, now: Callable[[], float] = time.time) -> None:
        self._session, self._now, actor = session, now, session.actor
        self._control = session.control if actor is None else session.records
        # By all that the actor is: who comes with other claims or roles is no longer who asked. Sealed, so that
        # nothing in a folder that was cloned is anybody's but the owner's.
        self._whose = "" if actor is None else seal(session.workspace, "conversations", actor.to_dict())
        self._who = "" if actor is None else f"{actor.kind} {actor.name}"
        # As it is before anything is worked out: what is kept was told under no later one.
        self._policy = {} if actor is None else {POLICY: session.versions().get(POLICY, 0)}

    # -- writing ----------------------------------------------------------------------------------

    def keep(self, answer: Answer, *, conversation: str = "", door: Door = "python") -> Answer:
        """The answer with its id, kept as the setting agent.keep says: at the end of a conversation, or as the
        beginning of one. With `nothing` it comes back as it is."""
        keep = self._session.settings["agent.keep"]
        if keep == "nothing":
            return answer
        now, made = self._now(), not conversation
        kept = altered(answer, id=uuid.uuid4().hex[:12], conversation=conversation or uuid.uuid4().hex[:8])
        result = answer.result if answer.result is not None and answer.result.has_rows else None
        columns = json.dumps([one.name for one in result.columns] if result else [])
        facts = (columns, result.row_count if result else None, fingerprint(result) if result else "",
                 cells(result) if result and keep == "rows" else None,
                 json.dumps(self._versions(answer.sql) | self._policy))
        with self._control.connection(_ROOM, MIGRATIONS) as db:
            if made:
                db.execute("INSERT INTO conversations (id, title, door, created_at, changed_at, who, whose) "
                           "VALUES (?, ?, ?, ?, ?, ?, ?)", (kept.conversation, blotted(answer.question), door, now, now,
                                                            self._who, self._whose))
                if self._whose:
                    self._make_room(db)
            elif not db.execute("UPDATE conversations SET changed_at = ? WHERE id = ? AND whose = ?",
                                (now, conversation, self._whose)).rowcount:
                raise _missing("conversation", conversation)  # deleted while the question was worked on
            turn = db.execute("SELECT coalesce(max(turn), 0) + 1 FROM answers WHERE conversation = ?",
                              (kept.conversation,)).fetchone()[0]
            db.execute("INSERT INTO answers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '', '')", (
                kept.id, kept.conversation, turn, now, blotted(answer.question), answer.planner, answer.status,
                blotted(answer.text), blotted(answer.sql), body(kept), *facts))
        _LAST[self._session] = kept.conversation
        return kept

    def _make_room(self, db: sqlite3.Connection) -> None:
        over = db.execute("SELECT id FROM conversations WHERE whose = ? ORDER BY changed_at DESC LIMIT -1 OFFSET ?",
                          (self._whose, MOST_OF_OTHERS)).fetchall()
        for row in over:
            db.execute("DELETE FROM answers WHERE conversation = ?", (row["id"],))
            db.execute("DELETE FROM conversations WHERE id = ?", (row["id"],))

    def _told(self, rows: Sequence[sqlite3.Row]) -> list[Kept]:
        """To others than the owner only what was made under the policy of now: what it has hidden since must not
        stand in an old answer, in words, SQL or rows."""
        found, now = [_kept(row) for row in rows], self._policy
        told = [one if not now or one.versions.get(POLICY) == now[POLICY] else _shut(one) for one in found]
        return [altered(one, versions={key: at for key, at in one.versions.items() if key != POLICY}) for one in told]

    def _versions(self, sql: str) -> dict[str, int]:
        """Of the tables that some SQL reads."""
        if not sql:
            return {}
        import sqlglot
        from sqlglot import expressions

        try:
            tree = sqlglot.parse_one(sql, dialect="duckdb")
            named = {TableRef(one.name, one.db or "main").key for one in tree.find_all(expressions.Table)}
            return {key: version for key, version in self._session.versions().items() if key in named or key == "*"}
        except (sqlglot.errors.SqlglotError, PlutoError):
            return {}

    def rate(self, id: str, rating: Rating, note: str = "") -> Kept:
        """Thumbs up or down for an answer; "" takes it back. A rating changes no later answer by itself."""
        if rating not in ("up", "down", ""):
            raise UsageError(f"{rating!r} is no rating.", hint="up, down, or an empty text to take it back.")
        if len(note) > MAX_NOTE:
            raise UsageError(f"The note has {len(note)} characters; {MAX_NOTE} is the most.")
        found = self.answer(id)
        with self._control.connection(_ROOM, MIGRATIONS) as db:
            db.execute("UPDATE answers SET rating = ?, note = ? WHERE id = ?", (rating, blotted(note), found.answer.id))
        return altered(found, rating=rating, note=blotted(note))

    def verify(self, id: str, question: str = "", sql: str = "", *, replace: bool = False) -> Verified:
        """Makes an answer's question a verified one, in semantics.yaml, and gives the answer a thumb up.

        `question`: in whole words, needed where the answer's own only makes sense after the one before; `sql`: better
        SQL than the answer's. Raises what `VerifiedQuestions.add` does.
        """
        from pluto_duck.agent.memory.verified import VerifiedQuestions

        if self._whose:
            raise Refused("Only the owner of the workspace may do this.")
        found = self.answer(id)
        if not (sql or found.answer.sql):
            raise UsageError("This answer has no SQL to verify.", hint="Choose one of its readings first, or give SQL.")
        if not question and not self._whole(found):
            raise Refused(f"{found.answer.question!r} makes sense only after the question before it.",
                          hint="Give the question in whole words.")
        made = VerifiedQuestions(self._session).add(question or found.answer.question, sql or found.answer.sql,
                                                    replace=replace)
        self.rate(found.answer.id, "up", found.note)
        return made

    def _whole(self, kept: Kept) -> bool:
        """Whether an answer's question means the same without the conversation it was asked in."""
        from pluto_duck.agent.asking import ask

        if kept.turn == 1 or self.turns(kept.answer.conversation)[0].answer.question == kept.answer.question:
            return True
        return ask(self._session, kept.answer.question, planner="builtin", verified=False).sql == kept.answer.sql

    def rename(self, id: str, title: str) -> Conversation:
        """Another title than its first question. Raises UsageError for an empty or endless one."""
        text = " ".join(blotted(title).split())
        if not 1 <= len(text) <= MAX_TITLE:
            raise UsageError(f"A title has 1 to {MAX_TITLE} characters.")
        found = self.conversation(id)
        with self._control.connection(_ROOM, MIGRATIONS) as db:
            db.execute("UPDATE conversations SET title = ? WHERE id = ?", (text, found.id))
        return self.conversation(found.id)

    def delete(self, id: str) -> Conversation:
        """A conversation and all its answers; questions that were verified stay."""
        found = self.conversation(id)
        with self._control.connection(_ROOM, MIGRATIONS) as db:
            db.execute("DELETE FROM answers WHERE conversation = ?", (found.id,))
            db.execute("DELETE FROM conversations WHERE id = ?", (found.id,))
        if _LAST.get(self._session) == found.id:
            del _LAST[self._session]
        return found

    # -- reading ----------------------------------------------------------------------------------

    def conversations(self, limit: int = 50, *, before: float | None = None, search: str = "",
                      everyone: bool = False) -> list[Conversation]:
        """Those last used first. `before`: the `changed_at` of the last one of the page before. `search`: only those
        in whose title, questions, answers or SQL each of its words stands. `everyone`: for the owner, those of keys
        and tokens, too."""
        words = search.split()[:MAX_WORDS]
        said = ("lower(c.title || ' ' || coalesce((SELECT group_concat(a.question || ' ' || a.text || ' ' || a.sql, "
                "' ') FROM answers a WHERE a.conversation = c.id), ''))")
        held = "".join(f" AND instr({said}, lower(?)) > 0" for _word in words)
        rows = self._read().execute(
            f"SELECT {_COLUMNS} FROM conversations c WHERE (whose = ? OR ?) AND (? IS NULL OR changed_at < ?){held} "
            "ORDER BY changed_at DESC, id LIMIT ?",
            (self._whose, everyone and not self._whose, before, before, *words, limit))
        return [Conversation(**dict(row)) for row in rows]

    def conversation(self, id: str) -> Conversation:
        """By its id or the beginning of it. Raises UnknownName."""
        name = self._one("conversations", "conversation", id)
        row = self._read().execute(f"SELECT {_COLUMNS} FROM conversations c WHERE id = ?", (name,)).fetchone()
        if row is None:
            raise _missing("conversation", id)  # deleted since
        return Conversation(**dict(row))

    def mine(self, id: str) -> Conversation:
        """One to go on with or ask again. Raises Refused for one that the owner sees and somebody else began: its
        questions are no instructions to the owner's planner, nor to be asked of the owner's tables."""
        found = self.conversation(id)
        if found.who and not self._whose:
            raise Refused(f"This conversation is one of the {found.who}: only it goes on with it.",
                          hint="Ask the question anew.")
        return found

    def markdown(self, id: str) -> str:
        """A conversation as a text to read elsewhere."""
        from pluto_duck.agent.memory.exporting import markdown

        found = self.conversation(id)
        return markdown(found, self.turns(found.id))

    def turns(self, id: str) -> list[Kept]:
        """The answers of a conversation, oldest first."""
        rows = self._read().execute("SELECT * FROM answers WHERE conversation = ? ORDER BY turn",
                                    (self.conversation(id).id,)).fetchall()
        return self._told(rows)

    def statements(self, conversations: int) -> list[tuple[str, str, str, str]]:
        """(id, question, SQL, rating) of answers that came to some rows, those of the conversation used last first."""
        rows = self._read().execute(
            "SELECT a.id, a.question, a.sql, a.rating FROM (SELECT id, changed_at FROM conversations WHERE whose = ? "
            "ORDER BY changed_at DESC, id LIMIT ?) c JOIN answers a ON a.conversation = c.id "
            "WHERE a.sql <> '' AND a.status IN ('answered', 'assumed') ORDER BY c.changed_at DESC, c.id, a.turn DESC",
            (self._whose, conversations)).fetchall()
        return [(row["id"], row["question"], row["sql"], row["rating"]) for row in rows]

    def history(self, id: str) -> list[Answer]:
        """What a planner is told of a conversation when it goes on."""
        found = [one.answer for one in self.turns(self.mine(id).id)]
        if len(found) >= MAX_TURNS:
            raise UsageError(f"This conversation has {len(found)} questions; {MAX_TURNS} is the most.",
                             hint="Begin another one: ask without naming a conversation.")
        return found

    def last(self, door: Door) -> str:
        """The conversation that this session used last, else the one that came through that door last.
        Raises UnknownName where there is none."""
        own = _LAST.get(self._session)
        if own is not None:
            return own
        row = self._read().execute("SELECT id FROM conversations WHERE door = ? AND whose = ? ORDER BY changed_at "
                                   "DESC LIMIT 1", (door, self._whose)).fetchone()
        if row is None:
            raise UnknownName("There is no conversation to go on with.", hint="Ask a whole question first.")
        return str(row["id"])

    def answer(self, id: str) -> Kept:
        """By its id or the beginning of it. Raises UnknownName."""
        name = self._one("answers", "answer", id)
        rows = self._read().execute("SELECT * FROM answers WHERE id = ?", (name,)).fetchall()
        if not rows:
            raise _missing("answer", id)  # deleted since
        return self._told(rows)[0]

    def _one(self, table: str, kind: str, id: str) -> str:
        of = "id" if table == "conversations" else "conversation"
        ids: Sequence[str] = [row["id"] for row in self._read().execute(
            f"SELECT id FROM {table} WHERE substr(id, 1, ?) = ? AND (? = '' OR "
            f"{of} IN (SELECT id FROM conversations WHERE whose = ?)) ORDER BY id LIMIT 3",
            (len(id), id, self._whose, self._whose))]
        found = [id] if id in ids else ids
        if not id or not found:
            raise _missing(kind, id)
        if len(found) > 1:
            raise UsageError(f'Several {kind}s begin with "{id}": {", ".join(found)}.', hint="Give more of it.")
        return found[0]

    def _read(self) -> sqlite3.Connection:
        return self._control.read(_ROOM, MIGRATIONS)


_LAST: WeakKeyDictionary[Session, str] = WeakKeyDictionary()
"""The conversation that a session used last."""


def _missing(kind: str, id: str) -> UnknownName:
    return UnknownName(f'There is no {kind} "{id}".', hint="`conversations list` shows what is kept.",
                       kind=kind, name=id)


def _shut(kept: Kept) -> Kept:
    then = kept.answer
    return Kept(Answer(then.status, then.question, then.planner, "What you may see has changed since: ask again.",
                       id=then.id, conversation=then.conversation), kept.turn, kept.asked_at, rating=kept.rating,
                note=kept.note)


def _kept(row: sqlite3.Row) -> Kept:
    rows: Any = json.loads(row["rows"]) if row["rows"] is not None else None
    return Kept(answer_of(dict(row)), row["turn"], row["asked_at"], tuple(json.loads(row["columns"])),
                row["row_count"], row["mark"], None if rows is None else tuple(tuple(one) for one in rows),
                json.loads(row["versions"]), row["rating"], row["note"])
