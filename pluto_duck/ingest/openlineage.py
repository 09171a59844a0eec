"""Tells of a load by OpenLineage events: that it begins, what it made, why it failed."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pluto_duck.errors import Cancelled, ChecksFailed, PartlyLoaded, PlutoError
from pluto_duck.governance.checks import TableReport
from pluto_duck.ingest.report import LoadReport
from pluto_duck.session import Session

if TYPE_CHECKING:
    from pluto_duck.catalog.lineage.openlineage import Dataset, Emitter, Job, Told


@dataclass
class Load:
    report: LoadReport | None = None


@contextmanager
def telling(session: Session, shown: str) -> Iterator[Load]:
    """Around a load, which puts its report there. `shown`: its source, without a secret."""
    load = Load()
    if session.actor is not None or not (session.settings["lineage.file"] or session.settings["lineage.url"]):
        yield load
        return
    from pluto_duck.catalog.lineage.openlineage import Job, emitter, event
    from pluto_duck.catalog.lineage.openlineage.datasets import namespace, source

    sending = emitter(session)
    origin = source(shown)
    job = Job(namespace(session), f"ingest.{origin.namespace}.{origin.name}".rstrip("."), uuid.uuid4().hex, "LOAD")
    try:
        sending.send(event("START", job, inputs=[origin]))
        try:
            yield load
        except PlutoError as error:
            report = error.report if isinstance(error, PartlyLoaded) else None
            _end(session, sending, job, shown, report, error)
            raise
        except BaseException:
            sending.send(event("ABORT", job, inputs=[origin]))
            raise
        _end(session, sending, job, shown, load.report, None)
    finally:
        sending.close()


def _end(session: Session, emitter: Emitter, job: Job, shown: str, report: LoadReport | None,
         error: PlutoError | None) -> None:
    from pluto_duck.catalog.lineage.openlineage import Dataset, Datasets, event
    from pluto_duck.catalog.lineage.openlineage.datasets import source
    from pluto_duck.catalog.lineage.openlineage.quality import assertions, metrics

    # Of rows that nobody has seen the checks say something about their source, not of the table.
    inputs: list[Dataset] = [_refused(shown, name, one) for name, one in _held_back(report, error)]
    outputs: list[Dataset] = []
    try:
        loaded = report.tables if report is not None else ()
        tables = Datasets(session, session.tables([one.ref for one in loaded]) if loaded else [])
        for one in loaded:
            made = tables.table(one.ref.key)
            origin = source(shown, one.source_name, made.columns)
            if one.quality is not None:
                origin = replace(origin, assertions=assertions(one.quality), metrics=metrics(one.quality))
            inputs.append(origin)
            outputs.append(Dataset(made.namespace, made.name, made.columns, rows=one.rows, fields={
                name: [{"namespace": origin.namespace, "name": origin.name, "field": name,
                        "transformations": [{"type": "DIRECT", "subtype": "IDENTITY"}]}] for name, _ in made.columns}))
    except PlutoError:
        pass  # what is there can't be told now; how it ended can
    told: Told = "COMPLETE" if error is None else "ABORT" if isinstance(error, Cancelled) else "FAIL"
    emitter.send(event(told, job, inputs=inputs or [source(shown)], outputs=outputs,
                       error=error.message if error is not None else ""))


def _held_back(report: LoadReport | None, error: PlutoError | None) -> list[tuple[str, TableReport]]:
    """(name at the source, what became of the checks) of each table that they kept from arriving."""
    failed = [("", error)] if error is not None else []
    failed += [(one.source_name, one.error) for one in report.failed] if report is not None else []
    return [(name, one.report) for name, one in failed if isinstance(one, ChecksFailed) and one.report is not None]


def _refused(shown: str, name: str, quality: TableReport) -> Dataset:
    from pluto_duck.catalog.lineage.openlineage.datasets import source
    from pluto_duck.catalog.lineage.openlineage.quality import assertions, metrics

    return replace(source(shown, name), assertions=assertions(quality), metrics=metrics(quality))
