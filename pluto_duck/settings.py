"""What can be set, and where each value came from: default < pluto.toml < environment < argument."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pluto_duck.errors import SettingError, nearest

Kind = Literal["str", "int", "float", "bool"]


@dataclass(frozen=True)
class Setting:
    name: str
    """Dotted: `workspace.host` is [workspace] host = ... in pluto.toml and PLUTODUCK_WORKSPACE__HOST."""
    kind: Kind
    default: Any
    help: str
    choices: tuple[str, ...] = ()
    needs_trust: bool = False
    """True for what sends data out, loads code or names hosts: from a pluto.toml it is ignored
    until `pluto-duck trust`, because a cloned folder must not be able to exfiltrate."""


SETTINGS: tuple[Setting, ...] = (
    Setting("workspace.host", "str", "",
            "Who may host the database: auto (a kernel before a server before a shell) or server (a server before a "
            "kernel); empty: server once there is a policy.yaml, because what is served must not end with a notebook, "
            "else auto.",
            choices=("", "auto", "server")),
    Setting("workspace.wait_s", "float", 10.0,
            "Seconds to wait for a workspace that another program holds, or for a host that does not answer."),
    Setting("workspace.allow_network_filesystem", "bool", False,
            "Open a workspace on a network file system although its locks can't be trusted.",
            needs_trust=True),
    Setting("duckdb.memory_limit", "str", "", "DuckDB's memory_limit, for example 4GB; empty: DuckDB's own."),
    Setting("duckdb.threads", "int", 0, "DuckDB's threads; 0: DuckDB's own."),
    Setting("duckdb.extension_directory", "str", "",
            "Where DuckDB extensions are loaded from; empty: a private folder of the user.",
            needs_trust=True),
    Setting("query.max_rows", "int", 1_000_000, "Rows that an API query keeps at most."),
    Setting("query.timeout_s", "float", 300.0, "Seconds an API query may run."),
    Setting("reader.count", "int", 2, "Processes in which the SQL of API keys and tokens runs, one statement at a time "
            "in each."),
    Setting("reader.memory_mb", "int", 1024, "Megabytes that one of these processes may have for a statement."),
    Setting("reader.threads", "int", 1, "DuckDB's threads in each of them."),
    Setting("reader.max_mb", "int", 256, "Megabytes of rows that a statement there may return."),
    Setting("reader.max_age_s", "float", 5.0, "Seconds that the snapshot may be old which they read, where a request "
            "says nothing; one that took long to copy may be ten times as old as that took."),
    Setting("graphql.max_tokens", "int", 4_000, "Tokens of a GraphQL document."),
    Setting("graphql.max_depth", "int", 8, "Fields within fields of a GraphQL document."),
    Setting("graphql.max_cost", "int", 200_000, "Rows that the lists of a GraphQL document could hold together, each "
            "multiplied by those around it."),
    Setting("graphql.max_rows", "int", 10_000, "Rows of one GraphQL list."),
    Setting("graphql.default_rows", "int", 100, "Rows of a GraphQL list whose `limit` is not given."),
    Setting("graphql.default_nested_rows", "int", 20, "The same for a list within rows, for each of them."),
    Setting("graphql.timeout_s", "float", 30.0, "Seconds a GraphQL request may read."),
    Setting("query.cache", "bool", True, "Answer an API query from what was computed before, where nothing that it "
            "reads has changed."),
    Setting("query.cache_mb", "int", 512, "Megabytes that these answers may take on disk; the one not asked for "
            "longest goes first."),
    Setting("rest.if_match", "str", "optional", "Whether a change of a row over REST must say, by If-Match, which "
            "state of it it is about.", choices=("optional", "required")),
    Setting("display.max_rows", "int", 50, "Rows of a table that a notebook cell or the shell shows."),
    Setting("agent.planner", "str", "builtin", "The planner that answers questions.", needs_trust=True),
    Setting("agent.timeout_s", "float", 30.0, "Seconds that SQL written for a question may run."),
    Setting("agent.max_rows", "int", 10_000, "Rows that an answer keeps at most."),
    Setting("agent.model", "str", "", "The model that the planners anthropic and openai ask, by the name its server "
            "gives it.", needs_trust=True),
    Setting("agent.base_url", "str", "", "Where that model is asked, for example http://127.0.0.1:11434/v1; empty: "
            "the planner's own default.", needs_trust=True),
    Setting("agent.api_key", "str", "", "Where the key of a model's server comes from: env:NAME or keyring, never the "
            "key itself; empty: the planner's own variable, then the keyring.", needs_trust=True),
    Setting("agent.share", "str", "schema", "What a model may be told of the data: schema (names, types, comments and "
            "counts), values (smallest, largest, most frequent and matched values, too) or rows.",
            choices=("schema", "values", "rows"), needs_trust=True),
    Setting("agent.max_tokens", "int", 200_000, "Tokens that a question may cost at a model, read and written "
            "together; 0: any number.", needs_trust=True),
    Setting("agent.max_usd", "float", 0.5, "US dollars that a question may cost, where the model's price is known; "
            "0: any amount.", needs_trust=True),
    Setting("agent.prices", "str", "", "Prices in US dollars per million tokens, read/written: "
            "\"my-model=0.5/2, other=3/15\".", needs_trust=True),
    Setting("agent.max_turns", "int", 12, "Replies that a model may need for one question.", needs_trust=True),
    Setting("agent.deadline_s", "float", 180.0, "Seconds that a question may take, whichever planner answers it."),
    Setting("agent.retries", "int", 2, "How often a request that a model's server could not take is sent again."),
    Setting("agent.approval_hours", "float", 72.0, "Hours after which a proposed change can no longer be approved."),
    Setting("agent.keep", "str", "answers", "What is kept of a question in the workspace's control store: answers (all "
            "but the rows), rows (the first 100 of them, too) or nothing.", choices=("answers", "rows", "nothing")),
    Setting("ingest.open_connections", "str", "",
            "Saved connections, by name and comma, that keys and tokens may load from, where the policy gives ingest.",
            needs_trust=True),
    Setting("ingest.ask_above_mb", "float", 1000.0,
            "Megabytes at the source above which `cache` asks before it copies a whole table."),
    Setting("lineage.file", "str", "", "Where OpenLineage events of loads and dbt builds are appended, one JSON object "
            "a line; a path from the workspace's folder on; empty: nowhere.", needs_trust=True),
    Setting("lineage.url", "str", "", "Where they are sent by POST, for example "
            "http://127.0.0.1:5000/api/v1/lineage; a key comes from the variable OPENLINEAGE_API_KEY. Empty: nowhere.",
            needs_trust=True),
    Setting("lineage.namespace", "str", "", "The namespace of this workspace's tables and jobs in these events; empty: "
            "duckdb:// and the workspace's name."),
    Setting("cache.wait_s", "float", 10.0,
            "Seconds a statement may wait for a stale cached copy to be refreshed; 0: it is served as it is."),
    Setting("audit.required", "bool", True,
            "Whether others than the owner are refused (503) while what they do can't be recorded.", needs_trust=True),
    Setting("audit.owner", "bool", False, "Whether the owner's requests over HTTP are recorded, too.",
            needs_trust=True),
    Setting("audit.sql", "str", "hash", "What the audit keeps of SQL: hash (keyed) or summary (the statement without "
            "its literals, too).", choices=("hash", "summary"), needs_trust=True),
    Setting("limits.reads", "str", "6000/minute", "Requests that read, of each key or token; unlimited: any number. A "
            "role of policy.yaml may have limits of its own."),
    Setting("limits.writes", "str", "1200/minute", "Requests that change something, of each key or token."),
    Setting("limits.runs", "str", "300/minute", "Runs that each key or token may begin."),
    Setting("limits.rows", "str", "50000000/hour", "Rows that each key or token may be given; counted afterwards, so "
            "the next request waits."),
    Setting("limits.seconds", "str", "1800/hour", "Seconds that the server may work for each key or token; counted "
            "afterwards."),
    Setting("limits.running", "int", 2, "Runs of one key or token that are at work at once; more of them wait."),
    Setting("limits.waiting", "int", 16, "Runs of one key or token that may wait; one more is refused (429)."),
    Setting("limits.streams", "int", 20, "Streams of events or rows that one key or token may hold open, and requests "
            "that wait for a run."),
    Setting("limits.max_rows", "int", 1_000_000, "Rows that a query of a key or token keeps at most."),
    Setting("limits.max_mb", "float", 256.0, "Megabytes of rows that a query of a key or token keeps at most."),
    Setting("limits.timeout_s", "float", 60.0, "Seconds that a query of a key or token may run."),
    Setting("limits.owner", "str", "unlimited", "Requests of the owner, who has the server's own token."),
    Setting("limits.refused", "str", "60/minute", "Requests with a bad key or token, or none, of one address; then no "
            "key is even looked at for a while, but those that were good just before."),
    Setting("server.running", "int", 4, "Runs of keys and tokens that are at work at once, all together; the owner's "
            "are never among them."),
    Setting("server.waiting", "int", 256, "Runs of keys and tokens that may wait, all together; one more is refused "
            "(503)."),
    Setting("server.client_timeout_s", "float", 30.0, "Seconds after which a client is cut off that takes nothing of "
            "its answer, or does not send the rest of its request."),
    Setting("server.idle_s", "float", 75.0, "Seconds that `serve` keeps a connection on which nothing is asked."),
    Setting("server.drain_s", "float", 10.0, "Seconds that `serve` lets what is running end when it is told to stop."),
    Setting("server.lock_wait_s", "float", 5.0, "Seconds that a request waits where another program holds the control "
            "store; then it is told to come again (503)."),
    Setting("auth.issuer", "str", "", "Whose access tokens (OAuth2, OpenID Connect) the server takes, as their `iss` "
            "says: https://login.example.com; several separated by commas; empty: nobody's.", needs_trust=True),
    Setting("auth.audience", "str", "", "What the `aud` of a token must be or contain, so that tokens for other "
            "services open nothing here; without it no token does.", needs_trust=True),
    Setting("auth.algorithms", "str", "RS256, ES256, EdDSA", "Signatures that are taken, of these three.",
            needs_trust=True),
    Setting("auth.roles_claim", "str", "roles", "Where a token names its roles: a claim, or a path such as "
            "realm_access.roles; several separated by commas.", needs_trust=True),
    Setting("auth.roles", "str", "", "Which role of policy.yaml each of them is: \"sales-eu=analyst, "
            "client_id:nightly=loader\"; empty: they are called the same.", needs_trust=True),
    Setting("auth.scopes", "str", "", "Which scope of ours a token's scope (or `*`, for every token) gives, besides "
            "those that are called the same: \"reports.read=schema:read, *=query:ask\".", needs_trust=True),
    Setting("auth.claims", "str", "", "Claims that conditions of the policy may ask for: \"region, org.id=tenant\" "
            "makes $region and $tenant.", needs_trust=True),
    Setting("auth.leeway_s", "float", 60.0, "Seconds by which the issuer's clock may differ from this one.",
            needs_trust=True),
    Setting("webhooks.allow", "str", "", "Networks, addresses and hosts that webhooks may be sent to although they are "
            "not public: \"10.0.0.0/8, hooks.internal\"; this machine (127.0.0.1, localhost) then also by http.",
            needs_trust=True),
    Setting("webhooks.ca_file", "str", "", "A file of certificates (PEM) that count for webhooks besides the system's.",
            needs_trust=True),
    Setting("webhooks.keep_days", "float", 7.0, "Days that a delivery is kept after its end, and can be "
            "sent again."),
    Setting("changes.keep_days", "float", 7.0, "Days that the changes of tracked tables are kept, and longer where a "
            "consumer has not read them."),
    Setting("changes.max_rows", "int", 0, "Changes that are kept at most, in whole commits; 0: any number."),
    Setting("changes.keep_at_most_days", "float", 30.0, "Days after which they go although a consumer has not read "
            "them; it is told so."),
    Setting("runs.keep_days", "int", 7, "Days that finished runs and their results are kept."),
    Setting("runs.keep_most", "int", 10_000, "Finished runs that are kept at most; the oldest go first."),
    Setting("schedules.running", "int", 2, "Schedules of a workspace that run at once; others that are due wait."),
)

_BY_NAME = {one.name: one for one in SETTINGS}
SINKS = "sinks"
"""The section whose tables are sinks of changes, not settings."""


@dataclass(frozen=True)
class Value:
    setting: Setting
    value: Any
    source: str
    """default, environment, argument, or the path of the pluto.toml it stands in."""
    ignored: Any = None
    """What an untrusted pluto.toml asked for instead; None when nothing was ignored."""


def env_name(name: str) -> str:
    return "PLUTODUCK_" + name.upper().replace(".", "__")


def _convert(setting: Setting, raw: Any, source: str) -> Any:
    try:
        if setting.kind == "bool":
            if isinstance(raw, bool):
                value: Any = raw
            else:
                value = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}[
                    str(raw).strip().lower()]
        elif setting.kind == "int":
            value = int(raw)
        elif setting.kind == "float":
            value = float(raw)
        else:
            value = str(raw)
    except (ValueError, KeyError):
        raise SettingError(f"{setting.name} = {raw!r} (from {source}) is not of type {setting.kind}.",
                           hint=setting.help) from None
    if setting.choices and value not in setting.choices:
        raise SettingError(f"{setting.name} = {value!r} (from {source}) is not one of "
                           f"{', '.join(filter(None, setting.choices))}.", hint=setting.help)
    return value


def read_toml(path: Path) -> dict[str, Any]:
    """The settings in a pluto.toml by dotted name. Raises SettingError for bad TOML or unknown names."""
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SettingError(f"{path} is not valid TOML: {error}.", hint="Mend or remove that line.") from error
    found: dict[str, Any] = {}
    for section, body in tree.items():
        if not isinstance(body, dict):
            raise SettingError(f"{path}: {section} stands outside any [section].",
                               hint=f"Sections are: {', '.join(sorted({s.name.split('.')[0] for s in SETTINGS}))}.")
        for key, raw in body.items():
            name = f"{section}.{key}"
            if section == SINKS:
                if not isinstance(raw, dict):
                    raise SettingError(f"{path}: {name} stands outside any [{SINKS}.NAME].",
                                       hint=f"For example: [{SINKS}.archive] with kind = \"file\" below it.")
                found[name] = raw
                continue
            if name not in _BY_NAME:
                close = nearest(name, _BY_NAME)
                raise SettingError(f"{path} sets {name}, which is no setting.",
                                   hint=f"Did you mean {close[0]}?" if close else "`pluto-duck doctor` lists them.")
            found[name] = raw
    return found


def wants_trust(path: Path) -> dict[str, Any]:
    """The settings of a pluto.toml that stay ignored until its folder is trusted."""
    return {name: raw for name, raw in read_toml(path).items()
            if name.startswith(f"{SINKS}.") or _BY_NAME[name].needs_trust}


def sinks_of(path: Path) -> dict[str, dict[str, Any]]:
    """The sinks in a pluto.toml by name, as they stand there; they send data out, so they count only where its owner
    trusts the folder."""
    return {name.removeprefix(f"{SINKS}."): raw for name, raw in read_toml(path).items()
            if name.startswith(f"{SINKS}.")}


class Settings:
    """All settings of one workspace, resolved once. `settings["workspace.host"]` is the value."""

    def __init__(self, values: Mapping[str, Value]) -> None:
        self.values = dict(values)

    def but(self, **arguments: Any) -> Settings:
        """The same with other values for some, by name with `__` for the dot. Raises SettingError."""
        values = dict(self.values)
        for argument, raw in arguments.items():
            name = argument.replace("__", ".", 1)
            if name not in values:
                raise SettingError(f"There is no setting {name}.")
            setting = values[name].setting
            values[name] = Value(setting, _convert(setting, raw, "argument"), "argument")
        return Settings(values)

    def __getitem__(self, name: str) -> Any:
        return self.values[name].value

    @classmethod
    def load(cls, toml: Path | None = None, *, trusted: bool = False,
             environ: Mapping[str, str] | None = None, **arguments: Any) -> Settings:
        """Arguments are given by name with `__` for the dot: `load(workspace__host="server")`."""
        environ = os.environ if environ is None else environ
        in_file = read_toml(toml) if toml is not None else {}
        values: dict[str, Value] = {}
        for setting in SETTINGS:
            value, source, ignored = setting.default, "default", None
            if setting.name in in_file:
                raw = _convert(setting, in_file[setting.name], str(toml))
                if setting.needs_trust and not trusted:
                    ignored = raw
                else:
                    value, source = raw, str(toml)
            if env_name(setting.name) in environ:
                value = _convert(setting, environ[env_name(setting.name)], env_name(setting.name))
                source = "environment"
            argument = arguments.pop(setting.name.replace(".", "__"), None)
            if argument is not None:
                value, source = _convert(setting, argument, "argument"), "argument"
            values[setting.name] = Value(setting, value, source, ignored)
        if arguments:
            raise SettingError(f"There is no setting {', '.join(arguments)}.")
        return cls(values)
