"""The sidebar's door in the kernel: frames over a comm, answered beside whatever cell is running.

`attach` enters the target into a kernel. Handlers only put frames in line (a subshell has one thread, and a cancel
must get past what it cancels); the work is done on threads of the panel's own, each with a session of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

TARGET = "pluto_duck.panel"
_desks: dict[int, Any] = {}


def attach(ipython: Any, workspace: Callable[[], str | None]) -> None:
    """Lets sidebars open a comm to this kernel. `workspace`: the folder that its cells use; None: found from here."""
    manager = getattr(getattr(ipython, "kernel", None), "comm_manager", None)
    if manager is None or id(ipython) in _desks:
        return  # a plain IPython shell has no comms

    from pluto_duck.panel.comms import Comms

    _desks[id(ipython)] = comms = Comms(workspace, lambda: ipython.user_ns)
    manager.register_target(TARGET, comms.opened)


def detach(ipython: Any) -> None:
    comms = _desks.pop(id(ipython), None)
    if comms is not None:
        ipython.kernel.comm_manager.unregister_target(TARGET, comms.opened)
        comms.close()


__all__ = ["TARGET", "attach", "detach"]
