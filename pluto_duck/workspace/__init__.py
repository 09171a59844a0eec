"""The workspace: its folder, the one process that has the file open, and everybody else's way to it.

The only code that opens DuckDB (the file and the Gate's private parser) and control.sqlite.
"""

from pluto_duck.workspace.control import ControlStore
from pluto_duck.workspace.folder import Workspace, create, find, personal_root
from pluto_duck.workspace.protocol import Channel, Handler, HandlerSession, Hello, Reply, Request, Role
from pluto_duck.workspace.result import Column, Result
from pluto_duck.workspace.tableref import TableRef, quote

__all__ = [
    "Channel", "Column", "ControlStore", "Handler", "HandlerSession", "Hello", "Reply", "Request", "Result",
    "Role", "TableRef", "Workspace", "create", "find", "personal_root", "quote",
]
