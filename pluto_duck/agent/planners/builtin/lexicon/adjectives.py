"""Adjectives that rank or compare, and the columns they speak of."""

from __future__ import annotations

# Superlatives: direction, and the column words an adjective speaks of ("expensive" -> price).
_SIZE = ("size", "area", "population", "capacity")
COMPARATIVES: dict[str, tuple[str, ...]] = {
    "older": ("age",), "younger": ("age",), "longer": ("length", "duration", "distance"), "shorter": ("height",
     "length"),
    "heavier": ("weight",), "lighter": ("weight",), "taller": ("height",), "cheaper": ("price", "cost", "fee"),
    "expensive": ("price", "cost", "fee"), "larger": _SIZE, "bigger": _SIZE, "smaller": _SIZE, "deeper": ("depth",),
    "wider": ("width",), "faster": ("speed",), "slower": ("speed",), "richer": ("income", "salary"),
}
"""The column that a comparison speaks of when none is named: older than 30."""

SUPERLATIVES: dict[str, tuple[str, tuple[str, ...]]] = {
    "most": ("desc", ()), "highest": ("desc", ()), "largest": ("desc", _SIZE), "biggest": ("desc", _SIZE),
    "greatest": ("desc", ()), "maximal": ("desc", ()), "least": ("asc", ()), "fewest": ("asc", ()),
    "lowest": ("asc", ()), "smallest": ("asc", _SIZE), "worst": ("worst", ()), "best": ("best", ()),
    "longest": ("desc", ("length", "duration")), "shortest": ("asc", ("length", "duration", "height")),
    "oldest": ("age", ()), "youngest": ("youth", ()), "newest": ("late", ()), "latest": ("late", ()),
    "earliest": ("early", ()), "most recent": ("late", ()), "least recent": ("early", ()),
    "tallest": ("desc", ("height",)), "heaviest": ("desc", ("weight",)), "lightest": ("asc", ("weight",)),
    "fastest": ("desc", ("speed",)), "slowest": ("asc", ("speed",)), "cheapest": ("asc",
    ("price", "cost", "fee")), "most expensive": ("desc", ("price", "cost", "fee")),
    "least expensive": ("asc", ("price", "cost", "fee")), "richest": ("desc",
    ("income", "salary", "wealth")), "most populous": ("desc", ("population",)), "deepest": ("desc",
    ("depth",)), "widest": ("desc", ("width",)), "busiest": ("desc", ("#",)), "most common": ("desc",
    ("#",)), "most frequent": ("desc", ("#",)), "least common": ("asc", ("#",)), "most often": ("desc", ("#",)),
     "the most often": ("desc", ("#",)), "most commonly": ("desc", ("#",)),
    "least often": ("asc", ("#",)), "most prevalent": ("desc", ("#",)), "most numerous": ("desc", ("#",)),
    "most popular": ("desc",
    ("#",)), "most frequently": ("desc", ("#",)), "least frequent": ("asc", ("#",)),
    "least popular": ("asc", ("#",)),
}
DELAY_LIKE = {
    "delay",
    "latency",
    "error",
    "defect",
    "complaint",
    "cost",
    "loss",
    "lateness",
    "churn",
    "failure",
    "wait",
    "cancellation",
    "return",
    "debt",
    "overdue",
    "downtime",
    "bug",
    "incident",
    "fault",
    "risk",
}
"""Measures of which less is better; for all others more is."""
