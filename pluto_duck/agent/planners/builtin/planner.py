"""Puts the steps together and decides: answer, answer with assumptions, ask back, or decline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import zip_longest

from pluto_duck.agent.answer import Answer, Choice, Event
from pluto_duck.agent.planners import Context
from pluto_duck.agent.planners.builtin.breakdown import asks_why, broken_down, why
from pluto_duck.agent.planners.builtin.clauses import composed, nested
from pluto_duck.agent.planners.builtin.emit import sql
from pluto_duck.agent.planners.builtin.followups import joined
from pluto_duck.agent.planners.builtin.form import Form, Member
from pluto_duck.agent.planners.builtin.gate import likelihood, needs_caveat, score
from pluto_duck.agent.planners.builtin.guesses import Guess, Settled, doubt, loss, settle
from pluto_duck.agent.planners.builtin.marking import mark
from pluto_duck.agent.planners.builtin.marks import Mark
from pluto_duck.agent.planners.builtin.otherwise import otherwise
from pluto_duck.agent.planners.builtin.outline import Outline, outline
from pluto_duck.agent.planners.builtin.paths_taken import best_kept
from pluto_duck.agent.planners.builtin.resolve import Candidate, candidates
from pluto_duck.agent.planners.builtin.restate import restate
from pluto_duck.agent.planners.builtin.semijoins import once_each
from pluto_duck.agent.planners.builtin.told import in_roles
from pluto_duck.agent.planners.builtin.unfinished import unfinished
from pluto_duck.agent.planners.builtin.vocabulary import Vocabulary
from pluto_duck.catalog import Catalog
from pluto_duck.catalog.words import split
from pluto_duck.errors import StatementError
from pluto_duck.workspace import Result

MARGIN = 0.1
"""Readings whose costs differ by less are both possible: their results are compared."""
WINDOW = 0.25
"""How far behind a reading may stand whose value has rows, where the best one's has none."""
MAX_NEAR = 4
MAX_BEFORE = 6
"""Earlier questions of a conversation that are read again for an edit of them."""
MAX_COST = 0.8
MAX_NAMED = 8
"""Words of a question that are told one by one."""


