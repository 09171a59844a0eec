"""Puts the steps together and decides: answer, answer with assumptions, ask back, or decline."""

from __future__ import annotations

from collections.abc import Sequence

from pluto_duck.agent.answer import Answer, Choice, Event
from pluto_duck.agent.planners import Context
from pluto_duck.agent.planners.builtin.emit import sql
from pluto_duck.agent.planners.builtin.marks import Mark, mark
from pluto_duck.agent.planners.builtin.outline import Outline, outline
from pluto_duck.agent.planners.builtin.resolve import Candidate, candidates
from pluto_duck.agent.planners.builtin.restate import restate
from pluto_duck.agent.planners.builtin.vocabulary import Vocabulary
from pluto_duck.catalog.words import split
from pluto_duck.errors import StatementError
from pluto_duck.workspace import Result

MARGIN = 0.1
"""Readings whose costs differ by less are both possible: their results are compared."""
MAX_COST = 0.8
SURE_COST = 0.38
"""Above it an answer carries a caveat, even when no single assumption was made."""


class BuiltinPlanner:
    name = "builtin"

    def plan(self, question: str, context: Context) -> Answer:
        catalog = context.catalog()
        if not catalog.tables:
            return self._decline(question, "There are no tables yet. Ingest some data first.")
        marks = mark(question, Vocabulary.of(catalog), catalog.values(context.session))
        out = outline(marks)
        context.emit(Event("reasoning", "chunk", "; ".join(f"{one.text}: {one.kind}" for one in marks)))
        refused = self._refusal(question, marks, out)
        if refused is not None:
            return refused
        found = candidates(out, catalog)
        if not found or found[0].cost > MAX_COST:
            return self._decline(
                question, "I know the words of this question, but not how they belong together here."
            )
        lost = _unexplained(out, found[0])
        if lost:
            return self._unknown(question, lost)
        return self._decide(question, context, found)

    # -- deciding ---------------------------------------------------------------------------------

    def _decide(self, question: str, context: Context, found: Sequence[Candidate]) -> Answer:
        near = [one for one in found if one.cost <= found[0].cost + MARGIN]
        results: list[tuple[Candidate, str, Result]] = []
        for one in near[:4]:
            text = sql(one.form)
            try:
                result = context.run(text)
            except StatementError:
                continue  # a reading that the data's types forbid
            if not any(_same(result, other) for _one, _sql, other in results):
                results.append((one, text, result))
        if not results:
            return self._decline(question, "No reading of this question fits the types of the data.")
        if len(results) > 1:
            return self._clarify(question, results[:3])
        best, text, result = results[0]
        sure = not best.assumptions and best.cost <= SURE_COST
        assumptions = tuple(dict.fromkeys(best.assumptions)) or (
            () if sure else ("the words fit only in part",)
        )
        return Answer(
            "answered" if sure else "assumed",
            question,
            self.name,
            restate(best.form),
            text,
            assumptions,
            round(max(0.0, 1 - best.cost), 3),
            best.evidence,
            result=result,
        )

    def _clarify(self, question: str, results: Sequence[tuple[Candidate, str, Result]]) -> Answer:
        choices = tuple(Choice(restate(one.form), text) for one, text, _result in results)
        return Answer(
            "clarify",
            question,
            self.name,
            "This can be read in more than one way. Which do you mean?",
            choices=choices,
            confidence=round(max(0.0, 1 - results[0][0].cost) / len(results), 3),
            evidence=results[0][0].evidence,
        )

    # -- declining --------------------------------------------------------------------------------

    def _refusal(self, question: str, marks: Sequence[Mark], out: Outline) -> Answer | None:
        unknown = [one.text for one in marks if one.kind == "unknown"]
        unsupported = [one for one in marks if one.kind == "unsupported"]
        if unknown and not unsupported:
            return self._unknown(question, unknown)
        if unsupported:
            text = " ".join(
                f"I do not understand '{one.text}' here: {one.value} are beyond this planner."
                for one in {one.value: one for one in unsupported}.values()
            )
            text += f" I don't know {_quoted(unknown)} either." if unknown else ""
            return self._decline(question, text, [*(one.text for one in unsupported), *unknown])
        if out.left_over:
            words = [one.text for one in out.left_over]
            return self._decline(
                question, f"I can't tell what {_quoted(words)} does in this question.", words
            )
        return None

    def _unknown(self, question: str, words: Sequence[str]) -> Answer:
        word = "word" if len(words) == 1 else "words"
        return self._decline(
            question,
            f"I don't know the {word} {_quoted(words)}: no table, column or value is called so.",
            words,
        )

    def _decline(self, question: str, text: str, words: Sequence[str] = ()) -> Answer:
        return Answer("declined", question, self.name, text, unknown_words=tuple(dict.fromkeys(words)))


def _unexplained(out: Outline, best: Candidate) -> list[str]:
    """Verbs whose noun is nowhere in the tables that are used."""
    form = best.form
    tables = [form.root, *(one.table for one in form.select), *(c.field.table for c in form.conditions)]
    words = {word for table in tables for word in split(table.ref.name)}
    words |= {word for table in tables for column in table.columns for word in split(column.name)}
    return [verb.text for verb in out.verbs if verb.value not in words]


def _same(one: Result, other: Result) -> bool:
    """Equal rows in any order, whatever the columns are called."""
    if one.row_count != other.row_count:
        return False
    return sorted(map(repr, one.rows())) == sorted(map(repr, other.rows()))


def _quoted(words: Sequence[str]) -> str:
    return ", ".join(f"'{word}'" for word in words)
