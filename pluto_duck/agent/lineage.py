"""Questions that read tables: verified ones, and answers that are kept."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pluto_duck.agent.memory import Memory
from pluto_duck.catalog.lineage import Known, Link, Node, Part, links_of, traces
from pluto_duck.catalog.lineage.model import Kind
from pluto_duck.catalog.semantics import Semantics
from pluto_duck.session import Session

MOST = 200
"""Conversations, the latest."""
_SHOWN = 80
Asked = tuple[Kind, str, str, str, tuple[tuple[str, str], ...]]
"""Kind, id, question, SQL, facts."""


def questions(session: Session, semantics: Semantics) -> tuple[Asked, ...]:
    """The owner's. The same SQL is one, however often it was asked."""
    found: dict[str, Asked] = {}
    for one in (*_verified(semantics), *_answers(session)):
        found.setdefault(one[3], one)
    return tuple(found.values())


def asked(session: Session, found: Sequence[Asked], known: Known) -> Part:
    """And what each of them reads."""
    nodes: list[Node] = []
    links: list[Link] = []
    kept = traces(session.workspace.root)
    for kind, id, question, sql, facts in found:
        traced = kept.of(sql, known)
        names = tuple(name for name, _origins in traced.columns)
        part = links_of(traced, id, names, "question")
        note = f"it reads {', '.join(one.removeprefix('main.') for one in traced.missing)}, which is not there" \
            if traced.missing else ""
        shown = question if len(question) <= _SHOWN else question[:_SHOWN] + "..."
        nodes += [*part.nodes, Node(id, kind, f'"{shown}"', names, facts, note)]
        links += part.links
    return Part(tuple(nodes), tuple(links))


def _verified(semantics: Semantics) -> Iterable[Asked]:
    for one in semantics.questions:
        yield "question", f"question:{one.question}", one.question, one.sql, (("kind", "verified question"),)


def _answers(session: Session) -> Iterable[Asked]:
    for id, question, sql, rating in Memory(session).statements(MOST):
        yield "answer", f"answer:{id}", question, sql, (("rated", rating),) if rating else ()
