"""Questions' part of the description: answers, conversations, verified questions, approvals."""

from __future__ import annotations

from pluto_duck.api.openapi_parts import LOCATION, PROBLEM, WORKSPACE, Json, answer, one, path, query

_ID = path("id", "Or the beginning of it.")
_TEXTS = one("array", items=one("string"))
_AT = one("string", format="date-time")


def _body(schema: str) -> Json:
    return {"required": True, "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}}


AGENT_PATHS: dict[str, Json] = {
    "/conversations": {"get": {
        "summary": "List conversations, those last used first",
        "parameters": [WORKSPACE, query("limit", "Of a page.", "integer", minimum=1, maximum=500, default=50),
                       query("search", "Words that stand in their questions, answers or SQL."),
                       query("cursor", "As links.next has it.")],
        "responses": {"200": answer("A page of them.", "Conversations"), **PROBLEM}}},
    "/conversations/{id}": {
        "get": {"summary": "A conversation with its answers", "parameters": [_ID, WORKSPACE],
                "responses": {"200": answer("The conversation.", "Conversation"), **PROBLEM}},
        "delete": {"summary": "Forget a conversation and all its answers", "parameters": [_ID, WORKSPACE],
                   "responses": {"200": answer("What it was.", "Conversation"), **PROBLEM}}},
    "/conversations/{id}/replay": {"post": {
        "summary": "Ask its questions again and tell what has changed", "parameters": [_ID, WORKSPACE],
        "responses": {"202": answer("The run has been queued; its `replay` tells.", "Started", **LOCATION),
                      **PROBLEM}}},
    "/answers/{id}": {"get": {"summary": "An answer, as it was kept", "parameters": [_ID, WORKSPACE],
                              "responses": {"200": answer("The answer.", "Kept"), **PROBLEM}}},
    "/answers/{id}/rating": {"post": {
        "summary": "Thumbs up or down", "parameters": [_ID, WORKSPACE], "requestBody": _body("Rating"),
        "responses": {"200": answer("The answer with it.", "Kept"), **PROBLEM}}},
    "/verified": {
        "get": {"summary": "The verified questions, in the order of semantics.yaml",
                "parameters": [WORKSPACE, query("check", "1: run their SQL and tell what is wrong.", "integer",
                                                  enum=[0, 1])],
                "responses": {"200": answer("All of them.", "VerifiedQuestions"), **PROBLEM}},
        "post": {"summary": "Vouch for a question", "parameters": [WORKSPACE], "requestBody": _body("Vouch"),
                 "responses": {"201": answer("It stands in semantics.yaml.", "Verified"), **PROBLEM}},
        "delete": {"summary": "Vouch no longer for a question",
                   "parameters": [WORKSPACE, query("question", "Its words, or its number in the list, from 1.")],
                   "responses": {"200": answer("What was taken out.", "Verified"), **PROBLEM}}},
    "/approvals": {"get": {
        "summary": "What planners proposed, newest first",
        "parameters": [WORKSPACE, query("waiting", "1: only those that can be decided.", "integer", enum=[0, 1])],
        "responses": {"200": answer("All of them.", "Approvals"), **PROBLEM}},
        "post": {
            "summary": "Propose an answer or SQL as a dbt model or a view", "parameters": [WORKSPACE],
            "requestBody": _body("Proposal"),
            "responses": {"201": answer("It waits for a person; nothing was changed.", "Approval"), **PROBLEM}}},
    "/approvals/{id}": {
        "get": {"summary": "A proposal and what happened to it", "parameters": [_ID, WORKSPACE],
                "responses": {"200": answer("The proposal.", "Approval"), **PROBLEM}},
        "post": {"summary": "Approve, reject or edit a proposal", "parameters": [_ID, WORKSPACE],
                 "requestBody": _body("Decision"),
                 "responses": {"200": answer("It was rejected or edited.", "Approval"),
                               "202": answer("Approved: the run that does it.", "Started", **LOCATION), **PROBLEM}}},
}

_SUMMARY: Json = {
    "id": one("string"), "title": one("string", "Its first question."),
    "door": one("string", enum=["notebook", "shell", "rest", "python", "panel"]),
    "who": one("string", "The key or token that asked; empty: the owner."), "questions": one("integer"),
    "created_at": _AT, "changed_at": _AT, "links": one("object")}
_APPROVAL: Json = {
    "id": one("string"), "kind": one("string", enum=[
        "view", "table", "ingest", "semantics", "model", "publish"]),
    "target": one("string"), "status": one("string", enum=[
        "waiting", "running", "done", "failed", "rejected", "expired"]),
    "version": one("string", "Names this text of it; whoever approves says which one they saw."),
    "sql": one("string", "What approving it runs."), "body": one("string", "What may be edited."),
    "diff": one("string"), "dry_run": one("string", "What a trial gave that left nothing behind."),
    "rollback": one("string", "What takes it back."), "question": one("string"), "planner": one("string"),
    "created_at": _AT, "expires_at": _AT, "links": one("object"),
    "sample": one("object", "For the owner, of what waits: a few of its rows.") | {"type": ["object", "null"]},
    "moved": one("boolean", "For the owner: what it was made for has changed since.")}
_VERIFIED: Json = {"question": one("string"), "sql": one("string")}

AGENT_SCHEMAS: dict[str, Json] = {
    "Answer": one("object", "To a question; its rows are the run's.", properties={
        "status": one("string", enum=["answered", "assumed", "clarify", "declined"]), "question": one("string"),
        "planner": one("string"), "text": one("string", "The question as it was understood; what to choose; or why "
                                              "it was declined."),
        "sql": one("string"), "assumptions": _TEXTS, "confidence": one("number"), "evidence": _TEXTS,
        "choices": one("array", items=one("object", properties={"text": one("string"), "sql": one("string")})),
        "unknown_words": _TEXTS, "cost": one("object"), "elapsed_s": one("number"),
        "finding": one("string", "What the rows say, computed from them by rules."),
        "chart": one("object", "The chart that is drawn, as data."),
        "share": one("string"), "sent": one("array", "What a model was told."), "id": one("string"),
        "conversation": one("string"), "verified": one("string", "The verified question whose SQL this is."),
        "chosen": one("integer", "Which of the choices before it this is, from 1."),
        "otherwise": one("array", "For some of the assumptions the reading without it.", items=one(
            "object", properties={"assumption": one("string"), "text": one("string"), "sql": one("string"),
                                  "assumptions": _TEXTS}))}),
    "Kept": one("object", properties={
        "workspace": one("string"), "turn": one("integer"), "asked_at": _AT,
        "answer": {"$ref": "#/components/schemas/Answer"}, "columns": _TEXTS,
        "row_count": {"type": ["integer", "null"]},
        "rows": {"type": ["array", "null"], "description": "Where the setting agent.keep is rows."},
        "versions": one("object", "Of the tables that were read."),
        "rating": one("string", enum=["up", "down", ""]), "note": one("string")}),
    "Rating": one("object", additionalProperties=False, required=["rating"], properties={
        "rating": one("string", enum=["up", "down", ""]), "note": one("string")}),
    "Conversation": one("object", properties={
        "workspace": one("string"), **_SUMMARY,
        "turns": one("array", items={"$ref": "#/components/schemas/Kept"})}),
    "Conversations": one("object", properties={
        "workspace": one("string"), "links": one("object"),
        "conversations": one("array", items=one("object", properties=_SUMMARY))}),
    "Verified": one("object", properties={"workspace": one("string"), **_VERIFIED}),
    "VerifiedQuestions": one("object", properties={
        "workspace": one("string"), "verified": one("array", items=one("object", properties={
            **_VERIFIED, "fault": one("string", "With check=1; empty: it holds.")}))}),
    "Vouch": one("object", "An answer's question and SQL, or your own.", additionalProperties=False, anyOf=[
        {"required": ["answer"]}, {"required": ["question", "sql"]}], example={
        "question": "how many flights?", "sql": "select count(*) as n from flights"}, properties={
        **_VERIFIED, "answer": one("string", "Its id."), "replace": one("boolean", default=False)}),
    "Approval": one("object", properties={
        "workspace": one("string"), **_APPROVAL, "log": one("array", items=one("object", properties={
            "at": _AT, "what": one("string"), "who": one("string"), "detail": one("string")}))}),
    "Approvals": one("object", properties={
        "workspace": one("string"), "approvals": one("array", items=one("object", properties=_APPROVAL))}),
    "Proposal": one("object", additionalProperties=False, required=["name"], oneOf=[
        {"required": ["answer"], "properties": {"sql": False}}, {"required": ["sql"], "properties": {"answer": False}}],
        example={"name": "late_flights", "answer": "8c1f", "as": "view"}, properties={
        "name": one("string", "Of the model or view.", minLength=1),
        "as": one("string", "How dbt makes it; or a view of the workspace, without dbt.", default="view",
                  enum=["view", "table", "incremental", "workspace-view"]),
        "answer": one("string", "The id of an answer, or of the run of a question or of SQL."),
        "sql": one("string", "The owner's."), "question": one("string", "That the SQL answers."),
        "description": one("string", "Else the question."),
        "project": one("string", "The dbt project's folder, in the workspace's."),
        "key": one("array", "Columns that name a row of an incremental model.", items=one("string")),
        "replace": one("boolean", "It may take the place of a model or view of that name."),
        "workspace": one("string")}),
    "Decision": one("object", additionalProperties=False, required=["decision"], oneOf=[
        {"required": ["version"], "properties": {"decision": {"const": "approve"}, "reason": False, "body": False}},
        {"properties": {"decision": {"const": "reject"}, "version": False, "body": False}},
        {"required": ["body"], "properties": {"decision": {"const": "edit"}, "reason": False}}], example={
        "decision": "approve", "version": "5b1c90d2e7aa"}, properties={
        "decision": one("string", enum=["approve", "reject", "edit"]), "reason": one("string", "With reject."),
        "version": one("string", "The `version` that was looked at, needed to approve; 409 where it is"
                       " another one by now."),
        "body": one("string", "With edit.")}),
}