class BuiltinPlanner:
    name = "builtin"
    offline = True

    def plan(self, question: str, context: Context) -> Answer:
        answer = self._plan(question, context)
        if context.forced and not answer.sql:
            return self._guess(question, context) or answer
        return answer

    def _guess(self, question: str, context: Context) -> Answer | None:
        catalog = in_roles(context.catalog())
        if not catalog.tables:
            return None
        marks = self._marks(question, context)
        for one in [*self._composed(marks, catalog, context, strict=False), *candidates(outline(marks), catalog)]:
            try:
                settled = settle(one.form, one.guesses, lambda form: context.run(sql(form)))
                form = settled.forms[-1] if settled.forms else one.form
                form = once_each(form, distinct=outline(marks).distinct)
                result = context.run(sql(form))
            except StatementError:
                continue
            return Answer(
                "assumed", question, self.name, restate(form), sql(form), ("this is no more than a guess",),
                round(max(0.0, 1 - one.cost) / 2, 3), one.evidence, result=result,
            )
        return None

    def _marks(self, question: str, context: Context) -> list[Mark]:
        """With those of the questions before, where this one only edits them."""
        catalog = in_roles(context.catalog())
        vocabulary, values = Vocabulary.of(catalog), context.catalog().values(context.session)
        asked = [one.question for one in context.history if one.sql and not why(one.question)][-MAX_BEFORE:]
        return joined([mark(one, vocabulary, values) for one in [*asked, question]])

    def _composed(
        self, marks: Sequence[Mark], catalog: Catalog, context: Context, *, strict: bool = True
    ) -> list[Candidate]:
        """Readings as a question with another one inside; none where a plain reading says it all."""
        parts = nested(marks)
        if parts is None:
            return []
        found = composed(parts, catalog, lambda form: context.run(sql(form)), strict=strict)
        found = [one for one in found if one.cost <= MAX_COST or not strict]
        if found and all(_about_itself(one) for one in found[0].form.members):
            plain = outline(marks)
            return [] if not plain.left_over and candidates(plain, catalog) else found
        return found

    def _plan(self, question: str, context: Context) -> Answer:
        catalog = in_roles(context.catalog())
        if not catalog.tables:
            return self._decline(question, "There are no tables yet. Ingest some data first.")
        because = self._because(question, catalog, context)
        if because is not None:
            return because
        marks = self._marks(question, context)
        out = outline(marks)
        context.emit(Event("reasoning", "chunk", "; ".join(f"{one.text}: {one.kind}" for one in marks)))
        found = self._composed(marks, catalog, context)
        if found:
            out = Outline()
        refused = self._refusal(question, marks, out)
        if refused is not None:
            return refused
        found = found or candidates(out, catalog)
        if not found or found[0].cost > MAX_COST:
            return self._decline(question, _at_a_loss(out))
        lost = _unexplained(out, found[0], catalog)
        if lost:
            return self._unknown(question, lost)
        return self._decide(question, context, found, out)

    def _because(self, question: str, catalog: Catalog, context: Context) -> Answer | None:
        """Why so high: the figure of the question before, by what tells most of it."""
        asked = [one.question for one in context.history if one.sql and not why(one.question)][-MAX_BEFORE:]
        vocabulary, values = Vocabulary.of(catalog), context.catalog().values(context.session)
        if not asked or not asks_why(question, mark(question, vocabulary, values)):
            return None

        def run(form: Form) -> Result:
            return context.run(sql(form))

        for one in candidates(outline(joined([mark(text, vocabulary, values) for text in asked])), catalog)[:1]:
            settled = settle(one.form, one.guesses, run)
            told = broken_down(settled.forms[0], catalog, run) if len(settled.forms) == 1 else None
            if told is None:
                return None
            form, note = told
            text = sql(form)
            return Answer("assumed", question, self.name, restate(form), text, (*settled.assumptions, note),
                          round(max(0.0, 1 - one.cost), 3), one.evidence, result=context.run(text))
        return None

    # -- deciding ---------------------------------------------------------------------------------

    def _decide(self, question: str, context: Context, found: Sequence[Candidate], out: Outline) -> Answer:
        near, lost = _settled(context, found)
        near = best_kept(near, lambda form: context.run(sql(form)))
        if not near and lost is not None:
            form, guess = lost
            return self._decline(question, loss(form, guess), [guess.said])
        crowded = [one for _candidate, one in near if len(one.open) > 1]
        if crowded:
            words = [one.said for one in crowded[0].open]
            return self._decline(question, f"{doubt(crowded[0].open)} Ask with the values as they stand.", words)
        open_guesses = [guess for _candidate, one in near for guess in one.open]
        results: list[tuple[Candidate, str, Result]] = []
        twins: list[str] = []
        for one in _in_turn(near):
            one = replace(one, form=once_each(one.form, distinct=out.distinct), plain=one.form)
            text = sql(one.form)
            try:
                result = context.run(text)
            except StatementError:
                continue  # a reading that the data's types forbid
            # Two values of an open guess differ, even where they happen to occur equally often.
            if open_guesses or not any(_same(result, other) for _one, _sql, other in results):
                results.append((one, text, result))
            elif text != results[0][1]:
                twins.append(f"read otherwise, the rows are the same: {restate(one.form)}")
        if not results:
            return self._decline(question, "No reading of this question fits the types of the data.")
        if len(results) > 1 or open_guesses:
            return self._clarify(question, results[:3], doubt(open_guesses))
        best, text, result = results[0]
        told = [*_elsewhere(context, best, result, found), *_once(context, best, result, out)]
        notes = (*(note for note, _form in told), *filter(None, [unfinished(best.form)]))
        best = replace(best, assumptions=(*best.assumptions, *notes))
        notes = tuple(dict.fromkeys(best.assumptions))
        odds = score(best.form, best.cost, result.row_count, notes)
        sure = not needs_caveat(odds, notes)
        caveats = (*notes, *(("no row fits all of this",) if result.row_count == 0 else ()))
        return Answer(
            "answered" if sure else "assumed",
            question,
            self.name,
            restate(best.form),
            text,
            () if sure else caveats or (_of_its_kind(likelihood(odds)),),
            round(likelihood(odds), 3),
            (*best.evidence, *(notes if sure else ()), *dict.fromkeys(twins)),
            result=result,
            otherwise=() if sure else otherwise(best, notes, found, dict([*best.others, *told]), context.session,
                                                out.distinct),
        )

    def _clarify(self, question: str, results: Sequence[tuple[Candidate, str, Result]], doubt: str) -> Answer:
        choices = tuple({text: Choice(restate(one.form), text) for one, text, _result in results}.values())
        return Answer(
            "clarify",
            question,
            self.name,
            f"{doubt or 'This can be read in more than one way.'} Which do you mean?",
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


def _at_a_loss(out: Outline) -> str:
    for one in out.orders:
        if one.direction in ("best", "worst"):
            return (f"I can't tell by what '{one.word}' is measured here. "
                    "Name the figure: with the most ..., by total ...")
    return "I know the words of this question, but not how they belong together here."


def _settled(
    context: Context, found: Sequence[Candidate]
) -> tuple[list[tuple[Candidate, Settled]], tuple[Form, Guess] | None]:
    """The candidates that may all be meant, with their guesses settled; and a guess that came to nothing.

    A value that no row has must not stand against one that rows have, so the next candidate may take over;
    but not one so far off that it answers another question.
    """
    near: list[tuple[Candidate, Settled]] = []
    lost = None
    for one in found:
        if len(near) == MAX_NEAR or one.cost > (near[0][0].cost + MARGIN if near else found[0].cost + WINDOW):
            break
        try:
            settled = settle(one.form, one.guesses, lambda form: context.run(sql(form)))
        except StatementError:
            continue
        if settled.lost is None:
            near.append((replace(one, assumptions=(*settled.assumptions, *one.assumptions),
                                 others=settled.wider), settled))
        elif lost is None:
            lost = (one.form, settled.lost)
    return near, lost


def _in_turn(near: Sequence[tuple[Candidate, Settled]]) -> list[Candidate]:
    """The first choice of each candidate, then the second ones: each reading is to be among the choices shown."""
    rounds = zip_longest(*([replace(one, form=form) for form in settled.forms] for one, settled in near))
    return [one for turn in rounds for one in turn if one is not None]


def _elsewhere(context: Context, best: Candidate, result: Result, found: Sequence[Candidate]
               ) -> list[tuple[str, Form]]:
    """Notes on values that another column has too, where that would give another answer; and that reading."""
    notes: list[tuple[str, Form]] = []
    near = [one for one in found if one.form != best.form and one.cost <= best.cost + WINDOW]
    for one in near[:MAX_NEAR]:
        moved = set(one.places) - set(best.places)
        if len(moved) != 1 or len(one.places) != len(best.places):
            continue
        try:
            settled = settle(one.form, one.guesses, lambda form: context.run(sql(form)))
            if len(settled.forms) != 1 or settled.open:
                continue
            other = context.run(sql(settled.forms[0]))
        except StatementError:
            continue
        said, place = next(iter(moved))
        if not _same(result, other):
            note = f"'{said}' was taken for {dict(best.places)[said]}; it is in {place} too"
            notes.append((note, settled.forms[0]))
    return notes


def _about_itself(member: Member) -> bool:
    """The inner question reaches no other rows: a plain condition says the same."""
    return member.among.root.ref == member.field.table.ref and not member.among.having


def _once(context: Context, best: Candidate, result: Result, out: Outline) -> list[tuple[str, Form]]:
    """A note where a join finds some rows several times and nobody said that each is meant once; and all of them."""
    form = best.plain or best.form
    if not form.distinct or out.distinct or not (form.joins or form.conditions or form.periods):
        return []
    try:
        whole = context.run(sql(replace(form, distinct=False)))
    except StatementError:
        return []  # an order by what is not selected, for one
    return [("each is told once", replace(form, distinct=False))] if whole.row_count > result.row_count else []


def _unexplained(out: Outline, best: Candidate, catalog: Catalog) -> list[str]:
    """Verbs whose noun is nowhere in the tables that are used."""
    form = best.form
    tables = [form.root, *(one.table for one in form.select), *(c.field.table for c in form.conditions)]
    tables += [catalog.table(one.parent) for one in form.joins]
    words = {word for table in tables for word in split(table.ref.name)}
    names = {name for table in tables for column in table.columns for name in (column.name, *column.words)}
    words |= {word for name in names for word in split(name)}
    there = {form.root.ref.key, *(one.parent.key for one in form.joins)}
    spoken = [verb for verb in out.verbs if not any(r.table.ref.key in there for r in verb.readings)]
    return [verb.text for verb in spoken if verb.value not in words]


def _same(one: Result, other: Result) -> bool:
    """Equal rows in any order, whatever the columns are called; one may show a column more, or one twice."""
    if one.row_count != other.row_count:
        return False
    if len(one.columns) == len(other.columns):
        return sorted(map(repr, one.rows())) == sorted(map(repr, other.rows()))
    few, many = sorted((_contents(one), _contents(other)), key=len)
    return few <= many


def _contents(result: Result) -> set[tuple[str, ...]]:
    return {tuple(sorted(map(repr, values))) for values in result.values()}


def _of_its_kind(likely: float) -> str:
    """Where no single choice is to blame: several joins, groups and a period add up."""
    return f"answers put together in this way were right in about {round(100 * likely):d} of 100 cases"


def _quoted(words: Sequence[str]) -> str:
    each = list(dict.fromkeys(words))
    return ", ".join(f"'{word}'" for word in each[:MAX_NAMED]) + (" and others" if len(each) > MAX_NAMED else "")
