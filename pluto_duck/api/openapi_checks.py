"""What OpenAPI says of checks."""

from __future__ import annotations

from typing import get_args

from pluto_duck.api.checks import MOST_SCANS
from pluto_duck.api.openapi_parts import LOCATION, MIND, PROBLEM, WORKSPACE, Json, answer, one, query
from pluto_duck.governance.checks.model import DIMENSIONS, SEVERITIES, Status

PATHS: dict[str, Json] = {
    "/checks": {"get": {
        "summary": "How the checks of tables came out",
        "description": "The last scan of each table; with `table` the scans of that one, newest first. A key hears of "
                       "tables and columns that its roles see whole.",
        "parameters": [WORKSPACE, query("table", "Of this one alone."),
                       query("limit", "With table: of a page.", "integer", minimum=1, maximum=MOST_SCANS, default=50),
                       query("before", "With table: only those with a smaller id.", "integer", minimum=1,
                             maximum=2**62)],
        "responses": {"200": answer("The scans.", "CheckScans"), **PROBLEM}}},
    "/checks/run": {"post": {
        "summary": "Run the checks of tables",
        "description": "The owner's alone. A run of kind check: each table is a `tool` event when it begins and when "
                       "it ends. It fails when something that must hold does not.",
        "parameters": [WORKSPACE],
        "requestBody": {"required": True, "content": {"application/json": {
            "schema": {"$ref": "#/components/schemas/CheckRun"}}}},
        "responses": {"202": answer("The run has begun.", "Started", **LOCATION), **PROBLEM}}},
}

_DIMENSION = one("string", enum=list(DIMENSIONS))
_CHECK: Json = one("object", properties={
    "name": one("string"), "kind": one("string"), "columns": one("array", items=one("string")),
    "severity": one("string", enum=list(SEVERITIES)), "dimension": _DIMENSION,
    "status": one("string", enum=list(get_args(Status))),
    "failing": {"type": ["integer", "null"], "description": "Rows; null for what is not about single rows."},
    "says": one("string", "For the owner."), "sample": one("string", "SQL that shows rows that fail; the owner's.")})
SCHEMAS: dict[str, Json] = {
    "CheckRun": one("object", additionalProperties=False, properties={
        "tables": one("array", items=one("string"), description="Those that checks.yaml names; else all of them."),
        "workspace": one("string")}),
    "CheckScans": one("object", properties={
        "workspace": one("string"), "score": one("number", "Of all; not with table.", minimum=0, maximum=100),
        "mind": MIND, "scans": one("array", items=one("object", properties={
            "id": one("integer"), "table": one("string"), "source": one("string", "checks: of checks.yaml."),
            "at": one("string", format="date-time"), "rows": {"type": ["integer", "null"]},
            "score": one("number", minimum=0, maximum=100),
            "scores": one("object", "By dimension.", additionalProperties=one("number")),
            "counts": one("object", additionalProperties=one("integer")), "checks": one("array", items=_CHECK),
            "run_id": one("string", "For the owner."), "elapsed_s": one("number", "For the owner.")}))}),
}
