"""Where the key of a model's server comes from: the environment or the keyring, never a file."""

from __future__ import annotations

import os

from pluto_duck.errors import ModelError, PlutoError, SettingError, SourceError
from pluto_duck.settings import Settings

_WAYS = "env:NAME, or keyring"


def find(settings: Settings, variable: str, planner: str, address: str) -> tuple[str | None, str]:
    """(the key, where it came from); None where there is none. `address`: the server it belongs to.

    `variable`: where it is looked for when no place is named; "" for nowhere.

    Raises SettingError for a setting that holds a key itself, ModelError where the place named has none.
    """
    wanted = str(settings["agent.api_key"])
    if wanted.startswith("env:"):
        name = wanted.removeprefix("env:")
        if not os.environ.get(name):
            raise ModelError(f"The key is to come from the environment variable {name}, which is not set.",
                             hint=f"Set it first: export {name}=...")
        return os.environ[name], f"the variable {name}"
    if wanted == "keyring":
        found = _kept(planner, address)
        if isinstance(found, PlutoError):
            raise ModelError(found.message, hint=f"Keep it there: {how_to_keep(planner, address)}")
        return found, "the keyring"
    if wanted:
        raise SettingError("agent.api_key holds something else than the place of a key.",
                           hint=f"It takes {_WAYS}. A key itself must not stand in a file or a setting.")
    if variable and os.environ.get(variable):
        return os.environ[variable], f"the variable {variable}"
    found = _kept(planner, address)
    return (None, "nowhere") if isinstance(found, PlutoError) else (found, "the keyring")


def account(planner: str) -> str:
    return f"model {planner}"


def keep(planner: str, address: str, key: str) -> None:
    """Raises Refused where there is no real keyring."""
    from pluto_duck.ingest import connections_keyring as keyring

    keyring.keep(account(planner), address, key)


def how_to_keep(planner: str, address: str) -> str:
    return (f'python -c "from pluto_duck.agent.planners.dialogue import keys; from getpass import getpass; '
            f"keys.keep('{planner}', '{address}', getpass('Key: '))\"")


def _kept(planner: str, address: str) -> str | PlutoError:
    from pluto_duck.ingest import connections_keyring as keyring

    try:
        return keyring.look_up(account(planner), address)
    except SourceError as error:
        return error
