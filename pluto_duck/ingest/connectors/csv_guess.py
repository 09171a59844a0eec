"""Guesses the types of text columns, from a sample or from every value."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pluto_duck.ingest.connectors.csv_types import (
    CLOCKS,
    FLOAT,
    FORMATS,
    INTEGER,
    PLAIN,
    SHAPES,
    TextType,
    digits_lost,
    matches,
    plain_number,
    text,
)

SAMPLE_ROWS = 20_480
SAMPLE_CELLS = 4_000_000
AT_ONCE = 50
"""Columns in one question. Of 200 each took DuckDB twice as long to plan, of one alone four times (seen on 1.5)."""
_WORDS = (("true", "false"), ("t", "f"), ("yes", "no"))


class TypeGuess:
    """Types for columns of texts; `given` has options: thousands, decimal, dateformat, null."""

    def __init__(self, connection: Any, given: Mapping[str, str]) -> None:
        self._connection = connection
        self._given = given

    def of(self, source: str, raws: Sequence[str], *, rows: int | None = SAMPLE_ROWS) -> list[TextType]:
        """`source`: SQL behind FROM; `rows` None: all of them."""
        name = "pluto_sample"
        picked = ", ".join(raws)
        if rows is not None:
            rows = max(1000, min(rows, SAMPLE_CELLS // max(1, len(raws))))
            self._connection.execute(
                f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT {picked} FROM {source} LIMIT {rows}")
            source = name
        guessed: list[TextType] = []
        for start in range(0, len(raws), AT_ONCE):
            part = raws[start:start + AT_ONCE]
            looks = self._ask(source, [one for raw in part for one in self._looks(raw)])
            width = len(self._looks("x"))
            seen = [looks[i * width:(i + 1) * width] for i in range(len(part))]
            # What else must be known hangs on that; asked for all at once, as a wide table takes long to bind.
            asked = [self._questions(raw, one) for raw, one in zip(part, seen, strict=True)]
            answers = iter(self._ask(source, [one for several in asked for one in several]) if any(asked) else [])
            guessed += [self._one(source, raw, one, [next(answers) for _ in several])
                        for raw, one, several in zip(part, seen, asked, strict=True)]
        if rows is not None:
            self._connection.execute(f"DROP TABLE IF EXISTS {name}")
        return guessed

    def _ask(self, source: str, expressions: Sequence[str]) -> list[Any]:
        return list(self._connection.execute(f"SELECT {', '.join(expressions)} FROM {source}").fetchall()[0])

    def _clean(self, raw: str) -> str:
        return f"nullif(trim({raw}), '')"

    def _number(self, raw: str) -> str:
        return plain_number(self._clean(raw), self._given.get("thousands", ""), self._given.get("decimal", "."))

    def _looks(self, raw: str) -> list[str]:
        c, number = self._clean(raw), self._number(raw)
        return [f"count({c})", f"count_if({raw} <> trim({raw}) OR {raw} = '')", f"count_if({matches(number, INTEGER)})",
                f"count_if({matches(number, FLOAT)})", f"count_if(regexp_matches({number}, '[0-9]'))",
                f"count_if(regexp_matches({c}, '^[0-9]+[-/.:]'))",
                f"count_if(lower({c}) IN ('true', 'false', 't', 'f', 'yes', 'no'))"]

    def _questions(self, raw: str, looks: Sequence[int]) -> list[str]:
        """Of a column that looks like this."""
        count, _padded, integers, numbers, digits, dated, words = looks
        c, number = self._clean(raw), self._number(raw)
        if not count:
            return []
        if numbers == count and digits:
            if integers == count:
                return [self._beyond(raw, "BIGINT")]
            return [f"count_if(NOT {matches(number, PLAIN)})",
                    f"count_if({digits_lost(number, f'TRY_CAST({number} AS DOUBLE)')})",
                    f"max(strlen(regexp_extract({number}, '^-?([0-9]*)', 1)))",
                    f"max(strlen(rtrim(regexp_extract({number}, '[.]([0-9]*)$', 1), '0')))"]
        if dated == count:
            return [f"count_if({matches(c, SHAPES[kind])} AND TRY_CAST({c} AS {kind}) IS NOT NULL)" for kind in SHAPES]
        return [] if words == count else self._text_questions(raw)

    def _one(self, source: str, raw: str, looks: Sequence[int], answers: Sequence[Any]) -> TextType:
        count, padded, integers, numbers, digits, dated, words = looks
        if not count:
            return TextType()
        blanks = bool(padded)
        if numbers == count and digits:
            return self._numeric(source, raw, integers == count, blanks, answers)
        if dated == count:
            return self._temporal(source, raw, count, blanks, answers)
        if words == count:
            found = {row[0] for row in self._connection.execute(
                f"SELECT DISTINCT lower({self._clean(raw)}) FROM {source}").fetchall()} - {None}
            # A column of nothing but F, or NO, may be a column of letters and countries.
            if any(found <= set(pair) and (len(found) == 2 or pair[0] == "true") for pair in _WORDS):
                if found <= {"true", "false"}:
                    return TextType("BOOLEAN", padded=blanks)
                return TextType("BOOLEAN", padded=blanks, guess=True,
                                note=f"{' and '.join(sorted(found, reverse=True))} read as true and false")
            return TextType()
        return self._as_text(source, raw, count, numbers, answers)

    def _beyond(self, raw: str, kind: str) -> str:
        return f"count_if(TRY_CAST({self._number(raw)} AS {kind}) IS NULL AND {self._clean(raw)} IS NOT NULL)"

    def _numeric(self, source: str, raw: str, whole: bool, padded: bool, answers: Sequence[Any]) -> TextType:
        written = {"padded": padded, "thousands": self._given.get("thousands", ""),
                   "decimal": self._given.get("decimal", ".")}
        if whole:
            if not answers[0]:
                return TextType("BIGINT", **written)  # type: ignore[arg-type]
            if self._ask(source, [self._beyond(raw, "HUGEINT")]) == [0]:
                return TextType("HUGEINT", **written)  # type: ignore[arg-type]
            return TextType(note="kept as text: more digits than any number type has")
        plain, bad, before, after = answers
        if not bad:
            return TextType("DOUBLE", **written)  # type: ignore[arg-type]
        if not plain and before + after <= 38:
            # Some room, so that two files of one family agree.
            scale = min(after if after % 2 == 0 else after + 1, 38 - before)
            return TextType(f"DECIMAL(38,{scale})", note="more digits than a DOUBLE holds", **written)  # type: ignore[arg-type]
        return TextType(note="kept as text: more digits than a DOUBLE or DECIMAL holds")

    def _temporal(self, source: str, raw: str, count: int, padded: bool, answers: Sequence[Any]) -> TextType:
        c = self._clean(raw)
        for kind, fit in zip(SHAPES, answers, strict=True):
            if fit == count:
                return TextType(kind, padded=padded)
        wanted = self._given.get("dateformat")
        first = self._connection.execute(f"SELECT {c} FROM {source} WHERE {c} IS NOT NULL LIMIT 1").fetchall()[0][0]
        formats = [(f + g, "TIMESTAMP" if g else "DATE", shape + clock) for f, shape in FORMATS.items()
                   for g, clock in CLOCKS.items() if re.fullmatch(shape + clock, first)]
        if wanted:
            kind = "TIMESTAMP" if re.search("%[HIMS]", wanted) else "DATE"
            formats = [(wanted, kind, ".*"), *formats]
        if not formats:
            return self._as_text(source, raw, count, 0)
        fits = self._ask(source, [f"count_if({matches(c, shape)} AND try_strptime({c}, {text(f)}) IS NOT NULL)"
                                  for f, _kind, shape in formats])
        fitting = [one for one, fit in zip(formats, fits, strict=True) if fit == count]
        if not fitting:
            return self._as_text(source, raw, count, 0)
        form, kind, _shape = fitting[0]
        note = f"written as {form}"
        if len(fitting) > 1 and form != wanted:
            note = (f"read as {form}: day or month first can't be told from the values; "
                    f"--option dateformat={fitting[1][0]} for the other")
        return TextType(kind, format=form, padded=padded, note=note, guess=len(fitting) > 1 and form != wanted)

    def _as_text(self, source: str, raw: str, count: int, numbers: int, answers: Sequence[Any] = ()) -> TextType:
        note = self._why_text(source, raw, count, numbers, answers or self._ask(source, self._text_questions(raw)))
        return TextType(note=note, guess="--option" in note)

    def _text_questions(self, raw: str) -> list[str]:
        c = self._clean(raw)
        return [
            f"count_if({matches(c, '-?0[0-9]+([.][0-9]+)?')})",
            f"count_if({matches(c, '-?([0-9]{1,3}(,[0-9]{3})+([.][0-9]*)?|[0-9]{1,3}([.][0-9]+)?)')})",
            f"count_if({matches(c, '-?([0-9]{1,3}([.][0-9]{3})+|[0-9]+)(,[0-9]+)?')})",
            f"count_if({matches(c, '[0-9]{1,2}[/.-][0-9]{1,2}[/.-][0-9]{2}')})",
            f"count_if({matches(c, '[0-9]{3}')})"]

    def _why_text(self, source: str, raw: str, count: int, numbers: int, answers: Sequence[Any]) -> str:
        """What would make numbers or dates of it, or why it is text although it looks like numbers."""
        c = self._clean(raw)
        zeros, grouped, comma, dated, short = answers
        if zeros and zeros + numbers == count:
            return "kept as text: a number would lose its leading zeros"
        if grouped == count:
            return "looks like numbers with thousands separators: --option thousands=,"
        if comma == count and short < count:
            return "looks like numbers with a decimal comma: --option decimal=, --option thousands=."
        if dated == count:
            return "looks like dates without a century: --option dateformat=%d/%m/%y"
        if numbers and numbers >= count * 0.5:
            odd = [row[0] for row in self._connection.execute(
                f"SELECT {c} AS v FROM {source} WHERE {c} IS NOT NULL AND NOT {matches(self._number(raw), FLOAT)} "
                "GROUP BY v ORDER BY count(*) DESC, v LIMIT 4").fetchall()]
            if len(odd) <= 3 and all(len(one) <= 12 for one in odd):
                return f"text because of {', '.join(odd)}: numbers with --option null={','.join(odd)}"
        return ""
