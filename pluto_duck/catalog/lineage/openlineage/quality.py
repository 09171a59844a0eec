"""What checks found of a table, as OpenLineage's facets of a dataset: numbers and names, no row of anybody's."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from pluto_duck.catalog.lineage.openlineage.datasets import Datasets, namespace
from pluto_duck.catalog.lineage.openlineage.event import Dataset, Job, event
from pluto_duck.catalog.lineage.openlineage.sending import Emitter
from pluto_duck.governance.checks import Outcome, TableReport
from pluto_duck.session import Session


def assertions(report: TableReport) -> list[dict[str, Any]]:
    return [_assertion(one) for one in report.outcomes]


def _assertion(one: Outcome) -> dict[str, Any]:
    check = one.check
    found: dict[str, Any] = {"assertion": check.kind, "success": one.status == "passed", "severity": check.severity,
                             "name": check.name}
    if len(check.columns) == 1:
        found["column"] = check.columns[0]
    if one.failing is not None:
        found |= {"expected": f"{check.at_most:g}{'%' if check.percent else ''} failing rows",
                  "actual": f"{one.failing} failing rows"}
    if check.expression:
        found |= {"content": check.expression, "contentType": "sql"}
    return found


def metrics(report: TableReport) -> dict[str, Any]:
    """As far as the checks have counted them."""
    if report.rows is None:
        return {}
    nulls = {one.check.columns[0]: {"nullCount": one.failing} for one in report.outcomes
             if one.check.kind == "not_null" and not one.check.where and one.failing is not None}
    return {"rowCount": report.rows, "columnMetrics": nulls}


def tested(datasets: Datasets, report: TableReport) -> Dataset:
    return datasets.table(report.table.key, assertions=assertions(report), metrics=metrics(report))


class Checking:
    """Tells of a run of checks: that it begins, and what it found of each table."""

    def __init__(self, session: Session, emitter: Emitter, run_id: str) -> None:
        self._session, self._emitter = session, emitter
        self._job = Job(namespace(session), "check", run_id, "TEST")

    def begun(self) -> None:
        self._emitter.send(event("START", self._job))

    def ended(self, reports: Sequence[TableReport], error: str = "") -> None:
        datasets = Datasets(self._session, self._session.tables())
        self._emitter.send(event("FAIL" if error else "COMPLETE", self._job, at=dt.datetime.now(dt.UTC), error=error,
                                 inputs=[tested(datasets, one) for one in reports]))
