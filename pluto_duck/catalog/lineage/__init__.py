"""What comes from what: from where data enters, through views and models, to whoever reads it.

This room knows tables, views and how to read a statement; what loads, dbt and questions know is added by their rooms,
and put together in `commands/lineage.py`.
"""

from pluto_duck.catalog.lineage.impact import Effect, Impact, impact
from pluto_duck.catalog.lineage.known import Known, Macro
from pluto_duck.catalog.lineage.model import Around, Branch, Lineage, Link, Node, Part
from pluto_duck.catalog.lineage.refusal import refusal
from pluto_duck.catalog.lineage.remembering import traces
from pluto_duck.catalog.lineage.seen import seen
from pluto_duck.catalog.lineage.trace import Traced, trace
from pluto_duck.catalog.lineage.views import collect, known, links_of

__all__ = ["Around", "Branch", "Effect", "Impact", "Known", "Lineage", "Link", "Macro", "Node", "Part", "Traced",
           "collect", "impact", "known", "links_of", "refusal", "seen", "trace", "traces"]
