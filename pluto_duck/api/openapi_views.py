"""What OpenAPI says of views."""

from __future__ import annotations

from pluto_duck.api.openapi_parts import LOCATION, PROBLEM, WORKSPACE, Json, answer, one, path
from pluto_duck.api.views import FROM_AFAR

# As `pluto_duck.session.views` has them, which is not imported until somebody asks for a view (a test compares).
REFRESHES = ("on-change", "schedule", "manual")
STATES = ("fresh", "stale", "broken", "plain", "unknown")

_NAME = path("name", "view, or schema.view.")


def _body(schema: str) -> Json:
    return {"required": True, "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}}


PATHS: dict[str, Json] = {
    "/views": {
        "get": {"summary": "Views, and how fresh their rows are", "description": "The owner's alone.",
                "parameters": [WORKSPACE], "responses": {"200": answer("By schema and name.", "Views"), **PROBLEM}},
        "post": {"summary": "Make a view of one SELECT", "description": "The owner's alone: it runs as the owner.",
                 "parameters": [WORKSPACE], "requestBody": _body("ViewWanted"), "responses": {
                     "201": answer("It is there, with its rows.", "View", headers={
                         "Location": {"description": "Where it is.", "schema": {"type": "string"}}}), **PROBLEM}}},
    "/views/{name}": {
        "get": {"summary": "One view, with its last refreshes", "parameters": [_NAME, WORKSPACE],
                "responses": {"200": answer("It.", "View"), **PROBLEM}},
        "delete": {"summary": "Take a view away; its tables stay", "parameters": [_NAME, WORKSPACE],
                   "responses": {"200": answer("As it was.", "View"), **PROBLEM}}},
    "/views/{name}/refresh": {"post": {
        "summary": "Bring its rows up to date",
        "description": "A run of kind view, whose facts tell whether it took the changes alone or made all anew.",
        "parameters": [_NAME, WORKSPACE], "requestBody": _body("ViewRefresh"),
        "responses": {"202": answer("The run has begun.", "Started", **LOCATION), **PROBLEM}}},
}

_TIME: Json = {"type": ["string", "null"], "format": "date-time"}
_REFRESHED: Json = one("object", properties={
    "at": _TIME, "elapsed_s": one("number"), "way": one("string", enum=["full", "incremental", "nothing", "failed"]),
    "because": one("string", "Why all was made anew, or what failed."), "rows": one("integer"),
    "changed": one("integer", "Rows of the view that it wrote."), "run_id": one("string")})
_VIEW: Json = {
    "workspace": one("string"), "name": one("string"), "materialized": one("boolean"), "sql": one("string"),
    "refresh": {"type": ["string", "null"], "enum": [*REFRESHES, None]},
    "state": one("string", enum=list(STATES)), "why": one("string", "What is wrong."),
    "as_of": _TIME, "as_of_commit": one("integer", "The newest commit that is in it."),
    "behind": {"type": ["integer", "null"], "description": "Changes that it lacks; null where nobody counts them."},
    "rows": {"type": ["integer", "null"]}, "sources": one("array", items=one("string")),
    "kept": one("string", "incremental, or full: because ..."),
    "tracked": one("string", "The table whose changes are kept from now on.")}

SCHEMAS: dict[str, Json] = {
    "ViewWanted": one("object", additionalProperties=False, required=["name", "sql"], properties={
        "name": one("string", minLength=1, example="totals"),
        "sql": one("string", "One SELECT.", minLength=1, example="select count(*) as n from orders"),
        "materialized": one("boolean", "Keep its rows.", default=False),
        "refresh": one("string", "Of a materialized one.", enum=list(FROM_AFAR), default="manual"),
        "replace": one("boolean", "Make a view of that name anew.", default=False),
        "track": one("boolean", "Keep changes of its table, where it could be refreshed from them.", default=True),
        "workspace": one("string")}),
    "ViewRefresh": one("object", additionalProperties=False, properties={
        "full": one("boolean", "Make all anew, whatever has changed.", default=False), "workspace": one("string")}),
    "View": one("object", properties={**_VIEW, "history": one("array", items=_REFRESHED)}),
    "Views": one("object", properties={
        "workspace": one("string"), "views": one("array", items=one("object", properties=_VIEW))}),
}
