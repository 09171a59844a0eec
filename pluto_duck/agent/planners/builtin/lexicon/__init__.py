"""The words the grammar itself knows. Nothing here may name a particular database."""

from __future__ import annotations

from pluto_duck.agent.planners.builtin.lexicon.adjectives import COMPARATIVES, DELAY_LIKE, SUPERLATIVES
from pluto_duck.agent.planners.builtin.lexicon.business import BUSINESS, DATED
from pluto_duck.agent.planners.builtin.lexicon.nouns import DEST_WORDS, EVENTS, ORIGIN_WORDS, SEXES, SYNONYMS, VERBS
from pluto_duck.agent.planners.builtin.lexicon.phrases import PHRASES as PLAIN
from pluto_duck.agent.planners.builtin.lexicon.small import (
    ADVERBS,
    GRAINS,
    LIGHT,
    PARTICLES,
    PASSING,
    ROWS,
    STOP,
    TAILS,
    UNITS,
    UNSUPPORTED,
)

PHRASES = PLAIN | BUSINESS

__all__ = [
    "ADVERBS",
    "BUSINESS",
    "COMPARATIVES",
    "DATED",
    "DELAY_LIKE",
    "DEST_WORDS",
    "EVENTS",
    "GRAINS",
    "LIGHT",
    "ORIGIN_WORDS",
    "PARTICLES",
    "PASSING",
    "PHRASES",
    "ROWS",
    "SEXES",
    "STOP",
    "SUPERLATIVES",
    "SYNONYMS",
    "TAILS",
    "UNITS",
    "UNSUPPORTED",
    "VERBS",
]
