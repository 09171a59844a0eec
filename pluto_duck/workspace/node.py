"""This process's place in a workspace, and each session's link through it. (First slice: always the host.)"""

from __future__ import annotations

import os
import threading
import uuid
from pathlib import Path

from pluto_duck.settings import Settings
from pluto_duck.workspace.database import Database
from pluto_duck.workspace.folder import Workspace
from pluto_duck.workspace.protocol import HandlerFactory, HandlerSession, Hello, Reply, Request, Role


class Node:
    def __init__(self, workspace: Workspace, settings: Settings, handler_factory: HandlerFactory) -> None:
        self.workspace = workspace
        self.settings = settings
        self._database = Database(workspace, settings)
        self._handler = handler_factory(self._database)
        self._links: set[Link] = set()

    def link(self, role: Role, label: str = "") -> Link:
        hello = Hello(uuid.uuid4().hex, role, os.getpid(), label)
        link = Link(self, self._handler.open(hello))
        self._links.add(link)
        return link

    def leave(self, link: Link) -> None:
        self._links.discard(link)
        if not self._links:
            self._handler.close()
            self._database.close()
            with _lock:
                _nodes.pop(self.workspace.root, None)


class Link:
    def __init__(self, node: Node, session: HandlerSession) -> None:
        self._node, self._session = node, session

    @property
    def role(self) -> str:
        return "host"

    def call(self, request: Request) -> Reply:
        return self._session.handle(request)

    def interrupt(self) -> None:
        self._session.interrupt("cancel")

    def progress(self) -> float:
        return self._session.progress()

    def take_notices(self) -> list[str]:
        return []

    def close(self) -> None:
        self._session.close()
        self._node.leave(self)


_nodes: dict[Path, Node] = {}
_lock = threading.Lock()


def join(workspace: Workspace, settings: Settings, factory: HandlerFactory, role: Role, label: str = "") -> Link:
    """A link into the workspace; sessions of one process share one node."""
    with _lock:
        node = _nodes.get(workspace.root)
        if node is None:
            node = _nodes[workspace.root] = Node(workspace, settings, factory)
    return node.link(role, label)
