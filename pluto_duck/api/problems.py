"""What is wrong with a request as HTTP."""

from __future__ import annotations

from typing import Any, ClassVar

from pluto_duck.errors import PlutoError


class HTTPProblem(PlutoError):
    """What is wrong with the request as HTTP, not with what it asks for."""

    code: ClassVar[str] = "http"

    def __init__(self, status: int, message: str, *, hint: str = "", **facts: Any) -> None:
        super().__init__(message, hint=hint, **facts)
        self.status = status
        self.headers: dict[str, str] = {}
        """Beside the problem's own."""
