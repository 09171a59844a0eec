"""The description of webhooks."""

from __future__ import annotations

from pluto_duck.api.openapi_parts import PROBLEM, WORKSPACE, Json, answer, one, path, query

_TEXTS = one("array", items=one("string"))
_ID = path("id", "As the list has it.")
_N = path("n", "The number of a delivery; to send again also a range, 10-40.")
_TIME: Json = {"type": ["string", "null"], "format": "date-time"}
_STATES = ["pending", "delivered", "failed"]


def _body(schema: str, *, required: bool = True) -> Json:
    return {"required": required,
            "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}}


PATHS: dict[str, Json] = {
    "/webhooks": {
        "get": {"summary": "Webhooks, oldest first, without their secrets", "parameters": [WORKSPACE], "responses": {
            "200": answer("All of them.", "Webhooks"), **PROBLEM}},
        "post": {"summary": "Make a webhook; its secret is told this once", "parameters": [WORKSPACE],
                 "requestBody": _body("WebhookWanted"), "responses": {
                     "201": answer("It gets what changes from now on.", "NewWebhook", headers={
                         "Location": {"description": "Where the webhook is.", "schema": {"type": "string"}}}),
                     **PROBLEM}}},
    "/webhooks/{id}": {
        "get": {"summary": "One webhook", "parameters": [_ID, WORKSPACE], "responses": {
            "200": answer("Without its secret.", "Webhook"), **PROBLEM}},
        "patch": {"summary": "Change what is given, pause or resume", "parameters": [_ID, WORKSPACE],
                  "requestBody": _body("WebhookChange"),
                  "responses": {"200": answer("As it is now.", "Webhook"), **PROBLEM}},
        "delete": {"summary": "End it, with what waits and its log", "parameters": [_ID, WORKSPACE],
                   "responses": {"200": answer("As it was.", "Webhook"), **PROBLEM}}},
    "/webhooks/{id}/rotate-secret": {"post": {
        "summary": "Another secret; both sign for a while", "parameters": [_ID, WORKSPACE],
        "requestBody": _body("Rotation", required=False),
        "responses": {"200": answer("The new secret is told this once.", "NewWebhook"), **PROBLEM}}},
    "/webhooks/{id}/test": {"post": {
        "summary": "Send a message that tells nothing, now", "parameters": [_ID, WORKSPACE],
        "responses": {"200": answer("What came back, good or bad.", "WebhookDelivery"), **PROBLEM}}},
    "/webhooks/{id}/deliveries": {"get": {
        "summary": "What became of them, newest first",
        "parameters": [_ID, WORKSPACE, query("state", "Only those.", enum=_STATES),
                       query("before", "Only those with a smaller number.", "integer", minimum=1, maximum=2**62),
                       query("limit", "Of a page.", "integer", minimum=1, maximum=1_000, default=50)],
        "responses": {"200": answer("A page.", "WebhookDeliveries"), **PROBLEM}}},
    "/webhooks/{id}/deliveries/{n}": {"get": {
        "summary": "One delivery, with its body and each attempt", "parameters": [_ID, _N, WORKSPACE],
        "responses": {"200": answer("It.", "WebhookDelivery"), **PROBLEM}}},
    "/webhooks/{id}/deliveries/{n}/redeliver": {"post": {
        "summary": "Send it again, under the same id", "parameters": [_ID, _N, WORKSPACE],
        "requestBody": _body("Redelivery", required=False),
        "responses": {"202": answer("So many will be.", "Redelivered"), **PROBLEM}}},
    "/webhooks/{id}/deliveries/{n}/skip": {"post": {
        "summary": "Give one up that waits, so that those behind it are sent", "parameters": [_ID, _N, WORKSPACE],
        "responses": {"200": answer("As it is now.", "WebhookDelivery"), **PROBLEM}}},
}

_WISH: Json = {
    "url": one("string", "https; its host is looked up, and must be public or allowed (webhooks.allow).",
               maxLength=2_000, example="https://hooks.example.com/orders"),
    "tables": one("array", "Patterns: orders, sales.*; all tracked ones unless given.", items=one("string")),
    "ops": one("array", "Which changes; all unless given.", items=one("string", enum=[
        "c", "u", "d", "t", "schema", "drop", "resync", "r", "insert", "create", "update", "delete", "truncate",
        "read"])),
    "when": one("array", "Only such changes: status: PROPOSED -> ACTIVE.", items=one("string")),
    "roles": one("array", "It gets what these roles of policy.yaml see; none: what the owner sees.",
                 items=one("string", pattern="^[A-Za-z][A-Za-z0-9_-]{0,62}$")),
    "claims": one("object", "What conditions of the policy ask for."),
    "concurrency": one("integer", "Deliveries on their way at once; 1 keeps their order.", minimum=1, maximum=16)}
_OF: Json = {
    "workspace": one("string"), "id": one("string"), "url": one("string", "Without what may be a secret."),
    "tables": _TEXTS, "ops": _TEXTS, "when": _TEXTS, "roles": {"type": ["array", "null"], "items": one("string")},
    "claims": one("object"), "concurrency": one("integer"),
    "state": one("string", enum=["active", "paused", "disabled"]), "reason": one("string", "Why it is disabled."),
    "trouble": one("string", "What keeps changes from it."), "created_at": _TIME, "failing_since": _TIME,
    "position": one("string", "Changes up to here are in its queue, or not for it."), "waiting": one("integer"),
    "mind": one("string", "Why less may be sent than is wished for.")}
_DELIVERY: Json = {
    "workspace": one("string"), "n": one("integer"), "message": one("string", "The header webhook-id."),
    "type": one("string"), "position": one("string"), "state": one("string", enum=_STATES), "attempts": one("integer"),
    "status": {"type": ["integer", "null"]}, "error": one("string"), "created_at": _TIME, "due_at": _TIME,
    "done_at": _TIME, "body": one("string", "What is sent."), "log": one("array", items=one("object", properties={
        "at": _TIME, "status": {"type": ["integer", "null"]}, "ms": one("number"), "error": one("string"),
        "said": one("string", "The first of what came back.")}))}

SCHEMAS: dict[str, Json] = {
    "WebhookWanted": one("object", additionalProperties=False, required=["url"], properties=_WISH),
    "WebhookChange": one("object", additionalProperties=False, properties={
        **_WISH, "state": one("string", enum=["active", "paused"])}),
    "Webhook": one("object", properties=_OF),
    "Webhooks": one("object", properties={
        "workspace": one("string"), "webhooks": one("array", items=one("object", properties=_OF))}),
    "NewWebhook": one("object", properties={**_OF, "secret": one("string", "whsec_...; told this once.")}),
    "WebhookDelivery": one("object", properties=_DELIVERY),
    "WebhookDeliveries": one("object", properties={
        "workspace": one("string"), "deliveries": one("array", items=one("object", properties=_DELIVERY))}),
    "Redelivery": one("object", additionalProperties=False, properties={
        "failed": one("boolean", "Only what was given up.", default=False)}),
    "Redelivered": one("object", properties={"workspace": one("string"), "again": one("integer")}),
}
