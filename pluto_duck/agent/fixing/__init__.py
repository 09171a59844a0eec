"""`fix`: what is wrong with SQL that does not run, and SQL that does: by DuckDB's hints and the names that are there.

A fix is a proposal. It is tried before anybody sees it (a SELECT through the read-only Gate, anything else only as
far as its plan) and run by nobody but the person.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from pluto_duck.agent.fixing.swaps import Known, Swap, swap_of
from pluto_duck.agent.planners import Planner
from pluto_duck.errors import PlutoError, Refused, StatementError, TimedOut, UsageError
from pluto_duck.session import Session
from pluto_duck.workspace.parser import Parser, Token

MOST = 12
"""Words that one fix may change."""
MAX_SQL = 20_000
_TRIED = ("SELECT", "INSERT", "UPDATE", "DELETE", "CREATE")
"""Kinds of statements whose plan can be asked for without running them."""


@dataclass(frozen=True)
class Trial:
    """What came of a fix that was tried."""

    rows: int | None
    """None: it was only planned, because it is no SELECT or reads more than the Gate lets anybody try."""
    elapsed_s: float


@dataclass(frozen=True)
class Fix:
    sql: str
    """What did not run."""
    problem: PlutoError | None
    """None: it runs as it is."""
    raw: str
    """The database's own words."""
    swaps: tuple[Swap, ...] = ()
    fixed: str = ""
    """"": nobody knows how."""
    trial: Trial | None = None
    planner: str = "builtin"
    share: str = ""
    """What of the data a model was allowed to see; "": no model was asked."""
    remark: str = ""
    """A model's own words."""


def fix(session: Session, sql: str, *, meant: Mapping[str, str] | None = None) -> Fix:
    """By rules alone: nothing leaves the machine. `meant`: words of the SQL and what stands for them, chosen by the
    person among the `others` of a swap."""
    _small_enough(sql)
    problem = fault(session, sql)
    if problem is None:
        return Fix(sql, None, "")
    text, now, swaps = sql, problem, list[Swap]()
    known = _names(session)
    chosen = dict(meant or {})
    for _ in range(MOST):
        swap = swap_of(now, text, _tokens(text), known)
        if swap is None or not (swap.new or chosen.get(swap.old)):
            return Fix(sql, problem, _raw(problem), (*swaps, *([swap] if swap else [])))
        if swap.old in chosen:
            wanted = chosen[swap.old]
            rest = tuple(one for one in (swap.new, *swap.others) if one and one != wanted)
            swap = replace(swap, new=wanted, others=rest)
        swaps.append(swap)
        text = swap.applied(text)
        after = fault(session, text)
        if after is None:
            return Fix(sql, problem, _raw(problem), tuple(swaps), text, tried(session, text))
        now = after
    return Fix(sql, problem, _raw(problem), tuple(swaps))


def asked(session: Session, sql: str, planner: str | Planner) -> Fix:
    """As a planner proposes it: the SQL and the error are its question. Its SQL is tried like any other."""
    from pluto_duck.agent.asking import MAX_QUESTION, ask

    _small_enough(sql)
    problem = fault(session, sql)
    if problem is None:
        return Fix(sql, None, "")
    question = ("Mend this SQL and change as little of it as possible. "
                f"The database says: {problem.message} {problem.hint} The SQL: {sql}")
    if len(" ".join(question.split())) > MAX_QUESTION:
        raise UsageError("This SQL is too long to ask a planner about.", hint="Ask about a part of it.")
    answer = ask(session, question, planner=planner, verified=False)
    found = Fix(sql, problem, _raw(problem), planner=answer.planner, share=answer.share, remark=answer.text)
    if not answer.sql or fault(session, answer.sql) is not None:
        return found
    return replace(found, fixed=answer.sql, trial=tried(session, answer.sql))


def fault(session: Session, sql: str) -> PlutoError | None:
    """What the database says against a statement, without running it. Raises Refused for several at once, and for
    kinds that can't be planned."""
    try:
        found = _parser().statements(sql)
    except StatementError as error:
        return error
    if len(found) != 1:
        raise Refused("Only one statement at a time can be mended.", hint="Take the others out.")
    # EXPLAIN ANALYZE would run it: what follows EXPLAIN is one statement of a kind that was looked at.
    if found[0].type not in _TRIED:
        raise Refused(f"A {found[0].type} statement can't be tried without running it.", hint="Mend it by hand.")
    try:
        session.query(f"EXPLAIN\n{found[0].sql.strip().rstrip(';')}", timeout_s=_patience(session))
    except PlutoError as error:
        return _moved(error)
    return None


def tried(session: Session, sql: str) -> Trial:
    """Counts the rows of a SELECT through the read-only Gate."""
    started = time.perf_counter()
    rows = None
    if _parser().statements(sql)[0].type == "SELECT":
        try:
            text = sql.strip().rstrip(";")
            rows = int(session.query(f"SELECT count(*) FROM (\n{text}\n) AS tried", read_only=True,
                                     timeout_s=_patience(session)).scalar())
        except (Refused, StatementError, TimedOut):
            rows = None
    return Trial(rows, time.perf_counter() - started)


def _moved(error: PlutoError) -> PlutoError:
    """EXPLAIN stands on a line of its own above the statement, so its places are a line too far down."""
    position = str(error.facts.get("position") or "")
    up = re.sub(r"^LINE (\d+): ", lambda one: f"LINE {max(1, int(one[1]) - 1)}: ", position)
    if len(up) < len(position):  # LINE 10 became LINE 9: the caret goes with it
        up = re.sub(r"\n (\s*\^)", r"\n\1", up)
    error.facts["position"] = up
    return error


def _raw(problem: PlutoError) -> str:
    """DuckDB's own words where they are at hand; of a host in another process ours, with the place."""
    if problem.__cause__ is not None:
        from pluto_duck.workspace.blot import blotted

        said, _, _place = blotted(str(problem.__cause__)).partition("\n\nLINE ")
    else:
        said = problem.message
    position = str(problem.facts.get("position") or "")
    return "\n\n".join(one for one in (said.strip(), position) if one)


def _names(session: Session) -> Known:
    there = session.tables()
    tables = tuple(dict.fromkeys(one.ref.name for one in there))
    columns = tuple(dict.fromkeys(column.name for one in there for column in one.columns))
    rows = session.query("SELECT DISTINCT function_name FROM duckdb_functions() ORDER BY 1").rows()
    return Known(tables, columns, tuple(str(row[0]) for row in rows if str(row[0])[:1].isalpha()))


def _tokens(sql: str) -> list[Token]:
    """The parser counts bytes, people characters."""
    data = sql.encode()
    return [replace(one, start=len(data[: one.start].decode(errors="replace"))) for one in _parser().tokens(sql)]


@lru_cache(maxsize=1)
def _parser() -> Parser:
    return Parser()


def _patience(session: Session) -> float:
    return float(session.settings["agent.timeout_s"])


def _small_enough(sql: str) -> None:
    if not sql.strip():
        raise UsageError("There is no SQL.")
    if len(sql) > MAX_SQL:
        raise UsageError(f"The SQL has {len(sql):,} characters; {MAX_SQL:,} is the most that is mended.")


__all__ = ["Fix", "Swap", "Trial", "asked", "fault", "fix", "tried"]
