"""Semantic files as text: values as YAML, and entries put into a file that is otherwise left as it is."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from pluto_duck.catalog.semantics.nodes import Node, read

Value = str | bool | Sequence["Value"] | Mapping[str, "Value"]

WIDTH = 110
_PLAIN = re.compile(r"[A-Za-z_][\w.()/%-]*(?: [\w.()/%-]+)*")
_NOT_TEXT = {"true", "false", "yes", "no", "on", "off", "y", "n", "null"}


def scalar(text: str) -> str:
    """A text as YAML 1.1 and 1.2 read it back unchanged."""
    if _PLAIN.fullmatch(text) and text.isprintable() and text.lower() not in _NOT_TEXT:
        return text
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(char: str) -> str:
    if char in '"\\':
        return "\\" + char
    if char.isprintable():
        return char
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def flow(value: Value) -> str:
    """On one line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return scalar(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{scalar(key)}: {flow(one)}" for key, one in value.items()) + "}"
    return "[" + ", ".join(map(flow, value)) + "]"


def lines(name: str, value: Value, indent: int) -> list[str]:
    """`name: value`, on one line where it is short, else an entry on each."""
    head = " " * indent + scalar(name) + ":"
    one_line = f"{head} {flow(value)}"
    if isinstance(value, str | bool) or not value:
        return [one_line]
    deep = isinstance(value, Mapping) and any(isinstance(one, Mapping) for one in value.values())
    if len(one_line) <= WIDTH and not deep:
        return [one_line]
    if isinstance(value, Mapping):
        return [head, *(line for key, one in value.items() for line in lines(key, one, indent + 2))]
    return [head, *(" " * (indent + 2) + f"- {flow(one)}" for one in value)]


def added(text: str, path: Sequence[str], value: Value) -> str:
    """The text with an entry more: `("tables", "orders", "synonyms")`, or `("joins",)` for one item of that list.

    Where the last step is there already and both are lists, what is missing of the items is appended; where it is
    there with something else, nothing changes. Comments and order stay. Raises Unreadable where the text can't be read.
    """
    root = read(text)
    if root is None or root.empty:
        return "\n".join([*text.splitlines(), *_nested(list(path), value, 0)]) + "\n"
    at, steps = root, list(path)
    while steps and at.kind == "map" and (below := at.get(steps[0])) is not None:
        steps.pop(0)
        if below.empty:
            return _into_empty(text, at, below, steps, value)
        at = below
    if not steps:
        return _appended(text, at, value)
    if at.kind != "map":
        return text
    if at.flow:
        inside = _flow_pair(steps, value)
        return _in_brackets(text, at, inside, bool(at.pairs))
    indent = _column(text, at.pairs[0][0].start)
    made = _nested(steps, value, indent)
    return _after(text, _end(at), ["", *made] if at is root else made)


def _nested(steps: list[str], value: Value, indent: int) -> list[str]:
    if len(steps) > 1:
        return [" " * indent + scalar(steps[0]) + ":", *_nested(steps[1:], value, indent + 2)]
    if isinstance(value, Mapping) and steps == ["joins"]:
        value = [value]
    if not isinstance(value, str | bool | Mapping) and value and isinstance(value[0], Mapping):
        return [" " * indent + scalar(steps[0]) + ":", *(" " * (indent + 2) + f"- {flow(one)}" for one in value)]
    return lines(steps[0], value, indent)


def _flow_pair(steps: list[str], value: Value) -> str:
    inner = f"{scalar(steps[-1])}: {flow(value)}"
    for step in reversed(steps[:-1]):
        inner = f"{scalar(step)}: {{{inner}}}"
    return inner


def _appended(text: str, at: Node, value: Value) -> str:
    if at.kind != "list":
        return text
    have = {one.text for one in at.items if one.kind == "text"}
    wanted: list[Value] = [value] if isinstance(value, str | bool | Mapping) else [*value]
    items = [one for one in wanted if not (isinstance(one, str) and one in have)]
    if not items:
        return text
    if at.flow:
        return _in_brackets(text, at, ", ".join(map(flow, items)), bool(at.items))
    dash = text.rindex("-", 0, at.items[0].start)
    return _after(text, _end(at), [" " * _column(text, dash) + f"- {flow(one)}" for one in items])


def _into_empty(text: str, holder: Node, empty: Node, steps: list[str], value: Value) -> str:
    """Below a name that has nothing yet."""
    key = next(key for key, one in holder.pairs if one is empty)
    if holder.flow:
        inner = flow(value) if not steps else "{" + _flow_pair(steps, value) + "}"
        end = text.index(":", key.end) + 1
        return f"{text[:end]} {inner}{text[max(end, empty.end):]}"
    indent = _column(text, key.start)
    made = _nested([key.text, *steps], value, indent)
    start, end = text.rfind("\n", 0, key.start) + 1, _line_end(text, max(key.end, empty.end))
    return text[:start] + "\n".join(made) + text[end:]


def _in_brackets(text: str, node: Node, inside: str, more: bool) -> str:
    """Before the bracket that closes a node."""
    end = node.end - 1
    before = text[:end].rstrip()
    comma = ", " if more and not before.endswith(",") else " " if more else ""
    return f"{before}{comma}{inside}{text[end:]}"


def _end(node: Node) -> int:
    """Behind the last character of what a node holds: a block ends only where the next one begins."""
    if node.kind == "text" or node.flow:
        return node.end
    last = node.pairs[-1] if node.pairs else (node.items[-1],) if node.items else ()
    return max((_end(one) for one in last), default=node.end)


def _after(text: str, end: int, made: list[str]) -> str:
    """On lines of their own below the one that holds the character before `end`."""
    stop = _line_end(text, max(end - 1, 0))
    return text[:stop] + "\n" + "\n".join(made) + (text[stop:] or "\n")


def _line_end(text: str, at: int) -> int:
    found = text.find("\n", at)
    return len(text) if found < 0 else found


def _column(text: str, at: int) -> int:
    return at - (text.rfind("\n", 0, at) + 1)
