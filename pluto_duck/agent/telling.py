"""An Answer as plain JSON: the one shape that the shell, REST and the record of a run tell it in."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import Any

from pluto_duck.agent.answer import Answer


def told(answer: Answer, *, rows: bool = True) -> dict[str, Any]:
    """Without its rows: where those are told, they stand beside it. `rows`: with what is computed from them."""
    plain = {one.name: getattr(answer, one.name) for one in fields(answer) if one.name != "result"}
    return plain | {"choices": [asdict(one) for one in answer.choices],
                    "otherwise": [asdict(one) for one in answer.otherwise], "cost": asdict(answer.cost)} \
        | ({"finding": answer.finding, "chart": dict(answer.drawing)} if rows else {})
