"""GET /api/v1/openapi.json: this door described for programs (OpenAPI 3.1)."""

from __future__ import annotations

from typing import ClassVar

from pluto_duck import __version__
from pluto_duck.api.handler import PlutoHandler, guarded
from pluto_duck.api.openapi_agent import AGENT_PATHS, AGENT_SCHEMAS
from pluto_duck.api.openapi_audit import PATHS as AUDIT_PATHS
from pluto_duck.api.openapi_audit import SCHEMAS as AUDIT_SCHEMAS
from pluto_duck.api.openapi_changes import CHANGES_PATHS, CHANGES_SCHEMAS
from pluto_duck.api.openapi_checks import PATHS as CHECK_PATHS
from pluto_duck.api.openapi_checks import SCHEMAS as CHECK_SCHEMAS
from pluto_duck.api.openapi_dbt import PATHS as DBT_PATHS
from pluto_duck.api.openapi_dbt import SCHEMAS as DBT_SCHEMAS
from pluto_duck.api.openapi_graphql import GRAPHQL_PATHS, GRAPHQL_SCHEMAS
from pluto_duck.api.openapi_identity import IDENTITY_PATHS, IDENTITY_SCHEMAS
from pluto_duck.api.openapi_ingest import PATHS as INGEST_PATHS
from pluto_duck.api.openapi_ingest import SCHEMAS as INGEST_SCHEMAS
from pluto_duck.api.openapi_lineage import PATHS as LINEAGE_PATHS
from pluto_duck.api.openapi_lineage import SCHEMAS as LINEAGE_SCHEMAS
from pluto_duck.api.openapi_looking import LOOKING_PATHS, LOOKING_SCHEMAS
from pluto_duck.api.openapi_parts import LEAST_S, LOCATION, MIND, PROBLEM, WORKSPACE, Json, answer, one, path, query
from pluto_duck.api.openapi_rows import ROWS_PATHS, ROWS_SCHEMAS
from pluto_duck.api.openapi_schedules import PATHS as SCHEDULE_PATHS
from pluto_duck.api.openapi_schedules import SCHEMAS as SCHEDULE_SCHEMAS
from pluto_duck.api.openapi_sinks import PATHS as SINK_PATHS
from pluto_duck.api.openapi_sinks import SCHEMAS as SINK_SCHEMAS
from pluto_duck.api.openapi_views import PATHS as VIEW_PATHS
from pluto_duck.api.openapi_views import SCHEMAS as VIEW_SCHEMAS
from pluto_duck.api.openapi_webhooks import PATHS as WEBHOOK_PATHS
from pluto_duck.api.openapi_webhooks import SCHEMAS as WEBHOOK_SCHEMAS

_RUN_ID = path("run_id", "As the 202 gave it.")
_BINARY = {"schema": {"type": "string", "contentMediaType": "application/octet-stream"}}

