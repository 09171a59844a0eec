"""Which planners there are, what each would send where, and which models its server has: told before a question is."""

from __future__ import annotations

import time
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from pluto_duck.errors import UsageError, unknown_name
from pluto_duck.plugins import load, names
from pluto_duck.session import Session
from pluto_duck.settings import Settings

LIST_S = 15.0
MAX_MODELS = 500


@dataclass(frozen=True)
class PlannerInfo:
    name: str
    asks: str
    """The host, with its port, of the server that is asked; "": none is, or its name is not known before."""
    leaves: bool
    """What a question says leaves this machine."""
    model: str
    """The one of the settings; "": none, or none is asked."""
    asks_model: bool
    problem: str
    """Why it can't answer now, as far as that is known without asking anybody; "": nothing stands in the way."""


def planners(settings: Settings) -> list[PlannerInfo]:
    """By name. Asks no server and reads no key."""
    return [_info(name, settings) for name in names("pluto_duck.planners")]


def _info(name: str, settings: Settings) -> PlannerInfo:
    try:
        known = load("pluto_duck.planners", name)
    except Exception as error:  # a plug-in that does not even load must not hide the others
        return PlannerInfo(name, "", True, "", False, f"It does not load: {type(error).__name__}.")
    if getattr(known, "offline", False):
        return PlannerInfo(name, "", False, "", False, "")
    address = getattr(known, "address", "")
    if not address:  # a plug-in of somebody's: what it sends, and where, nobody here knows
        return PlannerInfo(name, "", True, "", False, "")
    address = str(settings["agent.base_url"]) or address
    model = str(settings["agent.model"])
    return PlannerInfo(name, _host(address), not _is_here(address), model, True,
                       "" if model else "No model is named.")


def _host(address: str) -> str:
    """Without the user and the path, which may hold what is secret."""
    try:
        parts = urlsplit(address)
        return parts.hostname + (f":{parts.port}" if parts.port else "") if parts.hostname else "?"
    except ValueError:
        return "?"


def _is_here(address: str) -> bool:
    try:
        host = urlsplit(address).hostname or ""
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def models(session: Session, planner: str) -> list[str]:
    """The names that its server gives, sorted. Nothing but the key is sent. Raises what asking it does."""
    from pluto_duck.agent.planners.dialogue import DialoguePlanner
    from pluto_duck.agent.planners.dialogue.wire import Wire

    if planner not in names("pluto_duck.planners"):
        raise unknown_name("planner", planner, names("pluto_duck.planners"))
    worker = load("pluto_duck.planners", planner)()
    if not isinstance(worker, DialoguePlanner):
        raise UsageError(f"The planner {planner} has no models to choose from.")
    settings = session.settings
    model = worker.model(settings if settings["agent.model"] else settings.but(agent__model="any"))
    if not hasattr(model, "listed"):
        raise UsageError(f"The planner {planner} can't list its models.", hint="Type the name of one.")
    wire = Wire()
    try:
        with session.interrupting(wire.stop):
            return sorted(list(wire.each(model.listed, ends_at=time.monotonic() + LIST_S))[:MAX_MODELS])
    finally:
        wire.close(model.close)


