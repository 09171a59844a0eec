"""Every address under the server's base URL. A new noun: one file, one line here, one entry in openapi.py."""

from __future__ import annotations

from typing import Any

from pluto_duck.api.approvals import ApprovalHandler, ApprovalsHandler
from pluto_duck.api.audit import AuditHandler, AuditHeadHandler, AuditVerifyHandler
from pluto_duck.api.changes.handlers import ChangesHandler
from pluto_duck.api.checks import CheckRunHandler, ChecksHandler
from pluto_duck.api.conversations import (
    AnswerHandler,
    ConversationHandler,
    ConversationsHandler,
    RatingHandler,
    ReplayHandler,
)
from pluto_duck.api.dbt import DbtHandler
from pluto_duck.api.docs import DocsHandler
from pluto_duck.api.graphql.page import GraphiQLHandler
from pluto_duck.api.graphql.ws import GraphQLSocket
from pluto_duck.api.handler import NotFoundHandler
from pluto_duck.api.health import HealthHandler, LiveHandler, ReadyHandler
from pluto_duck.api.ingest import IngestHandler, UploadHandler
from pluto_duck.api.keys import KeyHandler, KeysHandler, RotationHandler
from pluto_duck.api.lineage import LineageHandler
from pluto_duck.api.looking import ProfileHandler, RowsHandler, StatusHandler, WatchHandler
from pluto_duck.api.me import MeHandler
from pluto_duck.api.openapi import OpenApiHandler
from pluto_duck.api.panel import PanelHandler
from pluto_duck.api.policy import ExplainHandler, PolicyHandler
from pluto_duck.api.query import QueriesHandler, QueryHandler
from pluto_duck.api.resource import ResourceHandler
from pluto_duck.api.revocations import RevocationsHandler
from pluto_duck.api.rows.handlers import TableRowHandler, TableRowsHandler
from pluto_duck.api.schedules import (
    ScheduleHandler,
    ScheduleHistoryHandler,
    ScheduleRunHandler,
    SchedulesHandler,
)
from pluto_duck.api.sinks import DeadLettersHandler, SinkHandler, SinksHandler
from pluto_duck.api.tables import TableHandler, TablesHandler
from pluto_duck.api.verified import VerifiedHandler
from pluto_duck.api.views import ViewHandler, ViewRefreshHandler, ViewsHandler
from pluto_duck.api.webhooks import (
    DeliveriesHandler,
    DeliveryHandler,
    RedeliverHandler,
    RotateHandler,
    SkipHandler,
    TryHandler,
    WebhookHandler,
    WebhooksHandler,
)
from pluto_duck.api.workspaces import WorkspacesHandler

ROUTES: list[tuple[str, Any]] = [
    (r"/api/v1/query", QueriesHandler),
    (r"/api/v1/query/([^/]+)", QueryHandler),
    (r"/api/v1/conversations", ConversationsHandler),
    (r"/api/v1/conversations/([^/]+)", ConversationHandler),
    (r"/api/v1/conversations/([^/]+)/replay", ReplayHandler),
    (r"/api/v1/answers/([^/]+)", AnswerHandler),
    (r"/api/v1/answers/([^/]+)/rating", RatingHandler),
    (r"/api/v1/verified", VerifiedHandler),
    (r"/api/v1/approvals", ApprovalsHandler),
    (r"/api/v1/approvals/([^/]+)", ApprovalHandler),
    (r"/api/v1/audit", AuditHandler),
    (r"/api/v1/audit/head", AuditHeadHandler),
    (r"/api/v1/audit/verify", AuditVerifyHandler),
    (r"/api/v1/ingest", IngestHandler),
    (r"/api/v1/ingest/([^/]+)", UploadHandler),
    (r"/api/v1/dbt", DbtHandler),
    (r"/api/v1/tables", TablesHandler),
    (r"/api/v1/tables/([^/]+)", TableHandler),
    (r"/api/v1/tables/([^/]+)/profile", ProfileHandler),
    (r"/api/v1/tables/([^/]+)/rows", TableRowsHandler),
    (r"/api/v1/tables/([^/]+)/rows/([^/]+)", TableRowHandler),
    (r"/api/v1/rows", RowsHandler),
    (r"/api/v1/lineage", LineageHandler),
    (r"/api/v1/views", ViewsHandler),
    (r"/api/v1/views/([^/]+)", ViewHandler),
    (r"/api/v1/views/([^/]+)/refresh", ViewRefreshHandler),
    (r"/api/v1/checks", ChecksHandler),
    (r"/api/v1/checks/run", CheckRunHandler),
    (r"/api/v1/changes", ChangesHandler),
    (r"/api/v1/graphql", GraphQLSocket),
    (r"/api/v1/graphiql", GraphiQLHandler),
    (r"/api/v1/status", StatusHandler),
    (r"/api/v1/watch", WatchHandler),
    (r"/api/v1/panel", PanelHandler),
    (r"/api/v1/me", MeHandler),
    (r"/api/v1/keys", KeysHandler),
    (r"/api/v1/keys/([^/]+)", KeyHandler),
    (r"/api/v1/keys/([^/]+)/rotate", RotationHandler),
    (r"/api/v1/sinks", SinksHandler),
    (r"/api/v1/sinks/([^/]+)", SinkHandler),
    (r"/api/v1/sinks/([^/]+)/dead", DeadLettersHandler),
    (r"/api/v1/webhooks", WebhooksHandler),
    (r"/api/v1/webhooks/([^/]+)", WebhookHandler),
    (r"/api/v1/webhooks/([^/]+)/rotate-secret", RotateHandler),
    (r"/api/v1/webhooks/([^/]+)/test", TryHandler),
    (r"/api/v1/webhooks/([^/]+)/deliveries", DeliveriesHandler),
    (r"/api/v1/webhooks/([^/]+)/deliveries/([^/]+)", DeliveryHandler),
    (r"/api/v1/webhooks/([^/]+)/deliveries/([^/]+)/redeliver", RedeliverHandler),
    (r"/api/v1/webhooks/([^/]+)/deliveries/([^/]+)/skip", SkipHandler),
    (r"/api/v1/schedules", SchedulesHandler),
    (r"/api/v1/schedules/([^/]+)", ScheduleHandler),
    (r"/api/v1/schedules/([^/]+)/run", ScheduleRunHandler),
    (r"/api/v1/schedules/([^/]+)/history", ScheduleHistoryHandler),
    (r"/api/v1/revocations", RevocationsHandler),
    (r"/api/v1/policy", PolicyHandler),
    (r"/api/v1/policy/explain", ExplainHandler),
    (r"/api/v1/workspaces", WorkspacesHandler),
    (r"/api/v1/health", HealthHandler),
    (r"/api/v1/livez", LiveHandler),
    (r"/api/v1/readyz", ReadyHandler),
    (r"/api/v1/openapi.json", OpenApiHandler),
    (r"/api/v1/docs", DocsHandler),
    (r"/api/v1/.well-known/oauth-protected-resource", ResourceHandler),
    (r"/api/v1(?:/.*)?", NotFoundHandler),
]
