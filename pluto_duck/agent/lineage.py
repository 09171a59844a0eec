"""Questions that read tables: verified ones, and answers that are kept."""

from __future__ import annotations

from collections.abc import Iterable

from pluto_duck.agent.memory import Memory
from pluto_duck.catalog.lineage import Known, Link, Node, Part, links_of, trace
from pluto_duck.catalog.lineage.model import Kind
from pluto_duck.catalog.semantics import Told, told
from pluto_duck.session import Session

MOST = 200
"""Conversations, the latest."""
_SHOWN = 80


def asked(session: Session, known: Known) -> Part:
    """The owner's, and what each of them reads. The same SQL is one node, however often it was asked."""
    nodes: list[Node] = []
    links: list[Link] = []
    seen: set[str] = set()
    for kind, id, question, sql, facts in (*_verified(session), *_answers(session)):
        if sql in seen:
            continue
        seen.add(sql)
        traced = trace(sql, known)
        names = tuple(name for name, _origins in traced.columns)
        part = links_of(traced, id, names, "question")
        note = f"it reads {', '.join(one.removeprefix('main.') for one in traced.missing)}, which is not there" \
            if traced.missing else ""
        shown = question if len(question) <= _SHOWN else question[:_SHOWN] + "..."
        nodes += [*part.nodes, Node(id, kind, f'"{shown}"', names, facts, note)]
        links += part.links
    return Part(tuple(nodes), tuple(links))


Asked = tuple[Kind, str, str, str, tuple[tuple[str, str], ...]]


def _verified(session: Session) -> Iterable[Asked]:
    for one in told(session.workspace, Told()).semantics.questions:
        yield "question", f"question:{one.question}", one.question, one.sql, (("kind", "verified question"),)


def _answers(session: Session) -> Iterable[Asked]:
    memory = Memory(session)
    for conversation in memory.conversations(MOST):
        for kept in reversed(memory.turns(conversation.id)):
            answer = kept.answer
            if answer.sql and answer.status in ("answered", "assumed"):
                facts = (("rated", kept.rating),) if kept.rating else ()
                yield "answer", f"answer:{answer.id}", answer.question, answer.sql, facts
