"""What a policy.yaml may say, as pydantic models."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from pluto_duck.errors import SettingError
from pluto_duck.governance.actor import ROLE_NAME
from pluto_duck.governance.rates import Rate
from pluto_duck.workspace.globs import Glob, fits_table
from pluto_duck.workspace.tableref import TableRef

Action = Literal["read", "insert", "update", "delete", "ingest", "ask", "approve"]
ACTIONS: tuple[Action, ...] = get_args(Action)

KEPT_ROLES = frozenset({"owner", "agent"})
"""Names that would promise what no policy can give."""
MAX_ROLES = 200
MAX_GRANTS = 500


def _one_or_many(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _glob(text: str) -> str:
    Glob(text)
    return text


def _table_glob(text: str) -> str:
    fits_table(text, TableRef("t"))
    return text


TableGlobs = Annotated[list[Annotated[str, BeforeValidator(_table_glob)]], BeforeValidator(_one_or_many)]
Globs = Annotated[list[Annotated[str, BeforeValidator(_glob)]], BeforeValidator(_one_or_many)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Mask(_Part):
    """What stands instead of a value."""

    kind: Literal["null", "hash", "partial", "expression"]
    first: int = Field(1, ge=0, le=100)
    """Characters at the beginning that `partial` shows."""
    last: int = Field(0, ge=0, le=100)
    expression: str = Field("", max_length=2_000)

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        """`null`, `hash`, `partial`, {partial: {first: 2, last: 2}}, {expression: "..."}"""
        if isinstance(value, str):
            if value not in ("null", "hash", "partial"):
                raise ValueError("a mask is null, hash, partial, {partial: {first: 1, last: 0}} "
                                 'or {expression: "..."}')
            return {"kind": value}
        if isinstance(value, dict) and set(value) == {"partial"} and isinstance(value["partial"], dict):
            return {"kind": "partial", **value["partial"]}
        if isinstance(value, dict) and set(value) == {"expression"}:
            return {"kind": "expression", "expression": value["expression"]}
        raise ValueError('a mask is null, hash, partial, {partial: {first: 1, last: 0}} or {expression: "..."}')

    def __str__(self) -> str:
        if self.kind == "partial":
            return f"partial (first {self.first}, last {self.last})"
        return f"expression {self.expression}" if self.kind == "expression" else self.kind


class Grant(_Part):
    """What one role may do with some tables."""

    tables: TableGlobs = Field(min_length=1)
    actions: Annotated[list[Action], BeforeValidator(_one_or_many)] = Field(min_length=1)
    columns: Globs = Field(default=["*"], min_length=1)
    hide: Globs = []
    rows: str = Field("", max_length=4_000)
    """A condition in SQL; "" for every row."""
    masks: dict[Annotated[str, BeforeValidator(_glob)], Mask] = {}

    @model_validator(mode="after")
    def _fits(self) -> Grant:
        rowwise = {"read", "update", "delete", "insert"}
        if (self.rows or self.masks) and not rowwise & set(self.actions):
            raise ValueError("rows and masks belong to a grant of read, insert, update or delete")
        return self

    def mask_of(self, column: str) -> Mask | None:
        """By the column's own name, else by the first glob that fits."""
        for text, mask in self.masks.items():
            if Glob(text).is_plain and Glob(text).fits(column):
                return mask
        return next((mask for text, mask in self.masks.items() if Glob(text).fits(column)), None)

    @property
    def is_whole(self) -> bool:
        """Every row and column of its tables, as they are."""
        return not (self.rows or self.masks or self.hide) and "*" in self.columns

    def shows(self, column: str) -> bool:
        return any(Glob(one).fits(column) for one in self.columns) and not any(
            Glob(one).fits(column) for one in self.hide)


def _rate(text: str) -> str:
    try:
        Rate.parse(text)
    except SettingError as error:
        raise ValueError(f"{error.message} {error.hint}") from None
    return text


RateText = Annotated[str, AfterValidator(_rate)]


class Limits(_Part):
    """How much of the server one actor of a role may use; what is left out is as the settings `limits.*` say."""

    reads: RateText | None = None
    writes: RateText | None = None
    runs: RateText | None = None
    rows: RateText | None = None
    seconds: RateText | None = None
    running: int | None = Field(None, ge=1)
    waiting: int | None = Field(None, ge=1)
    streams: int | None = Field(None, ge=1)
    max_rows: int | None = Field(None, ge=1)
    max_mb: float | None = Field(None, gt=0)
    timeout_s: float | None = Field(None, gt=0)


class Role(_Part):
    description: str = Field("", max_length=1_000)
    limits: Limits | None = None
    grants: list[Grant] = Field([], max_length=MAX_GRANTS)


class Policy(_Part):
    version: Literal["1"]
    roles: dict[str, Role] = Field({}, max_length=MAX_ROLES)

    @field_validator("roles")
    @classmethod
    def _names(cls, roles: dict[str, Role]) -> dict[str, Role]:
        for name in roles:
            if not re.fullmatch(ROLE_NAME, name):
                raise ValueError(f"{name!r} is no name of a role: letters, digits, - and _, a letter first")
            if name in KEPT_ROLES:
                raise ValueError(f"the role {name} can't be defined: its rights are not a policy's to give")
        return roles
