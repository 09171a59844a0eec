"""The text of a policy.yaml as plain data and as a Policy; what is wrong with it, by line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pluto_duck.errors import SettingError

if TYPE_CHECKING:
    from yaml.nodes import Node

    from pluto_duck.governance.policy.model import Policy

MAX_BYTES = 1_000_000
MAX_DEPTH = 12
_PLAIN = frozenset(f"tag:yaml.org,2002:{name}" for name in (
    "str", "null", "bool", "int", "float", "timestamp", "value", "seq", "map"))
"""Tags that YAML gives by itself."""

Lines = dict[tuple[str, ...], int]
"""Where each entry stands: ("roles", "analyst", "grants", "0") -> line, from 1."""


class PolicyError(SettingError):
    """A policy.yaml that says what no policy can say."""

    code = "policy"


def read(text: str) -> tuple[Policy, dict[str, Any], Lines]:
    """Raises PolicyError. The plain data is what the owner is shown and allows: every scalar is a text there."""
    from pydantic import ValidationError

    from pluto_duck.governance.policy.model import Policy

    data, lines = _plain(text)
    try:
        return Policy.model_validate(data), data, lines
    except ValidationError as error:
        raise PolicyError("policy.yaml: " + "; ".join(_told(one, lines) for one in error.errors()[:5]) + ".",
                          hint="docs/policy.md shows what may stand there.") from None


def _told(error: Any, lines: Lines) -> str:
    where = tuple(str(one) for one in error["loc"] if one != "[key]")
    at = where
    while at and at not in lines:
        at = at[:-1]
    says = error["msg"].removeprefix("Value error, ")
    says = {"Field required": "is missing", "Extra inputs are not permitted": "is no word of a policy"}.get(says, says)
    return f"line {lines.get(at, 1)}, {'.'.join(where) or 'the file'}: {says}"


def _plain(text: str) -> tuple[dict[str, Any], Lines]:
    """YAML as text, lists and mappings: `no`, `null` and 1_0 stay what they are; no alias, no tag, no key twice."""
    import yaml

    if len(text.encode()) > MAX_BYTES:
        raise PolicyError(f"policy.yaml is larger than {MAX_BYTES:,} bytes.")
    try:
        depth = 0
        for one in yaml.parse(text, Loader=yaml.SafeLoader):
            if isinstance(one, yaml.AliasEvent):
                raise PolicyError("policy.yaml must not use aliases (*name).", hint="Write it out.")
            depth += isinstance(one, yaml.CollectionStartEvent) - isinstance(one, yaml.CollectionEndEvent)
            if depth > MAX_DEPTH + 1:  # before the reader takes minutes over a file of brackets
                raise _too_deep(one.start_mark.line + 1)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        at = f", line {mark.line + 1}" if mark is not None else ""
        raise PolicyError(f"policy.yaml{at} is no YAML: {getattr(error, 'problem', None) or 'it can not be read'}.",
                          hint="Look at the indentation of that line.") from None
    lines: Lines = {}
    data = _value(node, (), lines) if node is not None else {}
    if not isinstance(data, dict):
        raise PolicyError("policy.yaml must be a mapping.", hint='It begins with: version: "1"')
    return data, lines


def _too_deep(line: int) -> PolicyError:
    return PolicyError(f"policy.yaml, line {line} is nested too deep.")


def _value(node: Node, at: tuple[str, ...], lines: Lines) -> Any:
    from yaml.nodes import MappingNode, ScalarNode, SequenceNode

    lines[at] = node.start_mark.line + 1
    if len(at) > MAX_DEPTH:
        raise _too_deep(lines[at])
    if node.tag not in _PLAIN:
        raise PolicyError(f"policy.yaml, line {lines[at]}: tags ({node.tag}) have no place here.")
    if isinstance(node, ScalarNode):
        return str(node.value)
    if isinstance(node, SequenceNode):
        return [_value(one, (*at, str(i)), lines) for i, one in enumerate(node.value)]
    assert isinstance(node, MappingNode)
    found: dict[str, Any] = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, ScalarNode) or key.value == "<<":
            raise PolicyError(f"policy.yaml, line {line}: a key must be a plain word.")
        if key.value in found:
            raise PolicyError(f"policy.yaml, line {line}: {key.value} stands there twice.", hint="Keep one of them.")
        found[key.value] = _value(value, (*at, str(key.value)), lines)
        lines[(*at, str(key.value))] = line
    return found
