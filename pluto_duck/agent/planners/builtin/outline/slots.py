"""What an outline has room for: measures, groups, conditions, periods, an order."""

from __future__ import annotations

from dataclasses import dataclass, field

from pluto_duck.agent.planners.builtin.dates import Day
from pluto_duck.agent.planners.builtin.marks import Mark
from pluto_duck.agent.planners.builtin.relative import Relative


@dataclass
class MeasureSlot:
    function: str
    target: Mark | None
    """None: the rows of whatever the question is about."""
    at: float = 0.5
    """Which quantile."""


@dataclass
class FilterSlot:
    target: Mark | None
    """None: the values say which column."""
    operator: str
    values: list[Mark]
    preposition: str = ""
    hints: tuple[str, ...] = ()
    """For a comparison without a column: the words its column may be called by."""
    alternative: bool = False
    """Joined to the condition before it by "or"."""


@dataclass
class PeriodSlot:
    side: str
    first: Day | Relative
    """A relative one is told once the date column is known."""
    last: Day | Relative | None = None
    alternative: bool = False
    """It may hold instead of the one before."""


@dataclass
class OrderSlot:
    by: MeasureSlot | Mark | tuple[Mark | None, tuple[str, ...]]
    """A measure, a column, or a thing and the column words that an adjective speaks of."""
    direction: str
    """asc, desc, worst, best, late, early, age, youth."""
    word: str


@dataclass
class Outline:
    measures: list[MeasureSlot] = field(default_factory=list)
    groups: list[Mark] = field(default_factory=list)
    projections: list[Mark] = field(default_factory=list)
    filters: list[FilterSlot] = field(default_factory=list)
    periods: list[PeriodSlot] = field(default_factory=list)
    having: list[tuple[MeasureSlot, str, float]] = field(default_factory=list)
    orders: list[OrderSlot] = field(default_factory=list)
    things: list[Mark] = field(default_factory=list)
    """Tables spoken of that only have to be there."""
    verbs: list[Mark] = field(default_factory=list)
    days: tuple[str, ...] = ()
    """Days of the week on which it happened."""
    dated: list[Mark] = field(default_factory=list)
    """Words for a date column, said as a verb: customers who signed up since May."""
    share: str = ""
    """share or percent: a part of the whole is asked for."""
    of_whole: bool = False
    """The share is one of the whole: "as a share", said of groups."""
    within: list[Mark] = field(default_factory=list)
    """The share is one of each of these, not of the whole."""
    over: list[Mark] = field(default_factory=list)
    """The figure is taken for each of these, and `typical` of that is asked for."""
    typical: str = ""
    running: bool = False
    each: list[Mark] = field(default_factory=list)
    """The first ones of each of these are asked for."""
    quotient: bool = False
    """The first measure divided by the second."""
    above: list[tuple[MeasureSlot | None, str, str]] = field(default_factory=list)
    """A measure, < or >, avg or median: those whose figure is above that of all groups."""
    apart: bool = False
    """Several times were named one by one: each is told on its own."""
    versus: bool = False
    """What is said after it stands beside what was said before."""
    inside: bool = False
    """The condition says which part: the share of shipped orders."""
    change: str = ""
    """before or year: how a measure went from one period to the next, or since a year earlier."""
    whole: bool = False
    """Whole rows are asked for: all the information about an employee."""
    limit: int | None = None
    distinct: bool = False
    bound: list[tuple[Mark, Mark]] = field(default_factory=list)
    """A column and the thing it belongs to: "name of the track", "track names"."""
    hints: set[str] = field(default_factory=set)
    """Roles that were spoken of: origin, dest."""
    left_over: list[Mark] = field(default_factory=list)
    passed_over: list[str] = field(default_factory=list)
    """Verbs that only link what stands around them, as far as we can tell."""
    loose: list[str] = field(default_factory=list)
    """Columns that only say whose rows are meant, as far as we can tell."""
    notes: list[str] = field(default_factory=list)
    """What to say of the reading, whatever the words turn out to mean."""
    ranked: bool = False
    """A superlative asked for a ranking."""
    single: bool = True
    """The superlative asks for one: "which carrier", not "which carriers"."""
