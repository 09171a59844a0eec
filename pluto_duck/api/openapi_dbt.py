"""What OpenAPI says of dbt."""

from __future__ import annotations

from pluto_duck.api.openapi_parts import LOCATION, PROBLEM, WORKSPACE, Json, answer, one
from pluto_duck.commands.dbt_wishes import MOST_THREADS
from pluto_duck.transform import DBT_FROM_AFAR

PATHS: dict[str, Json] = {
    "/dbt": {"post": {
        "summary": "Build models with dbt",
        "description": "The owner's alone. A run: each node is a `tool` event when it begins and when it ends. A node "
                       "that fails makes the run fail, with its message and SQL in the error. DELETE /query/{run_id} "
                       "stops it.",
        "parameters": [WORKSPACE],
        "requestBody": {"required": True, "content": {"application/json": {
            "schema": {"$ref": "#/components/schemas/Dbt"}}}},
        "responses": {"202": answer("The run has begun.", "Started", **LOCATION), **PROBLEM}}},
}

_WORD = one("string", pattern=r"^[^\s-]\S*$", minLength=1)
_SELECTS: Json = {"oneOf": [one("string", pattern=r"^[^\s-]\S*( [^\s-]\S*)*$", minLength=1),
                            one("array", items=_WORD, minItems=1)]}
SCHEMAS: dict[str, Json] = {
    "Dbt": one("object", additionalProperties=False, properties={
        "command": one("string", enum=list(DBT_FROM_AFAR), default="build"),
        "project": one("string", "Its folder, from the workspace's folder on; else the only one there."),
        "select": _SELECTS | {"description": "Nodes, as dbt selects them."}, "exclude": _SELECTS,
        "check": one("boolean", "Each table is held against checks.yaml before it is seen."),
        "vars": one("object", "Variables of the project."), "full_refresh": one("boolean"),
        "target": one("string", "Of the project's profile: whose schema and threads.", pattern="^[^-]", minLength=1),
        "threads": one("integer", minimum=1, maximum=MOST_THREADS), "workspace": one("string")}),
}
