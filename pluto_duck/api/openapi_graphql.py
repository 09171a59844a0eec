"""The description of GraphQL's address; its own schema describes the rest."""

from __future__ import annotations

from pluto_duck.api.openapi_parts import PROBLEM, WORKSPACE, Json, one, query

_NULL_TEXT: Json = {"type": ["string", "null"]}
_FORMS: Json = {kind: {"schema": {"$ref": "#/components/schemas/GraphQLResponse"}}
                for kind in ("application/graphql-response+json", "application/json")}
_RESPONSES: Json = {
    "200": {"description": "Data, and what went wrong with parts of it.", "content": _FORMS},
    "400": {"description": "No request, or a document that is wrong or too much; nothing was run.", "content": {
        "application/graphql-response+json": _FORMS["application/graphql-response+json"],
        "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}},
    **PROBLEM}

GRAPHQL_PATHS: dict[str, Json] = {"/graphql": {
    "post": {"summary": "Answer a GraphQL document", "parameters": [WORKSPACE], "requestBody": {
        "required": True, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/GraphQLRequest"}}}},
        "responses": _RESPONSES},
    "get": {"summary": "Answer a GraphQL query, which changes nothing; as a websocket, all of it and subscriptions",
            "parameters": [WORKSPACE, {**query("query", "The document.", minLength=1), "required": True},
                           query("variables", "A JSON object."), query("operationName", "Which of several.")],
            "responses": _RESPONSES}},
    "/graphiql": {"get": {
        "summary": "A page to try GraphQL with, open to everybody: it holds no data", "security": [], "responses": {
            "200": {"description": "The page.", "content": {"text/html": {"schema": {"type": "string"}}}}, **PROBLEM}}}}

GRAPHQL_SCHEMAS: dict[str, Json] = {
    "GraphQLRequest": one("object", required=["query"], additionalProperties=False, properties={
        "query": one("string", minLength=1), "variables": {"type": ["object", "null"]}, "operationName": _NULL_TEXT,
        "extensions": {"type": ["object", "null"]}}),
    "GraphQLResponse": one("object", properties={
        "data": {"type": ["object", "null"]}, "errors": one("array", items=one("object", properties={
            "message": one("string"), "path": one("array"), "locations": one("array"),
            "extensions": one("object", "`code`, `hint` and `facts`, as a problem has them.")})),
        "extensions": one("object", "`truncated`: lists that ended at our limit, since none was given.")})}
