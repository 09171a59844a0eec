"""The description of schedules."""

from __future__ import annotations

from pluto_duck.api.openapi_parts import PROBLEM, WORKSPACE, Json, answer, one, path, query

_NAME = path("name", "Its name, or its id.")
_TIME: Json = {"type": ["string", "null"], "format": "date-time"}


def _body(schema: str) -> Json:
    return {"required": True, "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}}


PATHS: dict[str, Json] = {
    "/schedules": {
        "get": {"summary": "Schedules, by name", "parameters": [WORKSPACE], "responses": {
            "200": answer("All of them.", "Schedules"), **PROBLEM}},
        "post": {"summary": "Run a verb by itself, at the times of a cron expression", "parameters": [WORKSPACE],
                 "requestBody": _body("ScheduleWanted"), "responses": {
                     "201": answer("It runs from its next time on.", "Schedule", headers={
                         "Location": {"description": "Where the schedule is.", "schema": {"type": "string"}}}),
                     **PROBLEM}}},
    "/schedules/{name}": {
        "get": {"summary": "One schedule, with its next times", "parameters": [_NAME, WORKSPACE], "responses": {
            "200": answer("It.", "Schedule"), **PROBLEM}},
        "patch": {"summary": "Pause or resume", "parameters": [_NAME, WORKSPACE],
                  "requestBody": _body("ScheduleChange"),
                  "responses": {"200": answer("As it is now.", "Schedule"), **PROBLEM}},
        "delete": {"summary": "Forget it, with its history", "parameters": [_NAME, WORKSPACE],
                   "responses": {"200": answer("As it was.", "Schedule"), **PROBLEM}}},
    "/schedules/{name}/run": {"post": {
        "summary": "Run it once, now", "parameters": [_NAME, WORKSPACE],
        "responses": {"202": answer("It waits for whoever runs schedules.", "Firing"), **PROBLEM}}},
    "/schedules/{name}/history": {"get": {
        "summary": "What became of its times, newest first",
        "parameters": [_NAME, WORKSPACE,
                       query("before", "Only those with a smaller id.", "integer", minimum=1, maximum=2**62),
                       query("limit", "Of a page.", "integer", minimum=1, maximum=1_000, default=50)],
        "responses": {"200": answer("A page.", "Firings"), **PROBLEM}}},
}

_WISH: Json = {
    "cron": one("string", "Five fields, or @hourly, @daily, @weekly, @monthly, @yearly.", minLength=1, maxLength=200,
                example="0 6 * * MON-FRI"),
    "args": one("array", "A verb of pluto-duck and its arguments; no shell reads them.", minItems=1,
                items=one("string"), example=["backup", "--keep", "7"]),
    "only_if": one("array", "A verb and its arguments that must succeed first; else the run has failed.",
                   items=one("string"), example=["check", "orders"]),
    "name": one("string", "Else after its verb.", pattern="^[A-Za-z][A-Za-z0-9_-]{0,62}$"),
    "zone": one("string", "Of the times; else the machine's.", example="Europe/Berlin"),
    "missed": one("string", "Of missed times: none is run, one for all of them, or each.",
                  enum=["skip", "once", "all"], default="once"),
    "most": one("integer", "With all: the newest so many.", minimum=1, maximum=100, default=24),
    "retries": one("integer", "Further attempts of a run that failed.", minimum=0, maximum=100, default=0),
    "retry_after_s": one("number", "Before the first of them; twice as long before each other one.", minimum=0,
                         maximum=86_400, default=30),
    "timeout_s": one("number", "Of each attempt.", minimum=1, maximum=2_592_000, default=86_400),
    "pause_on_failure": one("boolean", "Once a run has failed, retries and all, it is paused.", default=False),
    "alert": one("string", "The id of a webhook that is told when a run has failed, retries and all.")}
_FIRING: Json = {
    "workspace": one("string"), "id": one("integer"), "schedule": one("string", "The id of the schedule."),
    "due_at": _TIME, "kind": one("string", enum=["due", "missed", "manual"]),
    "state": one("string", enum=["queued", "running", "succeeded", "failed", "timed_out", "cancelled", "skipped"]),
    "attempt": one("integer", "Begun so far."), "times": one("integer", "Due times that were skipped together."),
    "ready_at": _TIME, "begun_at": _TIME, "ended_at": _TIME,
    "run_id": one("string", "Of the last attempt: GET /query/{run_id} has its log."), "code": one("string"),
    "error": one("string"), "hint": one("string")}
_OF: Json = {
    "workspace": one("string"), "id": one("string"), **_WISH, "folder": one("string", "Where relative paths begin."),
    "state": one("string", enum=["active", "paused", "disabled"]), "reason": one("string", "Why it is disabled."),
    "created_at": _TIME, "next_at": _TIME, "upcoming": one("array", items=one("string", format="date-time")),
    "last": {"anyOf": [{"type": "null"}, one("object", properties=_FIRING)]}}

SCHEMAS: dict[str, Json] = {
    "ScheduleWanted": one("object", additionalProperties=False, required=["cron", "args"], properties=_WISH),
    "ScheduleChange": one("object", additionalProperties=False, required=["state"], properties={
        "state": one("string", enum=["active", "paused"])}),
    "Schedule": one("object", properties=_OF),
    "Schedules": one("object", properties={
        "workspace": one("string"), "somebody_runs": one("boolean", "Whether any process runs them now."),
        "schedules": one("array", items=one("object", properties=_OF))}),
    "Firing": one("object", properties=_FIRING),
    "Firings": one("object", properties={
        "workspace": one("string"), "firings": one("array", items=one("object", properties=_FIRING))}),
}