PATHS: dict[str, Json] = {
    "/query": {
        "post": {
            "summary": "Start a run", "parameters": [
                WORKSPACE, {"name": "Cache-Control", "in": "header", "schema": {"type": "string"},
                            "description": "no-cache: an answer that was computed before will not do."}],
            "requestBody": {"required": True, "content": {
                "application/json": {"schema": {"$ref": "#/components/schemas/Query"}}}},
            "responses": {"202": answer("It has been queued.", "Started", **LOCATION), **PROBLEM},
        },
        "get": {
            "summary": "With sql: the rows of one SELECT, in one request; without: list runs, newest first",
            "description": "A GET changes nothing: what is in sql must read only, also the owner's.",
            "parameters": [WORKSPACE, query("sql", "One SELECT.", minLength=1, maxLength=8_000, pattern=r"\S"),
                           query("format", "With sql, instead of Accept.",
                                 enum=["json", "csv", "ndjson", "parquet", "arrow"]),
                           query("max_rows", "With sql: as in the body of POST.", "integer", minimum=0, maximum=2**53),
                           query("timeout_s", "With sql: as in the body of POST.", "number", minimum=LEAST_S,
                                 maximum=1e9),
                           query("max_age", "With sql: as in the body of POST.", "number", minimum=0, maximum=1e9),
                           query("params", "With sql: a JSON object of values for $name, or an array for $1 and ?.",
                                 "string"),
                           {"name": "If-None-Match", "in": "header", "schema": {"type": "string"},
                            "description": "With sql: the ETag of the file that the client has."},
                           query("limit", "Of a page.", "integer", minimum=1, maximum=500, default=50),
                           query("cursor", "As links.next has it.", "integer", minimum=1, maximum=2**62),
                           query("status", "Only those in this state.", enum=[
                               "queued", "running", "succeeded", "failed", "cancelled", "timed_out"])],
            "responses": {"200": {"description": "The rows, or a page of runs.", "content": {
                "application/json": {"schema": {"anyOf": [{"$ref": "#/components/schemas/Runs"},
                                                          {"$ref": "#/components/schemas/Run"}]}},
                "text/csv": {"schema": {"type": "string"}}, "application/x-ndjson": {"schema": {"type": "string"}},
                "application/vnd.apache.parquet": _BINARY, "application/vnd.apache.arrow.stream": _BINARY}},
                "304": answer("The file is what If-None-Match names; nothing was run."), **PROBLEM},
        },
    },
    "/query/{run_id}": {
        "get": {
            "summary": "The run in the form that Accept asks for",
            "description": "Hanging up on the last stream of events or rows cancels a run that still goes, unless "
                           "it was started with detach.",
            "parameters": [
                _RUN_ID, WORKSPACE,
                query("wait", "JSON: seconds to wait for its end.", "number", minimum=0, maximum=60, default=0),
                query("offset", "JSON: rows to skip.", "integer", minimum=0, maximum=2**62, default=0),
                query("limit", "JSON: rows of a page.", "integer", minimum=0, maximum=10_000, default=1_000),
                query("cut", "JSON: characters of a value; longer ones are cut, ending in …", "integer", minimum=1,
                      maximum=2**31),
                query("after", "Events: as Last-Event-ID, for clients that can't send headers."),
                query("rows", "Events: 0 leaves the rows out.", "integer", enum=[0, 1], default=1),
                query("format", "Instead of Accept, for clients that can't send it.",
                      enum=["json", "events", "csv", "ndjson", "parquet", "arrow"]),
                {"name": "If-None-Match", "in": "header", "schema": {"type": "string"},
                 "description": "The ETag of what the client has."},
                {"name": "Last-Event-ID", "in": "header", "schema": {"type": "string"},
                 "description": "Events: the id of the last event that was got."}],
            "responses": {
                "200": {"description": "State and a page of rows; all events; or all rows as a file.", "content": {
                    "application/json": {"schema": {"$ref": "#/components/schemas/Run"}},
                    "text/event-stream": {"schema": {"$ref": "#/components/schemas/Event"}},
                    "text/csv": {"schema": {"type": "string"}},
                    "application/x-ndjson": {"schema": {"type": "string"}},
                    "application/vnd.apache.parquet": _BINARY, "application/vnd.apache.arrow.stream": _BINARY}},
                "204": answer("Rows were asked for and there are none to come; or events, and all were got."),
                "304": answer("It is what If-None-Match names."),
                **PROBLEM},
        },
        "delete": {
            "summary": "Cancel", "parameters": [_RUN_ID, WORKSPACE],
            "responses": {"200": answer("It had ended, or had not begun.", "Run"),
                          "202": answer("It is stopping.", "Run"), **PROBLEM},
        },
    },
    **AGENT_PATHS,
    "/tables": {"get": {"summary": "Tables and views",
                        "parameters": [WORKSPACE, query("full", "1: with columns, keys and the last load of each.",
                                                        "integer", enum=[0, 1], default=0)],
                        "responses": {"200": answer("By schema and name.", "Tables"), **PROBLEM}}},
    "/tables/{name}": {"get": {
        "summary": "Columns and keys of a table", "parameters": [path("name", "table or schema.table"), WORKSPACE],
        "responses": {"200": answer("The table.", "Table"), **PROBLEM}}},
    **ROWS_PATHS, **LOOKING_PATHS, **LINEAGE_PATHS, **IDENTITY_PATHS, **CHANGES_PATHS, **GRAPHQL_PATHS,
    **AUDIT_PATHS, **INGEST_PATHS, **DBT_PATHS, **CHECK_PATHS,
    **VIEW_PATHS, **SINK_PATHS, **WEBHOOK_PATHS, **SCHEDULE_PATHS,
    "/workspaces": {"get": {"summary": "The workspaces that requests may name", "responses": {
        "200": answer("The first is the default.", "Workspaces"), **PROBLEM}}},
    "/.well-known/oauth-protected-resource": {"get": {
        "summary": "Who gives access tokens for this API (RFC 9728)", "security": [],
        "responses": {"200": answer("Open to everybody.", "Resource"), **PROBLEM}}},
    "/health": {"get": {"summary": "Is it there", "responses": {"200": answer("Yes.", "Health"), **PROBLEM}}},
    "/livez": {"get": {"summary": "Is the process there (no token needed)", "security": [], "responses": {
        "200": answer("Yes.", "Standing"), **PROBLEM}}},
    "/readyz": {"get": {"summary": "Does it take requests (no token needed)", "security": [], "responses": {
        "200": answer("It does.", "Standing"), "503": answer("Its workspace is busy, or it stops.", "Standing"),
        **PROBLEM}}},
    "/openapi.json": {"get": {"summary": "This description", "responses": {
        "200": {"description": "OpenAPI 3.1.", "content": {"application/json": {"schema": one("object")}}},
        **PROBLEM}}},
    "/docs": {"get": {"summary": "This description as a page, without script or network", "responses": {
        "200": {"description": "HTML.", "content": {"text/html": {"schema": one("string")}}}, **PROBLEM}}},
}

