"""What OpenAPI says of data in."""

from __future__ import annotations

from pluto_duck.api.openapi_parts import LOCATION, PROBLEM, WORKSPACE, Json, answer, one, path, query

_BINARY: Json = {"schema": {"type": "string", "contentMediaType": "application/octet-stream"}}

PATHS: dict[str, Json] = {
    "/ingest": {"post": {
        "summary": "Load from a source",
        "description": "The owner: from any source, with what `pluto-duck ingest` takes. Others: one table of a "
                       "connection that the owner has opened, into one that the policy lets them load into.",
        "parameters": [WORKSPACE],
        "requestBody": {"required": True, "content": {"application/json": {
            "schema": {"$ref": "#/components/schemas/Load"}}}},
        "responses": {"202": answer("The run has begun.", "Started", **LOCATION), **PROBLEM}}},
    "/ingest/{table}": {"post": {
        "summary": "Load the rows of the body", "parameters": [
            path("table", "table or schema.table"), WORKSPACE,
            query("mode", "What becomes of the rows that are there.", enum=["append", "merge", "replace"],
                  default="append"),
            query("key", "merge: columns by comma; else the primary key of the table."),
            query("check", "1: where a check of checks.yaml fails, the table stays as it was.", "integer",
                  enum=[0, 1], default=0)],
        "requestBody": {"required": True, "content": {
            "text/csv": {"schema": {"type": "string"}}, "application/x-ndjson": {"schema": {"type": "string"}},
            "application/vnd.apache.parquet": _BINARY, "application/vnd.apache.arrow.stream": _BINARY}},
        "responses": {"202": answer("The run has begun.", "Started", **LOCATION), **PROBLEM}}},
}

_TEXT, _TEXTS = one("string"), one("array", items=one("string"))
SCHEMAS: dict[str, Json] = {
    "Load": one("object", "source or connection, and the options of docs/ingest.md.",
                additionalProperties=False, oneOf=[{"required": ["source"]}, {"required": ["connection"]}], properties={
        "source": one("string", "The owner's: an address or a path, from the workspace's folder on."),
        "connection": one("string", "The name of a saved one."), "workspace": _TEXT, "tables": _TEXTS,
        "exclude": _TEXTS,
        "schema": _TEXT, "query": _TEXT, "into": _TEXT,
        "mode": one("string", enum=["append", "merge", "replace", "scd2"]), "key": _TEXTS, "where": _TEXT,
        "skip": _TEXTS, "cast": one("object", additionalProperties=_TEXT),
        "rejects": one("string", enum=["refuse", "keep"]),
        "cursor": _TEXT, "lag": _TEXT, "since": _TEXT, "limit": one("integer", minimum=0, maximum=2**62),
        "sample": one("number", exclusiveMinimum=0, maximum=100),
        "columns": one("string", enum=["evolve", "freeze", "discard"]), "verify": one("boolean"),
        "check": one("boolean"),
        "delete_missing": one("boolean"), "parallel": one("integer"),
        "options": one("object", additionalProperties=_TEXT), "connector": _TEXT}),
}
