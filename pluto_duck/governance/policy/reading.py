"""The text of a policy.yaml as plain data and as a Policy; what is wrong with it, by line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pluto_duck.errors import SettingError
from pluto_duck.governance.plain_yaml import MAX_BYTES as MAX_BYTES
from pluto_duck.governance.plain_yaml import Lines as Lines
from pluto_duck.governance.plain_yaml import plain

if TYPE_CHECKING:
    from pluto_duck.governance.policy.model import Policy


class PolicyError(SettingError):
    """A policy.yaml that says what no policy can say."""

    code = "policy"


def read(text: str) -> tuple[Policy, dict[str, Any], Lines]:
    """Raises PolicyError. The plain data is what the owner is shown and allows: every scalar is a text there."""
    from pydantic import ValidationError

    from pluto_duck.governance.policy.model import Policy

    data, lines = plain(text, "policy.yaml", PolicyError, begins='version: "1"')
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