_COLUMNS = one("array", items=one("object", properties={"name": one("string"), "type": one("string", "DuckDB's.")}))
_LINKS = one("object", additionalProperties=one("string"))
_ERROR = {"type": ["object", "null"], "properties": {
    "code": one("string"), "message": one("string"), "hint": one("string"), "facts": one("object")}}
_STATUS = one("string", enum=["queued", "running", "succeeded", "failed", "cancelled", "timed_out"])
_SUMMARY: Json = {
    "run_id": one("string"),
    "kind": one("string", enum=["sql", "question", "approval", "replay", "ingest", "dbt", "profile"]),
    "text": one("string"),
    "status": _STATUS, "created_at": one("string", format="date-time"),
    "started_at": {"type": ["string", "null"], "format": "date-time"},
    "finished_at": {"type": ["string", "null"], "format": "date-time"},
    "elapsed_s": one("number"), "row_count": one("integer", "Rows kept so far."), "error": _ERROR,
    "truncated": one("boolean", "There were more rows than may be kept."),
    "truncated_by": one("string", "Of a cut result.", enum=["rows", "bytes"]),
    "position": one("integer", "Of a waiting run: how many begin before it.", minimum=0),
    "affected_rows": one("integer"), "statement": one("string"),
    "as_of": one("string", "Of a key's SQL: the moment of the snapshot that it read.", format="date-time"),
    "age_s": one("number", "How old that was when the statement began."),
    "cache": one("string", "Of SQL: whether it was computed before.", enum=["hit", "miss", "bypass"]),
    "cache_why": one("string", "Of a bypass: why no answer to it is kept."),
    "answer": {"$ref": "#/components/schemas/Answer"},
    "approval": one("object", "Of an approval: as it was left."),
    "replay": one("array", "Of a replay: its turns, then and now."),
    "profile": one("object", "Of a profile: the table, its version, the seconds; the columns are its events."),
}

