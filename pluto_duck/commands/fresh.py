"""How old the data of each table is: the last load of it that arrived."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from pluto_duck.errors import PlutoError
from pluto_duck.ingest.attempts import Freshness, freshness
from pluto_duck.ingest.live import LiveTable
from pluto_duck.session import Session, TableInfo


@dataclass(frozen=True)
class DescribedTable(TableInfo):
    loaded: Freshness | None = None


class Tables(list[TableInfo | LiveTable]):
    """The tables of a workspace, and when each was loaded last."""

    def __init__(self, tables: Sequence[TableInfo | LiveTable], loaded: dict[str, Freshness],
                 views: dict[str, str]) -> None:
        super().__init__(tables)
        self.loaded = loaded
        self.views = views
        """Of materialized ones, by TableRef.key: how fresh they are."""


def described(session: Session, table: TableInfo) -> DescribedTable:
    return DescribedTable(**vars(table), loaded=_loaded(session).get(table.ref.key))


def tables(session: Session, live: Sequence[LiveTable]) -> Tables:
    return Tables([*session.tables(), *live], _loaded(session), _views(session))


def _views(session: Session) -> dict[str, str]:
    from pluto_duck.commands.load_report import count

    return {one.ref.key: one.state + (f", {count(one.behind, 'change')} behind" if one.behind else "")
            for one in session.views.list() if one.materialized}


def _loaded(session: Session) -> dict[str, Freshness]:
    try:
        return {one.table: one for one in freshness(session)}
    except PlutoError:
        return {}  # in a transaction that has failed, say: the tables can be shown all the same


def when(moment: dt.datetime) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def age(seconds: float) -> str:
    """As people say it: 20 s, 5 min, 3 h, 12 days."""
    for unit, length, most in (("s", 1, 100), ("min", 60, 100), ("h", 3600, 48)):
        if seconds < most * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds / 86_400:.0f} days"
