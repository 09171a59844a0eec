"""The offline planner: a grammar engine, no model and no network. It says which word it does not know."""

from __future__ import annotations

from pluto_duck.agent.planners.builtin.planner import BuiltinPlanner

__all__ = ["BuiltinPlanner"]
