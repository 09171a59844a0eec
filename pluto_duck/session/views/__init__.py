"""Views whose rows are kept: asked of the host, which refreshes them."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pluto_duck.workspace import Request, TableRef

if TYPE_CHECKING:
    from pluto_duck.session import Session

Refresh = Literal["on-change", "schedule", "manual"]
REFRESHES: tuple[Refresh, ...] = ("on-change", "schedule", "manual")
State = Literal["fresh", "stale", "broken", "plain", "unknown"]


@dataclass(frozen=True)
class Refreshed:
    """One refresh of a view."""

    at: dt.datetime
    """UTC; the moment of the data that was read."""
    elapsed_s: float
    way: Literal["full", "incremental", "nothing", "failed"]
    because: str
    """Why it was full, or what failed."""
    rows: int
    """Of the view then."""
    changed: int
    """Of the view by this refresh: of a full one, all of them."""
    run_id: str = ""


@dataclass(frozen=True)
class ViewInfo:
    ref: TableRef
    materialized: bool
    sql: str
    refresh: Refresh | None
    """None of a plain view, which is as its tables are."""
    state: State
    """`unknown`: what it reads is not told by versions (files, now(), ...)."""
    why: str
    """Of `broken` what is wrong; of `stale` and `unknown` a reason where there is one to tell."""
    as_of: dt.datetime | None
    """UTC; what was committed then is in it."""
    as_of_seq: int
    """The newest commit that is in it."""
    behind: int | None
    """Changes of its tables that are not in it; None where nobody counts them."""
    rows: int | None
    sources: tuple[str, ...]
    incremental: str
    """How it is kept: "incremental", or "full: because ..."."""
    history: tuple[Refreshed, ...] = ()
    """Newest first; told by `show` alone."""
    tracked: str = ""
    """The table that `create` began to track for it."""


class Views:
    """Of one session; the owner's."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def create(self, ref: TableRef, sql: str, *, materialized: bool = True, refresh: Refresh = "manual",
               replace: bool = False, track: bool = True) -> ViewInfo:
        """`sql`: one SELECT. `replace`: a view of that name is made anew, but no table. `track`: changes of its table
        are kept where that lets it be refreshed from them. Raises UsageError for a name that is taken, Refused for a
        definition that reads `_pluto` or, in the end, itself."""
        return _info(self._ask("create", ref, sql=sql, materialized=materialized, refresh=refresh, replace=replace,
                               track=track))

    def list(self) -> list[ViewInfo]:
        """By schema and name; plain views among them."""
        return [_info(one) for one in self._call({"verb": "list"})["views"]]

    def definitions(self) -> dict[str, str]:
        """TableRef.key -> what it is made of, of the materialized ones."""
        return dict(self._call({"verb": "definitions"})["sql"])

    def show(self, ref: TableRef) -> ViewInfo:
        return _info(self._ask("show", ref))

    def refresh(self, ref: TableRef, *, full: bool = False, run_id: str = "") -> Refreshed:
        """Waits for one that is under way. `full`: even where nothing has changed."""
        return _refreshed(self._ask("refresh", ref, full=full, run=run_id))

    def drop(self, ref: TableRef) -> None:
        self._ask("drop", ref)

    def _ask(self, verb: str, ref: TableRef, **args: Any) -> dict[str, Any]:
        return dict(self._call({"verb": verb, "schema": ref.schema, "name": ref.name, **args})["view"])

    def _call(self, args: dict[str, Any]) -> dict[str, Any]:
        self._session._owners()
        retry: Literal["read", "no"] = "read" if args["verb"] in ("list", "definitions", "show", "refresh") else "no"
        return dict(self._session._link.call(Request("views", args, retry=retry)).header)


def _info(one: dict[str, Any]) -> ViewInfo:
    return ViewInfo(
        TableRef(one["name"], one["schema"]), one["materialized"], one["sql"], one["refresh"], one["state"],
        one["why"], _time(one["at_ms"]), one["seq"], one["behind"], one["rows"], tuple(one["sources"]),
        one["incremental"], tuple(_refreshed(row) for row in one.get("history", ())), one.get("tracked", ""))


def _refreshed(one: dict[str, Any]) -> Refreshed:
    at = _time(one["at_ms"])
    assert at is not None
    return Refreshed(at, one["elapsed_ms"] / 1000, one["way"], one["because"], one["rows"], one["changed"], one["run"])


def _time(ms: int | None) -> dt.datetime | None:
    return None if ms is None else dt.datetime.fromtimestamp(ms / 1000, dt.UTC)


__all__ = ["REFRESHES", "Refresh", "Refreshed", "ViewInfo", "Views"]
