"""The rules: who asks, and what every statement must pass before it runs."""

from pluto_duck.governance.actor import AGENT, OWNER, Actor
from pluto_duck.governance.gate import Gate
from pluto_duck.governance.governed import GovernedCatalog, GovernedCatalogs
from pluto_duck.governance.names import Names
from pluto_duck.governance.roles import RoleCatalog

__all__ = ["AGENT", "OWNER", "Actor", "Gate", "GovernedCatalog", "GovernedCatalogs", "Names", "RoleCatalog"]
