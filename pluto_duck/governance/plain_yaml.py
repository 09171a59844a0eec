"""A YAML file of the owner's as plain data, and the line of each entry; what is wrong with it, by line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pluto_duck.errors import SettingError

if TYPE_CHECKING:
    from yaml.nodes import Node

MAX_BYTES = 1_000_000
MAX_DEPTH = 12
_PLAIN = frozenset(f"tag:yaml.org,2002:{name}" for name in (
    "str", "null", "bool", "int", "float", "timestamp", "value", "seq", "map"))
"""Tags that YAML gives by itself."""

Lines = dict[tuple[str, ...], int]
"""Where each entry stands: ("roles", "analyst", "grants", "0") -> line, from 1."""


def plain(text: str, file: str, wrong: type[SettingError], *, begins: str) -> tuple[dict[str, Any], Lines]:
    """Text, lists and mappings: `no`, `null` and 1_0 stay what they are. Raises `wrong`: aliases, tags, a key twice."""
    import yaml

    if len(text.encode()) > MAX_BYTES:
        raise wrong(f"{file} is larger than {MAX_BYTES:,} bytes.")
    try:
        depth = 0
        for one in yaml.parse(text, Loader=yaml.SafeLoader):
            if isinstance(one, yaml.AliasEvent):
                raise wrong(f"{file} must not use aliases (*name).", hint="Write it out.")
            depth += isinstance(one, yaml.CollectionStartEvent) - isinstance(one, yaml.CollectionEndEvent)
            if depth > MAX_DEPTH + 1:  # before the reader takes minutes over a file of brackets
                raise wrong(f"{file}, line {one.start_mark.line + 1} is nested too deep.")
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        at = f", line {mark.line + 1}" if mark is not None else ""
        raise wrong(f"{file}{at} is no YAML: {getattr(error, 'problem', None) or 'it can not be read'}.",
                    hint="Look at the indentation of that line.") from None
    lines: Lines = {}
    data = _value(node, (), lines, file, wrong) if node is not None else {}
    if not isinstance(data, dict):
        raise wrong(f"{file} must be a mapping.", hint=f"It begins with: {begins}")
    return data, lines


def _value(node: Node, at: tuple[str, ...], lines: Lines, file: str, wrong: type[SettingError]) -> Any:
    from yaml.nodes import MappingNode, ScalarNode, SequenceNode

    lines[at] = node.start_mark.line + 1
    if len(at) > MAX_DEPTH:
        raise wrong(f"{file}, line {lines[at]} is nested too deep.")
    if node.tag not in _PLAIN:
        raise wrong(f"{file}, line {lines[at]}: tags ({node.tag}) have no place here.")
    if isinstance(node, ScalarNode):
        return str(node.value)
    if isinstance(node, SequenceNode):
        return [_value(one, (*at, str(i)), lines, file, wrong) for i, one in enumerate(node.value)]
    assert isinstance(node, MappingNode)
    found: dict[str, Any] = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, ScalarNode) or key.value == "<<":
            raise wrong(f"{file}, line {line}: a key must be a plain word.")
        if key.value in found:
            raise wrong(f"{file}, line {line}: {key.value} stands there twice.", hint="Keep one of them.")
        found[key.value] = _value(value, (*at, str(key.value)), lines, file, wrong)
        lines[(*at, str(key.value))] = line
    return found
