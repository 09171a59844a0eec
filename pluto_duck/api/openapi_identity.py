"""The description of who gets in, and what they may."""

from __future__ import annotations

from pluto_duck.api.openapi_parts import MIND, PROBLEM, WORKSPACE, Json, answer, one, path, query

_TEXTS = one("array", items=one("string"))
_ROLE = one("string", "Of policy.yaml.", pattern="^[A-Za-z][A-Za-z0-9_-]{0,62}$")
_TIME: Json = {"type": ["string", "null"], "format": "date-time"}
_KEY = path("key", "Its id, or its name.")
_SPAN = "30m, 12h, 90d or 2w"
_CLAIMS = one("object", "What conditions of the policy ask for.", additionalProperties={
    "type": ["string", "number", "boolean", "array"]})
_CREATED: Json = {"headers": {"Location": {"description": "Where the key is.", "schema": {"type": "string"}}}}


def _body(schema: str, *, required: bool = True) -> Json:
    return {"required": required,
            "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}}


IDENTITY_PATHS: dict[str, Json] = {
    "/me": {"get": {"summary": "Who I am to this server, and what I may", "parameters": [WORKSPACE], "responses": {
        "200": answer("You.", "Me"), **PROBLEM}}},
    "/keys": {
        "get": {"summary": "API keys, newest first, without their secrets", "parameters": [WORKSPACE], "responses": {
            "200": answer("All of them, those that are over too.", "Keys"), **PROBLEM}},
        "post": {"summary": "Make a key; its secret is told this once", "parameters": [WORKSPACE],
                 "requestBody": _body("KeyWanted"),
                 "responses": {"201": answer("It is good from now on.", "NewKey", **_CREATED), **PROBLEM}}},
    "/keys/{key}": {
        "get": {"summary": "One key", "parameters": [_KEY, WORKSPACE], "responses": {
            "200": answer("Without its secret.", "Key"), **PROBLEM}},
        "delete": {"summary": "Revoke: by id that one, by name all that have it", "parameters": [_KEY, WORKSPACE],
                   "responses": {"200": answer("They open nothing any more.", "Keys"), **PROBLEM}}},
    "/keys/{key}/rotate": {"post": {
        "summary": "Another secret for the same key", "parameters": [_KEY, WORKSPACE],
        "requestBody": _body("Rotation", required=False),
        "responses": {"201": answer("The old one goes on for the overlap.", "NewKey", **_CREATED), **PROBLEM}}},
    "/revocations": {
        "get": {"summary": "Access tokens that count here no longer", "parameters": [WORKSPACE], "responses": {
            "200": answer("Newest first.", "Revocations"), **PROBLEM}},
        "post": {"summary": "Revoke an access token, or all of a subject until now", "parameters": [WORKSPACE],
                 "requestBody": _body("RevocationWanted"),
                 "responses": {"201": answer("From the next request on.", "Revocation"), **PROBLEM}}},
    "/policy": {"get": {"summary": "Which policy is in force, and whether it fits the tables",
                        "parameters": [WORKSPACE],
                        "responses": {"200": answer("As `policy check` tells it.", "Policy"), **PROBLEM}}},
    "/policy/explain": {"get": {
        "summary": "Which rule decides",
        "parameters": [
            WORKSPACE, query("role", "Of policy.yaml; may be repeated.", minLength=1) | {"required": True},
            query("claim", "region=EU; may be repeated.", pattern="^[^=]+="), query("table", "One table; else all."),
            query("action", "What is asked for.", default="read",
                  enum=["read", "insert", "update", "delete", "ingest", "ask", "approve"])],
        "responses": {"200": answer("By table.", "Explained"), **PROBLEM}}},
}

_OF_A_KEY: Json = {
    "workspace": one("string"), "id": one("string"), "name": one("string"), "roles": _TEXTS, "claims": _CLAIMS,
    "scopes": _TEXTS, "good": one("boolean"), "created_at": _TIME, "expires_at": _TIME, "last_used_at": _TIME,
    "successor": one("string", "The id of the key that took over by rotation.")}

_REVOKED: Json = {
    "kind": one("string", enum=["id", "subject"]), "value": one("string"),
    "issuer": one("string", "Empty: any."), "at": one("string", format="date-time")}

IDENTITY_SCHEMAS: dict[str, Json] = {
    "Revocation": one("object", properties={"workspace": one("string"), **_REVOKED}),
    "Revocations": one("object", properties={
        "workspace": one("string"), "revocations": one("array", items=one("object", properties=_REVOKED))}),
    "RevocationWanted": one("object", additionalProperties=False, oneOf=[
        {"required": ["id"], "properties": {"subject": False}}, {"required": ["subject"], "properties": {"id": False}}],
        properties={"id": one("string", "Its jti.", minLength=1, maxLength=1_000, pattern=r"^[ -~]+$"),
                    "subject": one("string", "The sub of all that were issued until now.", minLength=1, maxLength=1_000,
                                   pattern=r"^[ -~]+$"),
                    "issuer": one("string", "Of this one alone.", maxLength=1_000)}),
    "Me": one("object", properties={
        "kind": one("string", enum=["owner", "key", "token"]), "name": one("string"), "workspace": one("string"),
        "roles": {"type": ["array", "null"], "description": "null: the owner's own rights."}, "scopes": _TEXTS,
        "claims": _CLAIMS,
        "tables": {"type": ["array", "null"], "description": "null: all of them, or not told without schema:read.",
                   "items": one("object", properties={"name": one("string"), "actions": _TEXTS})}, "mind": MIND}),
    "Key": one("object", properties=_OF_A_KEY),
    "Keys": one("object", properties={
        "workspace": one("string"), "keys": one("array", items=one("object", properties=_OF_A_KEY))}),
    "NewKey": one("object", properties={
        **_OF_A_KEY, "secret": one("string", "Told this once."),
        "mind": one("string", "Why it may open nothing yet.")}),
    "KeyWanted": one("object", additionalProperties=False, required=["name", "roles"], properties={
        "name": one("string", minLength=1, maxLength=200), "roles": one("array", items=_ROLE, minItems=1),
        "claims": _CLAIMS,
        "scopes": one("array", items=one("string", enum=[
            "schema:read", "data:read", "data:write", "data:ingest", "approvals:write", "query:ask", "query:run"])),
        "expires": one("string", f"After {_SPAN}; else when it is revoked.", pattern=r"^\d{1,5}[mhdw]$")}),
    "Rotation": one("object", additionalProperties=False, properties={
        "overlap": one("string", f"How long the old one is still good: {_SPAN}.", pattern=r"^\d{1,5}[mhdw]$",
                       default="1d")}),
    "Policy": one("object", properties={
        "workspace": one("string"), "in_force": one("boolean"), "why": one("string", "Why it is not."),
        "findings": one("array", items=one("object")), "roles": one("array", items=one("object"))}),
    "Explained": one("object", properties={
        "workspace": one("string"), "roles": _TEXTS, "action": one("string"),
        "tables": one("array", items=one("object", properties={
            "table": one("string"), "action": one("string"), "allowed": one("boolean"), "why": one("string"),
            "rows": one("array", items=one("object")), "missing_claims": _TEXTS,
            "columns": one("array", items=one("object"))}))}),
}
