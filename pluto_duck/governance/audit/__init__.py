"""Who did what, when, through which door, and which rule let them: a chain that only grows, and shows every change.

    door -> Trail (who, from where) -> Session notes tables, rules and rows on it -> Recorder -> Chain (control.sqlite)
"""

from pluto_duck.governance.audit.chain import Chain, Head
from pluto_duck.governance.audit.entry import Entry, Who, entry_of
from pluto_duck.governance.audit.recorder import Recorder, recorder
from pluto_duck.governance.audit.trail import Trail, current, following, owners, who_of
from pluto_duck.governance.audit.verifying import Problem, Verdict, verify

__all__ = ["Chain", "Entry", "Head", "Problem", "Recorder", "Trail", "Verdict", "Who", "current", "entry_of",
           "following", "owners", "recorder", "verify", "who_of"]
