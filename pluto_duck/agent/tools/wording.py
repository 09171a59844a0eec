"""The owner's definitions as a model reads them: metrics, terms, checked questions.

A stored value is row data wherever it stands, also as a literal of the SQL in a semantic file.
"""

from __future__ import annotations

import re

from pluto_duck.agent.sharing import Piece, masked
from pluto_duck.agent.tools.telling import MAX_NAME, MAX_WORDS, listed, short
from pluto_duck.catalog import Catalog, Metric, Term

_MARK = re.compile(r"<(?=\s*/?\s*data\b)", re.I)
MAX_ENTRIES = 80
MAX_QUESTIONS = 20
MAX_SQL = 2_000


def _called(one: Metric | Term) -> str:
    return f"also {listed(one.synonyms[:MAX_WORDS])}" if one.synonyms else ""


def definitions(catalog: Catalog) -> list[Piece]:
    """Metrics, terms and checked questions of the semantic file."""
    said = catalog.semantics
    pieces: list[Piece] = []
    if said.metrics or said.terms:
        pieces.append(Piece("\nWhat the owner means by these words; where a question says one, use its SQL as it is:"))
        pieces += [metric_line(one) for one in said.metrics[:MAX_ENTRIES]]
        pieces += [term_line(one) for one in said.terms[:MAX_ENTRIES]]
    if said.questions:
        pieces.append(Piece("\nQuestions whose SQL the owner has checked:"))
        pieces += [_with_sql(f"  {short(one.question, MAX_SQL)}: ", one.sql, "")
                   for one in said.questions[:MAX_QUESTIONS]]
    return pieces


def metric_line(metric: Metric) -> Piece:
    where = f" WHERE {metric.filter}" if metric.filter else ""
    facts = [_called(metric), f"in {short(metric.unit)}" if metric.unit else "",
             f"by {short(metric.date)}" if metric.date else "", short(metric.description, MAX_NAME)]
    return _with_sql(f"  metric {short(metric.name)}: ", f"SELECT {metric.expression} FROM {metric.table.sql}{where}",
                     "; ".join(filter(None, facts)))


def term_line(term: Term) -> Piece:
    facts = "; ".join(filter(None, (_called(term), short(term.description, MAX_NAME))))
    return _with_sql(f"  term {short(term.name)}: ", f"SELECT * FROM {term.table.sql} WHERE {term.filter}", facts)


def _line(sql: str) -> str:
    """SQL on one line, its signs as they are, but unable to close the mark that says where data end."""
    text = _MARK.sub("‹", " ".join(sql.split()))
    return text if len(text) <= MAX_SQL else text[:MAX_SQL] + "..."


def _with_sql(before: str, sql: str, facts: str) -> Piece:
    """Where values may not be told the SQL stands without those in it, and says so."""
    after = f" -- {facts}" if facts else ""
    plain = masked(sql, "")
    whole = f"{before}{_line(sql)}{after}"
    if plain and "'...'" not in plain:
        return Piece(whole)
    hidden = f"{before}{_line(plain)}{after} ('...': a value that stays on this machine; decline rather than "
    return Piece(whole, "values", f"{hidden}guess it)" if plain else "")