SCHEMAS: dict[str, Json] = {
    "Query": one("object", "Exactly one of sql and question.", additionalProperties=False, oneOf=[
        {"required": ["sql"], "properties": {"question": False, "conversation": False, "planner": False}},
        {"required": ["question"], "properties": {"sql": False, "params": False, "max_age": False}}], properties={
        "sql": one("string", minLength=1, pattern=r"\S"), "question": one("string", minLength=1, pattern=r"\S"),
        "params": {"type": ["object", "array"], "description": "Values for $name, or for $1 and ?."},
        "workspace": one("string"), "max_rows": one("integer", "At most the setting query.max_rows.", minimum=0),
        "timeout_s": one("number", "At most the setting query.timeout_s.", minimum=LEAST_S),
        "max_age": one("number", "With sql: seconds that the snapshot may be old which a key's statement reads; "
                       "0: as of now. The owner's statements read the data itself.", minimum=0, maximum=1e9),
        "detach": one("boolean", "The run goes on when nobody follows it any more.", default=False),
        "conversation": one("string", "With question: the one it goes on with, as an answer named it."),
        "planner": one("string", "With question: who answers, instead of the setting agent.planner.")}),
    "Started": one("object", properties={
        "run_id": one("string"), "status": _STATUS, "workspace": one("string"), "links": _LINKS,
        "position": one("integer", "How many runs begin before it.", minimum=0)}),
    "Run": one("object", properties={
        **_SUMMARY, "workspace": one("string"), "columns": _COLUMNS | {"type": ["array", "null"]},
        "offset": one("integer"), "limit": one("integer"), "links": _LINKS,
        "rows": {"type": ["array", "null"], "items": one("array"), "description":
                 "A list for each row, in column order. Whole numbers beyond 2^53 - 1 and decimals are strings; "
                 "dates and times ISO 8601, timestamps with time zone in UTC; NaN and infinities strings; blobs "
                 "base64; maps lists of [key, value]."}}),
    "Runs": one("object", properties={
        "workspace": one("string"), "links": _LINKS,
        "runs": one("array", items=one("object", properties=_SUMMARY))}),
    "Event": one("object", "The data of one server-sent event.", properties={
        "run_id": one("string"), "seq": one("integer"), "at": one("string", format="date-time"),
        "type": one("string", enum=["reasoning", "tool", "message", "rows", "progress", "log", "run"]),
        "subtype": one("string", enum=["start", "chunk", "end", "final", "error"]), "content": one("object")}),
    **SINK_SCHEMAS, **WEBHOOK_SCHEMAS, **SCHEDULE_SCHEMAS, **CHANGES_SCHEMAS,
    **AGENT_SCHEMAS, **LOOKING_SCHEMAS, **LINEAGE_SCHEMAS, **IDENTITY_SCHEMAS, **ROWS_SCHEMAS, **GRAPHQL_SCHEMAS,
    **AUDIT_SCHEMAS, **INGEST_SCHEMAS, **DBT_SCHEMAS, **CHECK_SCHEMAS, **VIEW_SCHEMAS,
    "Tables": one("object", properties={"workspace": one("string"), "tables": one("array", items=one("object")),
                                        "mind": MIND}),
    "Table": one("object", properties={
        "workspace": one("string"), "name": one("string"), "schema": one("string"),
        "kind": one("string", enum=["table", "view"]), "columns": _COLUMNS, "version": one("integer"),
        "row_estimate": {"type": ["integer", "null"]}, "comment": one("string"),
        "primary_key": one("array", items=one("string")), "unique": one("array"), "foreign_keys": one("array")}),
    "Workspaces": one("object", properties={"workspaces": one("array", items=one("object", properties={
        "name": one("string"), "folder": one("string"), "default": one("boolean")}))}),
    "Resource": one("object", properties={
        "resource": one("string"), "authorization_servers": one("array", items=one("string")),
        "bearer_methods_supported": one("array"), "scopes_supported": one("array"), "resource_name": one("string")}),
    "Standing": one("object", properties={"status": one("string", enum=["ok", "ready", "busy", "draining"])}),
    "Health": one("object", properties={"status": one("string"), "version": one("string")}),
    "Problem": one("object", properties={
        "type": one("string"), "title": one("string"), "status": one("integer"), "detail": one("string"),
        "instance": one("string"), "request_id": one("string", "Stands in the server's log."),
        "code": one("string"), "hint": one("string", "What to do next."), "facts": one("object")}),
}


def document(base_url: str) -> Json:
    """All of it, for a server at `base_url`."""
    return {
        "openapi": "3.1.0", "info": {"title": "pluto-duck", "version": __version__},
        "servers": [{"url": base_url.rstrip("/") + "/api/v1"}], "paths": PATHS,
        "components": {"schemas": SCHEMAS, "securitySchemes": {"token": {
            "type": "apiKey", "in": "header", "name": "Authorization",
            "description": "token <the server's token>: the owner, who may use every address"},
            "key": {"type": "http", "scheme": "bearer",
                    "description": "An API key (pdk_...) or an access token of an issuer that the owner "
                                   "named, for what its scopes and roles may."}}},
        "security": [{"token": []}, {"key": []}]}


class OpenApiHandler(PlutoHandler):
    scopes: ClassVar = {"GET": ""}
    actions: ClassVar = {"GET": ""}

    @guarded
    async def get(self) -> None:
        self.send(document(self.base_url))
