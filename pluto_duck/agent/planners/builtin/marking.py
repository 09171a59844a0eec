"""First step: the words of a question become marks, each with everything it may mean."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from pluto_duck.agent.mentions import mentions
from pluto_duck.agent.planners.builtin.dates import read_day
from pluto_duck.agent.planners.builtin.figures import without_doubles
from pluto_duck.agent.planners.builtin.findings import Finder, of_values
from pluto_duck.agent.planners.builtin.idioms import Known, reworded
from pluto_duck.agent.planners.builtin.lexicon import (
    ADVERBS,
    BUSINESS,
    DATED,
    EVENTS,
    GRAINS,
    LIGHT,
    PARTICLES,
    PASSING,
    PHRASES,
    ROWS,
    STOP,
    SUPERLATIVES,
    TAILS,
    UNITS,
    UNSUPPORTED,
    VERBS,
)
from pluto_duck.agent.planners.builtin.marks import Mark, beside, columns, has_figure, names_table
from pluto_duck.agent.planners.builtin.relative import Relative, read_months, read_part, read_quantile, read_relative
from pluto_duck.agent.planners.builtin.strangers import Strangers
from pluto_duck.agent.planners.builtin.tokens import Token, tokens
from pluto_duck.agent.planners.builtin.told import figures
from pluto_duck.agent.planners.builtin.vocabulary import Reading, Vocabulary
from pluto_duck.catalog import ValueIndex
from pluto_duck.catalog.words import singular

_SMALL_NUMBERS = "zero one two three four five six seven eight nine ten eleven twelve"
_NUMBERS = {name: number for number, name in enumerate(_SMALL_NUMBERS.split())} | {
    "twenty": 20,
    "fifty": 50,
    "hundred": 100,
    "thousand": 1000,
}
_SCALE = {"k": 1_000, "m": 1_000_000}
MAX_SPAN = 6
_BARE = LIGHT | PASSING
_SPANS = {"second", "seconds", "minute", "minutes", "hour", "hours", "day", "days", "week", "weeks", "month", "months"}
_ONWARD = {"by", "on", "to", "against", "with"}
_COLUMN_WORDS = ("amount", "types")


def mark(question: str, vocabulary: Vocabulary, values: ValueIndex) -> list[Mark]:
    """In the order of the question; words that carry no meaning are left out."""

    def known(words: str) -> bool:
        each = words.lower().split()
        return bool(vocabulary.spelt(words.lower()) or vocabulary.look_up(each) or vocabulary.adjective(each)
                    or values.exact(words))

    words = tokens(question, mentions(question, vocabulary.catalog))
    return _Reader(reworded(_unhyphened(words, known), known), vocabulary, values).read()


def _unhyphened(words: Sequence[Token], known: Known) -> list[Token]:
    """Win-backs as two words, where only the two are known."""
    found: list[Token] = []
    for one in words:
        parts = re.split("[-_]", one.text) if not one.quoted else [one.text]
        plain = len(parts) > 1 and not any(part.isdigit() for part in parts)
        if plain and not known(one.lower) and known(" ".join(parts)):
            found += [Token(part, part.lower()) for part in parts]
        else:
            found.append(one)
    return found


class _Reader:
    def __init__(self, words: Sequence[Token], vocabulary: Vocabulary, values: ValueIndex) -> None:
        self._tokens = words
        self._lower = [token.lower for token in words]
        self._vocabulary = vocabulary
        self._values = values
        self._found = Finder(vocabulary, values)
        self._strangers = Strangers(vocabulary, values)
        self._marks: list[Mark] = []
        self._margin = 0.15 if vocabulary.catalog.semantics else 0.3
        """How much weaker than the best a reading may be; where a person has named things, words are precise."""
        self._sorting = False
        """The question began with "sort": the next "by" says by what."""

    def read(self) -> list[Mark]:
        at = 0
        while at < len(self._tokens):
            start = at
            found, at = self._next(at)
            if found is not None:
                found.start, found.end = start, at
            if found is not None and found.kind == "ormore":
                self._or_more(found)
            elif found is not None and found.kind != "filler" and not self._repeats(found):
                self._marks.append(found)
        return list(without_doubles(self._marks, self._vocabulary))

    def _repeats(self, mark: Mark) -> bool:
        """The decor type, the snatch score: a word for what every column is, right after a column."""
        last = self._marks[-1] if self._marks else None
        if last is None or last.kind != "mention" or mark.text.lower() not in TAILS or not beside(last, mark):
            return False
        return mark.kind in ("unknown", "mention", "light") and all(one.column is not None for one in last.readings)

    def _or_more(self, mark: Mark) -> None:
        """`3 or more` is `at least 3`."""
        if self._marks and self._marks[-1].kind == "number":
            self._marks.insert(len(self._marks) - 1, Mark("cmp", mark.text, mark.value))
        else:
            self._marks.append(Mark("unknown", mark.text))

    def _next(self, at: int) -> tuple[Mark | None, int]:
        token = self._tokens[at]
        named = at == 0 and any(one.strength > 0.9 for one in self._vocabulary.look_up(self._lower[:2]))
        if at == 0 and token.lower in ("sort", "order", "rank") and len(self._tokens) > 2 and not named:
            self._sorting = True
            return Mark("show", token.text), 1
        if self._sorting and token.lower == "by":
            self._sorting = False
            return Mark("order", token.text), at + 1
        if token.pointed is not None:
            reading = Reading(token.pointed.table, token.pointed.column, 1.0, "pointed at")
            return Mark("mention", token.text, None, [reading], token.pointed.column is None), at + 1
        if token.quoted:
            return self._quoted(token), at + 1
        spelt = self._vocabulary.spelt(token.lower)
        if spelt:
            return Mark("mention", token.text, None, spelt, spelt[0].column is None), at + 1
        shared = self._shared(at)
        if shared is not None:
            return shared, at + 1
        months = read_months(self._lower, at + 1 if token.lower == "the" else at)
        if months is not None:
            said = " ".join(one.text for one in self._tokens[at : months[1]])
            return Mark("relative" if isinstance(months[0], Relative) else "span", said, months[0]), months[1]
        day = self._day(at)
        if day is not None:
            part = read_part(self._lower, day[1], day[0].value)
            if part is not None:
                return Mark("relative", " ".join(one.text for one in self._tokens[at : part[1]]), part[0]), part[1]
            return day
        quantile = read_quantile(self._lower, at)
        if quantile is not None:
            return Mark("agg", token.text, f"quantile {quantile[0]}"), quantile[1]
        if token.lower in ("over", "during", "in", "for") and (skipped := self._before_relative(at)):
            return None, skipped
        relative = read_relative(self._lower, at)
        if relative is not None and not self._vocabulary.look_up(self._lower[at : relative[1]]):
            said = " ".join(one.text for one in self._tokens[at : relative[1]])
            return Mark("relative", said, relative[0]), relative[1]
        if self._marks and self._marks[-1].kind == "like" and len(token.lower) == 1 and token.lower != "a":
            return Mark("text", token.text), at + 1  # contains the letter z
        if self._belongs_to_verb(at):
            return None, at + 1
        if token.lower in ("times", "time") and [one.kind for one in self._marks[-2:]] == ["cmp", "number"]:
            return Mark("rows", token.text), at + 1  # more than 50 times
        if (joined := self._joined(at)) is not None:
            return joined, at + 2
        if token.lower == "new" and self._new_rows(at):
            if any(one.kind == "mention" for one in self._marks):
                return Mark("unknown", token.text), at + 1  # revenue from new customers is not that of all
            return None, at + 1
        for size in range(min(MAX_SPAN, len(self._tokens) - at), 0, -1):
            if any(one.quoted for one in self._tokens[at : at + size]):
                continue
            if size > 1 and "," in (self._lower[at], self._lower[at + size - 1]):
                continue
            found = self._span(at, at + size)
            if found is not None:
                return found, at + size
        if (adverb := ADVERBS.get(token.lower)) is not None and (own := self._value_of_next(at)) is not None:
            return own, at + 1
        if (adverb := ADVERBS.get(token.lower)) is not None:
            self._marks.append(Mark("group", token.text))
            return Mark("grain", token.text, adverb, self._vocabulary.look_up([adverb])), at + 1
        if token.lower in UNITS and self._marks and self._marks[-1].kind == "number":
            self._marks[-1].text += f" {token.text}"
            return None, at + 1
        if token.lower in ROWS and self._marks and self._marks[-1].kind == "number":
            return Mark("rows", token.text), at + 1
        if token.lower in STOP or token.lower in (",",):
            return (Mark("comma", ",") if token.lower == "," else None), at + 1
        stranger = self._strangers.mark(token)
        if stranger is not None and stranger.kind in ("unknown", "verb", "light") and self._how_much():
            told = self._vocabulary.figures_with(token.lower)
            if len({one.metric.name for one in told if one.metric}) == 1:
                return Mark("mention", token.text, None, told[:1]), at + 1  # how much do customers owe
        if stranger is not None and stranger.kind == "verb" and self._marks and self._marks[-1].kind == "sum":
            told = [one for one in stranger.readings if one.metric is not None]
            if told:
                return Mark("mention", token.text, None, told), at + 1  # how much did we sell
        return stranger, at + 1

    def _shared(self, at: int) -> Mark | None:
        """The first and last name: the first word goes with the noun, too."""
        words = self._lower[at : at + 4]
        if len(words) < 4 or words[1] not in ("and", ",", "or") or any(one.quoted for one in self._tokens[at : at + 4]):
            return None
        first, second = self._vocabulary.look_up([words[0], words[3]]), self._vocabulary.look_up(words[2:])
        if not first or not second or min(first[0].strength, second[0].strength) < 0.9:
            return None
        if self._vocabulary.look_up([words[0]]) and words[0] not in UNSUPPORTED and words[0] not in PHRASES:
            return None
        return Mark("mention", f"{words[0]} {words[3]}", None, first, singular(words[3]) != words[3])

    def _quoted(self, token: Token) -> Mark:
        exact = self._values.exact(token.text)
        if not exact and (both := self._found.full_name(token.text)) is not None:
            self._marks.append(both[0])
            return both[1]
        return Mark("value" if exact else "text", token.text, token.text, of_values(exact, self._vocabulary, 1.0))

    def _day(self, at: int) -> tuple[Mark, int] | None:
        found = read_day(self._lower, at)
        if found is None:
            return None
        day, end = found
        token, before = self._tokens[at], self._lower[at - 1] if at else ""
        if token.lower == "may" and not token.capital and before not in ("in", "of", "since", "during", "until"):
            return None
        if token.lower in ("mar", "jan", "dec", "sep", "sept") and not token.capital:
            return None
        if end == at + 1 and token.text.isdigit():  # a bare year: only where a date may stand
            if self._lower[end : end + 1] and self._lower[end] in UNITS:
                return None  # between 1000 and 2000 euro
            said = before in (
                "in",
                "of",
                "during",
                "since",
                "until",
                "from",
                "before",
                "after",
                "between",
                "and",
                "year",
                "to",
                "through",
                "for",
            )
            again = before in ("vs", "versus", "or", ",", "with") and any(one.kind == "day" for one in self._marks[-3:])
            said = said or again or self._after_a_figure(at)
            if (
                not said
                or (self._marks and self._marks[-1].kind == "cmp")
                or (before in ("and", "to", "between") and not self._dated_before())
            ):
                return None
        return Mark("day", " ".join(t.text for t in self._tokens[at:end]), day), end

    def _belongs_to_verb(self, at: int) -> bool:
        """Came in by phone, looks after."""
        last = self._marks[-1] if self._marks else None
        before = self._lower[at - 1] if at else ""
        verb = (last is not None and last.kind in ("light", "verb") and last.end == at) or before in _BARE
        after = self._lower[at + 1] if at + 1 < len(self._lower) else ""
        ends = after in ("", ",", "?") or PHRASES.get(after, ("",))[0] in ("prep", "by", "group", "where")
        ends = ends or (before in ("look", "looks", "looked", "looking") and self._lower[at] == "after")
        return self._lower[at] in PARTICLES and verb and ends

    def _joined(self, at: int) -> Mark | None:
        """Who logged in, where the data have a login."""
        if at + 1 >= len(self._tokens) or self._lower[at + 1] not in PARTICLES or not self._lower[at].endswith("ed"):
            return None
        word, particle = self._lower[at], self._lower[at + 1]
        if self._vocabulary.look_up([word, particle]) or self._vocabulary.look_up([word]):
            return None
        for stem in (word[:-2], word[:-3], word[:-1]):
            if (stem + particle) in self._vocabulary.words:
                found = self._vocabulary.look_up([stem + particle])
                dates = [one for one in found if one.column is not None and one.column.role == "date"]
                return Mark("dated" if dates else "mention", f"{word} {particle}", None, dates or found)
        return None

    def _after_a_figure(self, at: int) -> bool:
        """Billed revenue 2025; orders by weekday, 2025: a year right after what is told, and no number of something."""
        told = next((one for one in reversed(self._marks) if one.kind != "comma"), None)
        after = self._lower[at + 1] if at + 1 < len(self._lower) else ""
        if told is None or not 1990 <= int(self._lower[at]) <= 2099:
            return False
        ends = after in ("", ",", "vs", "versus", "compared", "and", "per", "in", "for") or after in _ONWARD
        named = told.kind == "mention" and (has_figure(told) or names_table(told))
        apart = self._lower[at - 1] == "," and told.kind in ("mention", "value")
        return ends and (named or told.kind == "grain" or apart)

    def _new_rows(self, at: int) -> bool:
        """New customers in May are those whose own date is in May; not where "new" is a value or part of a name."""
        if len(self._tokens) <= at + 1 or self._vocabulary.look_up(self._lower[at : at + 2]):
            return False
        named = self._vocabulary.look_up([self._lower[at + 1]])
        tables = [r.table for r in named if r.column is None and r.metric is None and r.strength > 0.9]
        own = {one.table.key for one in self._values.exact("new")}
        return bool(tables) and all(one.date is not None and one.ref.key not in own for one in tables)

    def _duration(self, said: str) -> Mark:
        """How long: a figure that is told in hours or days."""
        found = [one for one in figures(self._vocabulary.catalog) if one[2].unit.lower() in _SPANS]
        told = {one.name: Reading(table, None, 0.9, "", metric=one) for _key, table, one in found}
        if not told:
            return Mark("unsupported", said, "questions of this kind")
        return Mark("mention", said, None, list(told.values()))

    def _beside_value(self, text: str) -> Mark | None:
        """Chat vs email, where a column has both, and there is a column email, too."""
        if [one.kind for one in self._marks[-2:]] not in (["value", kind] for kind in ("versus", "or", "and", "comma")):
            return None
        there = columns(self._marks[-2])
        exact = [one for one in self._values.exact(text) if (one.table.key, one.column) in there]
        return self._found.exact(text, exact) if exact else None

    def _does(self, at: int) -> bool:
        """How many tickets did they open: what is done, not what the tickets are."""
        after = self._lower[at + 1] if at + 1 < len(self._lower) else ""
        ends = after in ("", ",") or PHRASES.get(after, ("",))[0] in ("prep", "by", "group")
        return ends and any(word in ("did", "does", "do") for word in self._lower[:at])

    def _how_much(self) -> bool:
        return self._marks[:1] != [] and any(one.kind == "sum" for one in self._marks[:2]) and not any(
            has_figure(one) for one in self._marks)

    def _value_of_next(self, at: int) -> Mark | None:
        """Monthly plans, where a column of plans has such a value."""
        tables = {r.table.ref.key for r in self._vocabulary.look_up(self._lower[at + 1 : at + 2]) if r.column is None}
        found = [one for one in self._values.exact(self._tokens[at].text) if one.table.key in tables]
        return self._found.exact(self._tokens[at].text, found) if found else None

    def _before_relative(self, at: int) -> int:
        """ "over the" says nothing more before "last 6 months"; 0: something else follows."""
        end = at + 2 if self._lower[at + 1 : at + 2] == ["the"] else at + 1
        if end >= len(self._tokens) or self._lower[at] != "over":
            return 0
        return end if read_relative(self._lower, end) is not None else 0

    def _dated_before(self) -> bool:
        """For `between 2010 and 2012`: no measure is being compared."""
        for one in reversed(self._marks):
            if one.kind == "day":
                return True
            if one.kind == "mention":
                return not any(r.column is not None and r.column.role == "measure" for r in one.readings)
        return True

    def _span(self, start: int, end: int) -> Mark | None:
        words = self._lower[start:end]
        text = " ".join(token.text for token in self._tokens[start:end])
        phrase = " ".join(words)
        single = end - start == 1
        shouted = single and text.isupper() and len(text) > 1 and start > 0  # US, beside "us"
        if shouted or (words[0] not in STOP and words[-1] not in STOP):
            if single and (other := self._beside_value(text)) is not None:
                return other
            schema = self._schema(words, text, single)
            if schema is not None:
                return schema
            if not single or self._may_be_value(start):
                exact = self._values.exact(text)
                told = self._vocabulary.adjective(words)
                if told and single and self._does(start):
                    return Mark("light", text)
                if exact and (not single or phrase not in PHRASES):
                    found = self._found.exact(text, exact)
                    found.readings += told
                    return found
                if told and (not single or phrase not in PHRASES):
                    return Mark("value", text, text, told)
            if not single and not any(self._known(at) for at in range(start, end)):
                holding = self._values.containing(text)
                if holding:
                    return self._found.guessed(text, holding, "part")
        before = self._lower[start - 1] if start else ""
        if phrase in ("report", "present", "return", "list", "display") and before in ("who", "that", "which", "not"):
            return Mark("unknown", text)
        if phrase == "order by" and self._marks and self._marks[-1].kind in ("group", "count", "agg"):
            return None  # refunds per order, by month
        if phrase in SUPERLATIVES:
            return Mark("super", text, phrase)
        if phrase in PHRASES:
            kind, value = PHRASES[phrase]
            if kind == "duration":
                return self._duration(text)
            of = not single and words[-1] == "of" and words[-2] in _COLUMN_WORDS
            if of and self._vocabulary.look_up([words[-2]]):
                return None  # the amount of transactions, where they have an amount
            return Mark(kind, text, value)
        if single:
            return self._single(start, words[0], text)
        return None

    def _known(self, at: int) -> bool:
        """The word has a meaning of its own, so that it is hardly the middle of a name."""
        word = self._lower[at]
        if self._tokens[at].capital and at > 0:
            return word in PHRASES and not self._tokens[at].text.istitle()
        return (
            word in PHRASES
            or word in SUPERLATIVES
            or word in STOP
            or word in LIGHT
            or word in UNSUPPORTED
            or bool(self._vocabulary.look_up([word]))
        )

    def _schema(self, words: Sequence[str], text: str, single: bool) -> Mark | None:
        word = words[0]
        if single and word in BUSINESS:
            readings = self._vocabulary.look_up(words)
            if not readings or readings[0].strength < 0.95:
                return None
            return Mark("mention", text, None, readings, singular(word) != word)
        if single and (word in PHRASES or word in SUPERLATIVES or word in STOP or word in ADVERBS):
            return None
        if not single and (
            " ".join(words) in PHRASES
            or (
                words[0] in PHRASES
                and PHRASES[words[0]][0] in ("prep", "where", "and", "or", "by", "group", "not", "show")
            )
            or (words[-1] in PHRASES and PHRASES[words[-1]][0] not in ("agg", "count", "distinct", "top"))
        ):
            return None
        dated = next((at for at, one in enumerate(words) if one in DATED), 0)
        if not single and word in SUPERLATIVES and not any(one.how == "" for one in self._exactly(words)):
            return None  # the largest order is no "large order"
        inner = self._vocabulary.look_up(words[dated:]) if dated else []
        if any(r.column is not None and r.column.role == "date" for r in inner):
            return None  # customers [who] signed up
        if single and self._marks and self._marks[-1].kind == "sum":
            told = self._vocabulary.figures_with(word)
            if len({one.metric.name for one in told if one.metric}) == 1:
                return Mark("mention", text, None, told[:1])  # how much was billed
        if not single and PHRASES.get(word, ("",))[0] == "agg" and self._figure_behind(words):
            return None  # the average of basket size
        if single and (done := self._done(word)) is not None:
            return Mark("mention", text, None, done, singular(word) != word)
        readings = self._vocabulary.look_up(words)
        if single and word in GRAINS:
            return Mark("grain", text, GRAINS[word], readings, word.endswith("s"))
        if not readings or (readings[0].strength < 0.72 and not single):
            return None
        at = self._lower.index(word) if single and word in self._lower else 0
        if single and word in LIGHT and at and self._lower[at - 1] in ("we", "they", "you", "i"):
            return None  # how much did we make, beside a make of cars
        grouped = at > 0 and self._lower[at - 1] in ("by", "per", "each")
        if single and (word in UNSUPPORTED or word in LIGHT) and readings[0].strength < 0.95 and not grouped:
            return None
        if single and text.isupper() and len(text) > 1 and readings[0].strength < 1 and self._values.exact(text):
            return None  # EUR, before the column target_eur
        if single and word in PASSING and readings[0].strength < 0.8:
            return None
        if single and readings[0].how and self._values.exact(text) and self._tokens_capital(text):
            return None
        if single and readings[0].strength <= 0.7 and (word.endswith("ed") or singular(word) in EVENTS):
            return None
        best = readings[0].strength
        if single and (flag := self._flag(text, readings)) is not None:
            return flag
        if word in DATED or (word.endswith("ed") and len(words) > 1):
            dates = [one for one in readings if one.column is not None and one.column.role == "date"]
            if dates and all(one in dates or one.strength < dates[0].strength for one in readings):
                return Mark("dated", text, None, dates)
        if self._vocabulary.catalog.semantics and not readings[0].how:
            readings = [one for one in readings if one.how != "by a synonym"]
        plural = singular(words[-1]) != words[-1]
        near = [one for one in readings if one.strength >= best - (0.3 if one.metric else self._margin)]
        return Mark("mention", text, None, near, plural)

    def _done(self, word: str) -> list[Reading] | None:
        """Sold the most units, where there is a figure called units sold."""
        if not self._vocabulary.catalog.semantics.metrics or not any(one.kind == "super" for one in self._marks[-2:]):
            return None
        for at, mark in enumerate(self._marks):
            forms = VERBS.get(str(mark.value), "").split() if mark.kind == "verb" else []
            for form in forms:
                found = [one for one in self._vocabulary.look_up([word, form]) if one.metric and one.strength >= 0.95]
                if found:
                    del self._marks[at]
                    return found
        return None

    def _figure_behind(self, words: Sequence[str]) -> bool:
        """The words but the first begin a longer name of a figure."""
        at = next((i for i in range(len(self._lower)) if self._lower[i : i + len(words)] == list(words)), 0)
        longer = self._lower[at + 1 : at + len(words) + 1]
        found = self._vocabulary.look_up(longer) if len(longer) == len(words) else []
        return bool(found) and found[0].metric is not None and found[0].strength >= 0.95

    def _exactly(self, words: Sequence[str]) -> list[Reading]:
        known = all(singular(word) in self._vocabulary.words for word in words)
        return self._vocabulary.look_up(words) if known else []

    def _flag(self, text: str, readings: Sequence[Reading]) -> Mark | None:
        """Blocked customers: rows for which a yes-or-no column says yes."""
        best = [one for one in readings if one.strength >= readings[0].strength - 0.05]
        if not all(one.column is not None and one.column.role == "boolean" for one in best):
            return None
        found = of_values(self._values.exact(text), self._vocabulary, 1.0)
        return Mark("value", text, text, [*found, *(replace(one, value="true") for one in best)])

    def _tokens_capital(self, text: str) -> bool:
        return text[:1].isupper()

    def _may_be_value(self, at: int) -> bool:
        token = self._tokens[at]
        word = token.lower
        if word in PHRASES or word in SUPERLATIVES or word in STOP or word in UNSUPPORTED or word in ADVERBS:
            return token.text.isupper() and len(word) > 1 and at > 0
        if word.isdigit():
            return False
        return len(word) > 1 or token.text.isupper()

    def _single(self, at: int, word: str, text: str) -> Mark | None:
        plain = word.replace(",", "")
        if re.fullmatch(r"-?\d+(\.\d+)?[km]?", plain):
            scale = _SCALE.get(plain[-1], 1)
            number = plain[:-1] if scale > 1 else plain
            return Mark("number", text, float(number) * scale if "." in number else int(number) * scale)
        if word in _NUMBERS:
            return Mark("number", text, _NUMBERS[word])
        if singular(word) in EVENTS:
            return Mark("event", text, EVENTS[singular(word)])
        if word in ("since", "after", "before", "until", "till"):
            return Mark("side", text, {"till": "until"}.get(word, word))
        return None
