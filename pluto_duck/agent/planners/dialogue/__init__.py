"""A dialogue with a language model that calls tools until one of them ends the question."""

from __future__ import annotations

from pluto_duck.agent.planners.dialogue.model import Call, Message, Model, Reply, Request, Result
from pluto_duck.agent.planners.dialogue.planner import DialoguePlanner

__all__ = ["Call", "DialoguePlanner", "Message", "Model", "Reply", "Request", "Result"]
