"""pluto-duck: a personal, AI-powered data IDE inside Jupyter, on DuckDB.

Nothing heavy is imported here: each name below is loaded when it is first used, so that
`import pluto_duck` and `%load_ext pluto_duck` stay quick.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pluto_duck.version import __version__

if TYPE_CHECKING:
    from pluto_duck.commands.workbench import Workbench, open
    from pluto_duck.errors import PlutoError
    from pluto_duck.session import Session
    from pluto_duck.workspace import Result, TableRef

__all__ = ["PlutoError", "Result", "Session", "TableRef", "Workbench", "__version__", "open"]

_WHERE = {
    "open": "pluto_duck.commands.workbench",
    "Workbench": "pluto_duck.commands.workbench",
    "PlutoError": "pluto_duck.errors",
    "Session": "pluto_duck.session",
    "Result": "pluto_duck.workspace",
    "TableRef": "pluto_duck.workspace",
}


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        from importlib import import_module

        return getattr(import_module(_WHERE[name]), name)
    raise AttributeError(f"module 'pluto_duck' has no attribute {name!r}")


def load_ipython_extension(ipython: Any) -> None:
    """`%load_ext pluto_duck`"""
    from pluto_duck.magics import load
    from pluto_duck.panel import attach

    notebook = load(ipython)
    attach(ipython, lambda: notebook.folder)


def unload_ipython_extension(ipython: Any) -> None:
    """`%unload_ext pluto_duck`"""
    from pluto_duck.magics import unload
    from pluto_duck.panel import detach

    detach(ipython)
    unload(ipython)


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    from pluto_duck.api.app import PlutoDuckApp

    return [{"module": "pluto_duck", "app": PlutoDuckApp}]
