"""OpenLineage's own client as the judge of an event."""

from __future__ import annotations

import importlib
import json
import uuid
from pathlib import Path
from typing import Any

FACETS = {
    "parent": ("parent_run", "ParentRunFacet"), "errorMessage": ("error_message_run", "ErrorMessageRunFacet"),
    "processing_engine": ("processing_engine_run", "ProcessingEngineRunFacet"), "sql": ("sql_job", "SQLJobFacet"),
    "jobType": ("job_type_job", "JobTypeJobFacet"), "schema": ("schema_dataset", "SchemaDatasetFacet"),
    "columnLineage": ("column_lineage_dataset", "ColumnLineageDatasetFacet"),
    "dataQualityAssertions": ("data_quality_assertions_dataset", "DataQualityAssertionsDatasetFacet"),
    "dataQualityMetrics": ("data_quality_metrics_input_dataset", "DataQualityMetricsInputDatasetFacet"),
    "outputStatistics": ("output_statistics_output_dataset", "OutputStatisticsOutputDatasetFacet")}


def checked(told: dict[str, Any]) -> dict[str, Any]:
    """The event, which the client's own classes take; they know no other members and check times, ids and addresses."""
    base = importlib.import_module("openlineage.client.generated.base")
    event = importlib.import_module("openlineage.client.event_v2")
    assert set(told) == {"eventTime", "eventType", "producer", "schemaURL", "run", "job", "inputs", "outputs"}
    assert told["schemaURL"] == base.RunEvent._get_schema()
    uuid.UUID(told["run"]["runId"])
    event.RunEvent(eventTime=told["eventTime"], producer=told["producer"],
                   run=event.Run(told["run"]["runId"], facets=_facets(told["run"]["facets"])),
                   job=event.Job(told["job"]["namespace"], told["job"]["name"], facets=_facets(told["job"]["facets"])),
                   eventType=event.RunState[told["eventType"]],
                   inputs=[event.InputDataset(namespace=one["namespace"], name=one["name"], facets=_facets(one["facets"]),
                                              inputFacets=_facets(one.get("inputFacets", {}))) for one in told["inputs"]],
                   outputs=[event.OutputDataset(namespace=one["namespace"], name=one["name"], facets=_facets(one["facets"]),
                                                outputFacets=_facets(one.get("outputFacets", {})))
                            for one in told["outputs"]])
    return told


def _facets(told: dict[str, Any]) -> dict[str, Any]:
    found = {}
    for name, facet in told.items():
        module, kind = FACETS[name]
        room = importlib.import_module(f"openlineage.client.generated.{module}")
        made = getattr(room, kind)
        assert facet["_schemaURL"] == made._get_schema(), "another version of the facet"
        content = {key: value for key, value in facet.items() if not key.startswith("_")}
        if name == "columnLineage":
            content["fields"] = {column: room.Fields(inputFields=[_input(room, one) for one in fields["inputFields"]])
                                 for column, fields in content["fields"].items()}
            content["dataset"] = [_input(room, one) for one in content["dataset"]]
        if name == "dataQualityAssertions":
            content["assertions"] = [room.Assertion(**one) for one in content["assertions"]]
        if name == "dataQualityMetrics":
            content["columnMetrics"] = {column: room.ColumnMetrics(**one) for column, one in content["columnMetrics"].items()}
        if name == "schema":
            content["fields"] = [room.SchemaDatasetFacetFields(**one) for one in content["fields"]]
        if name == "parent":
            content = {"run": room.Run(**content["run"]), "job": room.Job(**content["job"])}
        found[name] = made(**content)
    return found


def _input(room: Any, one: dict[str, Any]) -> Any:
    return room.InputField(**{**one, "transformations": [room.Transformation(**each) for each in one["transformations"]]})


def events(file: Path) -> list[dict[str, Any]]:
    return [checked(json.loads(line)) for line in file.read_text().splitlines()]
