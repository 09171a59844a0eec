"""YAML as a tree that knows its lines, and in which every scalar is text.

Text, because YAML 1.1 reads `no`, `on` and `1_0` as something else, and a stored value must stay as it was written.
From the parser's events, not its objects: no tag can make one, no alias can blow the tree up, no depth ends the stack.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

MAX_SIZE = 2_000_000
MAX_DEPTH = 20


class Unreadable(Exception):
    """The text is no YAML that a semantic file may hold."""

    def __init__(self, text: str, line: int = 0) -> None:
        super().__init__(text)
        self.text = text
        self.line = line


@dataclass
class Node:
    kind: Literal["text", "map", "list"]
    line: int
    start: int
    """Index of the first character."""
    end: int = 0
    text: str = ""
    plain: bool = True
    """A scalar without quotes: `true` means true, and nothing means nothing."""
    flow: bool = False
    """In braces or brackets."""
    items: list[Node] = field(default_factory=list)
    pairs: list[tuple[Node, Node]] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        return self.kind == "text" and self.plain and self.text.lower() in ("", "~", "null")

    def get(self, name: str) -> Node | None:
        return next((value for key, value in self.pairs if key.text == name), None)


def read(text: str) -> Node | None:
    """None for an empty text. Raises Unreadable."""
    import yaml

    if len(text) > MAX_SIZE:
        raise Unreadable(f"It has more than {MAX_SIZE:,} characters.")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return _tree(yaml.parse(text, Loader=loader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        said = " ".join(filter(None, (error.context, error.problem)))
        raise Unreadable(f"This is not YAML: {said}.", mark.line + 1 if mark else 0) from None
    except yaml.YAMLError as error:
        raise Unreadable(f"This is not YAML: {str(error).splitlines()[0]}.") from None


def _tree(events: Iterable[Any]) -> Node | None:
    root: Node | None = None
    open_: list[Node] = []
    waiting: list[Node | None] = []  # the key of each open map that has no value yet
    documents = 0
    for event in events:
        kind = type(event).__name__
        line = event.start_mark.line + 1
        if kind == "DocumentStartEvent":
            documents += 1
            if documents > 1:
                raise Unreadable("There is a second document (---) in the file.", line)
        elif kind == "AliasEvent" or getattr(event, "anchor", None):
            raise Unreadable("Anchors (&) and aliases (*) are not read here.", line)
        elif kind in ("MappingEndEvent", "SequenceEndEvent"):
            done = open_.pop()
            waiting.pop()
            done.end = event.end_mark.index
        elif kind in ("ScalarEvent", "MappingStartEvent", "SequenceStartEvent"):
            if event.tag is not None and not event.tag.startswith("tag:yaml.org,2002:"):
                raise Unreadable(f"The tag {event.tag} is not read here.", line)
            node = _node(kind, event, line)
            root = root or node
            if open_:
                _enter(open_[-1], waiting, node)
            if node.kind != "text":
                open_.append(node)
                waiting.append(None)
                if len(open_) > MAX_DEPTH:
                    raise Unreadable("This is nested too deep.", line)
    return root


def _node(kind: str, event: Any, line: int) -> Node:
    start, end = event.start_mark.index, event.end_mark.index
    if kind == "ScalarEvent":
        plain = event.style in (None, "")
        return Node("text", line, start, end, event.value, plain)
    flow = bool(event.flow_style)
    return Node("map" if kind == "MappingStartEvent" else "list", line, start, end, flow=flow)


def _enter(into: Node, waiting: list[Node | None], node: Node) -> None:
    if into.kind == "list":
        into.items.append(node)
        return
    key = waiting[-1]
    if key is None:
        if node.kind != "text":
            raise Unreadable("A name must be a plain word, not a list or a map.", node.line)
        waiting[-1] = node
        return
    into.pairs.append((key, node))
    waiting[-1] = None
