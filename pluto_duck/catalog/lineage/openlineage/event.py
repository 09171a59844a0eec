"""One OpenLineage run event as JSON.

Source: https://openlineage.io/spec/2-0-2/OpenLineage.json, and the facets in the versions that are named below.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from pluto_duck.version import __version__

Told = Literal["START", "COMPLETE", "FAIL", "ABORT"]
PRODUCER = f"urn:pluto-duck:{__version__}"
_SPEC = "https://openlineage.io/spec"
SCHEMA = f"{_SPEC}/2-0-2/OpenLineage.json#/$defs/RunEvent"
_FACETS = {
    "parent": "1-2-0/ParentRunFacet", "errorMessage": "1-0-1/ErrorMessageRunFacet",
    "processing_engine": "1-1-1/ProcessingEngineRunFacet", "sql": "1-1-0/SQLJobFacet",
    "jobType": "2-0-4/JobTypeJobFacet", "schema": "1-2-0/SchemaDatasetFacet",
    "columnLineage": "1-2-0/ColumnLineageDatasetFacet",
    "dataQualityAssertions": "1-1-0/DataQualityAssertionsDatasetFacet",
    "dataQualityMetrics": "1-0-3/DataQualityMetricsInputDatasetFacet",
    "outputStatistics": "1-0-2/OutputStatisticsOutputDatasetFacet",
}
_NAMESPACE = uuid.UUID("6f1d3f5a-52a0-5a0e-9c0b-6b1f0f0c7d11")
MAX_TEXT = 10_000
"""Characters of an error or of SQL."""


@dataclass(frozen=True)
class Job:
    namespace: str
    name: str
    run_id: str
    """Any text that no other run has; the same for all events of one run."""
    kind: str = "RUN"
    """`JOB`, `LOAD`, `MODEL`, `TEST`, ...: what `jobType` calls it."""
    integration: str = "PLUTO_DUCK"
    sql: str = ""
    parent: Job | None = None

    @property
    def run(self) -> str:
        """The UUID that OpenLineage wants."""
        return str(uuid.uuid5(_NAMESPACE, f"{self.namespace}\n{self.name}\n{self.run_id}"))


@dataclass(frozen=True)
class Dataset:
    namespace: str
    name: str
    columns: Sequence[tuple[str, str]] = ()
    """(name, type)."""
    fields: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    """Of an output: column -> the input fields that it is made of."""
    indirect: Sequence[Mapping[str, Any]] = ()
    """Input fields by which its rows are chosen."""
    rows: int | None = None
    """Written to an output."""
    assertions: Sequence[Mapping[str, Any]] = ()
    """Of an input: what was tested."""
    metrics: Mapping[str, Any] = field(default_factory=dict)
    """Of an input: what was counted meanwhile."""


def event(told: Told, job: Job, *, at: dt.datetime | None = None, inputs: Sequence[Dataset] = (),
          outputs: Sequence[Dataset] = (), error: str = "") -> dict[str, Any]:
    run_facets: dict[str, Any] = {"processing_engine": _facet(
        "processing_engine", version=__version__, name="pluto-duck")}
    if job.parent is not None:
        run_facets["parent"] = _facet("parent", run={"runId": job.parent.run},
                                      job={"namespace": job.parent.namespace, "name": job.parent.name})
    if error:
        run_facets["errorMessage"] = _facet("errorMessage", message=error[:MAX_TEXT], programmingLanguage="SQL")
    job_facets = {"jobType": _facet("jobType", processingType="BATCH", integration=job.integration, jobType=job.kind)}
    if job.sql:
        job_facets["sql"] = _facet("sql", query=job.sql[:MAX_TEXT], dialect="duckdb")
    return {
        "eventTime": (at or dt.datetime.now(dt.UTC)).isoformat(timespec="milliseconds"), "eventType": told,
        "producer": PRODUCER, "schemaURL": SCHEMA, "run": {"runId": job.run, "facets": run_facets},
        "job": {"namespace": job.namespace, "name": job.name, "facets": job_facets},
        "inputs": [_dataset(one, output=False) for one in inputs],
        "outputs": [_dataset(one, output=True) for one in outputs]}


def _dataset(one: Dataset, *, output: bool) -> dict[str, Any]:
    facets: dict[str, Any] = {}
    if one.columns:
        facets["schema"] = _facet("schema", fields=[{"name": name, "type": kind} for name, kind in one.columns])
    if one.fields or one.indirect:
        facets["columnLineage"] = _facet("columnLineage", fields={
            name: {"inputFields": [dict(above) for above in made_of]} for name, made_of in one.fields.items()},
            dataset=[dict(above) for above in one.indirect])
    found: dict[str, Any] = {"namespace": one.namespace, "name": one.name, "facets": facets}
    if output and one.rows is not None:
        found["outputFacets"] = {"outputStatistics": _facet("outputStatistics", rowCount=one.rows)}
    if not output and one.assertions:
        found["inputFacets"] = {"dataQualityAssertions": _facet(
            "dataQualityAssertions", assertions=[dict(each) for each in one.assertions])}
        if one.metrics:
            found["inputFacets"]["dataQualityMetrics"] = _facet("dataQualityMetrics", **one.metrics)
    return found


def _facet(name: str, /, **content: Any) -> dict[str, Any]:
    path = _FACETS[name]
    return {"_producer": PRODUCER,
            "_schemaURL": f"{_SPEC}/facets/{path.partition('/')[0]}/{path.partition('/')[2]}.json"
                          f"#/$defs/{path.partition('/')[2]}", **content}
