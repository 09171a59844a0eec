"""Does a source answer, how fast, and does anybody on the way read along?"""

from __future__ import annotations

import time
from dataclasses import dataclass

from pluto_duck.ingest.sources import open_source


@dataclass(frozen=True)
class Answer:
    says: str
    """The source's own line: "PostgreSQL 18.6, database flights"."""
    connect_s: float
    answer_s: float
    """One question and its answer on the open connection."""
    encrypted: str | None
    """How ("TLSv1.3"), "" when not; None where the connector does not tell or there is no connection."""


def probe(uri: str, connector: str | None = None) -> Answer:
    """Connects, asks once, leaves. Raises what the connector raises."""
    source, _ = open_source(uri, connector)
    started = time.perf_counter()
    with source:
        connected = time.perf_counter()
        says = source.check()
        answered = time.perf_counter()
        # Not every connector has a connection that could be encrypted.
        encrypted = getattr(source, "encryption", None)
    return Answer(says, connected - started, answered - connected, encrypted)
