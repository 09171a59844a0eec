"""The description of sinks."""

from __future__ import annotations

from pluto_duck.api.openapi_parts import PROBLEM, WORKSPACE, Json, answer, one, path, query

_NAME = path("name", "As the list has it.")
_TIME: Json = {"type": ["string", "null"], "format": "date-time"}


def _body(schema: str, *, required: bool = True) -> Json:
    return {"required": required,
            "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}}


PATHS: dict[str, Json] = {
    "/sinks": {
        "get": {"summary": "Sinks, by name, without their secrets", "parameters": [WORKSPACE], "responses": {
            "200": answer("All of them.", "Sinks"), **PROBLEM}},
        "post": {"summary": "Send tables to a target, and each of their changes", "parameters": [WORKSPACE],
                 "requestBody": _body("SinkWanted"), "responses": {
                     "201": answer("It is delivered to by whoever serves.", "Sink", headers={
                         "Location": {"description": "Where the sink is.", "schema": {"type": "string"}}}),
                     **PROBLEM}}},
    "/sinks/{name}": {
        "get": {"summary": "One sink", "parameters": [_NAME, WORKSPACE], "responses": {
            "200": answer("Without its secrets.", "Sink"), **PROBLEM}},
        "patch": {"summary": "Pause or resume", "parameters": [_NAME, WORKSPACE], "requestBody": _body("SinkChange"),
                  "responses": {"200": answer("As it is now.", "Sink"), **PROBLEM}},
        "delete": {"summary": "Forget it, where it stood and its dead letters", "parameters": [_NAME, WORKSPACE],
                   "responses": {"200": answer("As it was.", "Sink"), **PROBLEM}}},
    "/sinks/{name}/dead": {
        "get": {"summary": "Changes that the target can't take, oldest first", "parameters": [_NAME, WORKSPACE],
                "responses": {"200": answer("With the reasons.", "DeadLetters"), **PROBLEM}},
        "post": {"summary": "Try them again", "parameters": [_NAME, WORKSPACE],
                 "requestBody": _body("DeadLettersAgain", required=False),
                 "responses": {"202": answer("So many will be.", "Redelivered"), **PROBLEM}},
        "delete": {"summary": "Forget them", "parameters": [
            _NAME, WORKSPACE, query("id", "Only this one.", "integer", minimum=1, maximum=2**62)],
            "responses": {"200": answer("So many were.", "DeadLettersDropped"), **PROBLEM}}},
}

_OF: Json = {
    "workspace": one("string"), "name": one("string"), "kind": one("string"),
    "tables": one("array", "None: every tracked one.", items=one("string")),
    "options": one("object", "Of a secret, only where it is."),
    "origin": one("string", "The file that it stands in; empty for one that was added."),
    "state": one("string", "paused, nobody delivers, waiting, running, retrying, failed."),
    "trouble": one("string", "What keeps changes from it."),
    "position": one("string", "Everything up to here arrived."),
    "behind": one("integer", "Commits that have not."), "delivered": one("integer", "Changes, since it was added."),
    "delivered_at": _TIME, "dead": one("integer", "Changes that the target can't take."), "added_at": _TIME,
    "seen_at": _TIME}

SCHEMAS: dict[str, Json] = {
    "SinkWanted": one("object", additionalProperties=False, required=["name", "kind"], properties={
        "name": one("string", pattern="^[A-Za-z][A-Za-z0-9_-]{0,62}$"),
        "kind": one("string", "file, kafka, or what a plug-in brought.", minLength=1),
        "tables": one("array", "Only these; else every tracked one.", items=one("string")),
        "options": one("object", "What the kind must know."),
        "secrets": one("object", "Options that are secrets; they go to the keyring of who runs the server."),
        "from": one("string", "Whether the target is told the tables as they are first.", enum=["snapshot", "now"],
                    default="snapshot")}),
    "SinkChange": one("object", additionalProperties=False, required=["state"], properties={
        "state": one("string", enum=["active", "paused"])}),
    "Sink": one("object", properties=_OF),
    "Sinks": one("object", properties={
        "workspace": one("string"), "mind": one("string", "Why those of pluto.toml don't count."),
        "sinks": one("array", items=one("object", properties=_OF))}),
    "DeadLetters": one("object", properties={"workspace": one("string"), "dead": one("array", items=one(
        "object", properties={
            "id": one("integer"), "position": one("string"), "table": one("string"), "op": one("string"),
            "key": {"type": ["string", "null"]}, "event": one("string", "What would have been sent."),
            "reason": one("string"), "attempts": one("integer"), "at": _TIME,
            "again": one("boolean", "It will be tried again.")}))}),
    "DeadLettersAgain": one("object", additionalProperties=False, properties={
        "ids": one("array", "Only these.", items=one("integer", minimum=1, maximum=2**62))}),
    "DeadLettersDropped": one("object", properties={"workspace": one("string"), "dropped": one("integer")}),
}
