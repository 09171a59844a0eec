"""The caller's side: one call to the host, and what came back as Python has it."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pluto_duck.errors import HostLost, PlutoError, UsageError, from_dict
from pluto_duck.session.rows.model import Change, Changed, Found, Page, Select, TextsFound, to_dict
from pluto_duck.session.rows.reading import amount
from pluto_duck.workspace.protocol import Reply, Request
from pluto_duck.workspace.result import Column, Result

if TYPE_CHECKING:
    import pyarrow

    from pluto_duck.session import Session
    from pluto_duck.workspace.tableref import TableRef


def result_of(session: Session, request: Request) -> tuple[Result, dict[str, Any]]:
    """Its rows, and the header of the reply."""
    started = time.perf_counter()
    with session._whole:
        table, header = _called(session, request)
        assert table is not None
        columns = tuple(Column(name, kind) for name, kind in header.get("columns", ()))
        return Result(columns=columns, table=table, sql="", statement="SELECT",
                      elapsed_s=time.perf_counter() - started, workspace=str(session.workspace.root),
                      notices=tuple(session._link.take_notices())), header


def _called(session: Session, request: Request) -> tuple[pyarrow.Table | None, dict[str, Any]]:
    """None where the header tells the rows."""
    for _ in range(20):
        reply = session._link.call(request)
        if reply.schema is None:
            return None, reply.header
        try:
            return _whole(reply), reply.header
        except HostLost as lost:
            if lost.facts.get("outcome") != "partial":
                raise
            continue  # nobody has seen a row yet
        finally:
            reply.close()
    raise HostLost("The host changed again and again.", outcome="not_run", hint="Run it again.")


def _whole(reply: Reply) -> pyarrow.Table:
    import pyarrow

    return pyarrow.Table.from_batches(list(reply.batches), schema=reply.schema)


def page(session: Session, wanted: Select, timeout_s: float | None) -> Page:
    limit = wanted.limit
    asked = wanted if limit is None else replace(wanted, limit=amount(limit, "limit") + 1)
    result, header = session._asked_rows(asked, timeout_s, paged=True)
    table, ends = result.arrow(), int(header["cursor"])
    more = limit is not None and table.num_rows > limit
    if more:
        table = table.slice(0, limit)
    shown = table.num_columns - ends
    following = None
    if more and ends and limit:
        following = tuple(table.column(shown + i)[limit - 1].as_py() for i in range(ends))
    cut = Result(columns=result.columns[:shown], table=table.select(range(shown)), sql="", statement="SELECT",
                 elapsed_s=result.elapsed_s, truncated=more, workspace=result.workspace, notices=result.notices)
    return Page(cut, following, int(header["version"]))


def by_key(session: Session, table: TableRef, keys: Sequence[Sequence[str]],
           columns: Sequence[str] | None) -> Found:
    return _found(*result_of(session, Request("by_key", _asked(table, keys, columns), retry="read")))


def texts_by_key(session: Session, table: TableRef, keys: Sequence[Sequence[str]],
                 columns: Sequence[str] | None) -> TextsFound | Found:
    request = Request("by_key", {**_asked(table, keys, columns), "texts": True}, retry="read")
    started = time.perf_counter()
    with session._whole:
        rows, header = _called(session, request)
    if rows is None:
        return TextsFound(tuple(None if one is None else (one[0], one[1]) for one in header["texts"]),
                          _errors(header), int(header["version"]))
    result = Result(columns=tuple(Column(name, kind) for name, kind in header["columns"]), table=rows, sql="",
                    statement="SELECT", elapsed_s=time.perf_counter() - started,
                    workspace=str(session.workspace.root))
    return _found(result, header)


def _asked(table: TableRef, keys: Sequence[Sequence[str]], columns: Sequence[str] | None) -> dict[str, Any]:
    return {"table": [table.schema, table.name], "keys": [list(map(str, one)) for one in keys],
            "columns": None if columns is None else list(columns)}


def _found(result: Result, header: dict[str, Any]) -> Found:
    return Found(result, tuple(header["at"]), _errors(header), tuple(header["key"]), int(header["version"]))


def _errors(header: dict[str, Any]) -> dict[int, UsageError]:
    return {int(i): error for i, told in header["errors"].items() if isinstance(error := from_dict(told), UsageError)}


def change_each(session: Session, groups: Sequence[Sequence[Change]], tokens: Sequence[str],
                texts: bool) -> list[list[Changed] | PlutoError]:
    from pluto_duck.session.rows.host import untold

    given = [*tokens, *[""] * (len(groups) - len(tokens))]
    if any(not group for group in groups):
        raise UsageError("There is nothing to change.")
    request = Request("change", {
        "groups": [{"changes": [to_dict(one) for one in group], "token": f"rows-{token}" if token else uuid.uuid4().hex}
                   for group, token in zip(groups, given, strict=True)],
        "look": any(given), "texts": texts}, retry="token")
    header = session._link.call(request).header
    root = str(session.workspace.root)
    return [from_dict(told) if isinstance(told, dict) else [untold(one, root) for one in told]
            for told in header["outcomes"]]
