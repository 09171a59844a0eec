"""What every handler of ours shares: problems instead of error pages, threads, JSON in and out."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Awaitable, Callable, Mapping
from functools import partial, wraps
from hmac import compare_digest
from http.client import responses
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast
from urllib.parse import quote

from jupyter_server.auth.decorator import allow_unauthenticated, authorized
from jupyter_server.log import log_request
from jupyter_server.prometheus.log_functions import prometheus_log_method
from tornado.web import HTTPError, RequestHandler, authenticated

from pluto_duck.api import cors
from pluto_duck.api.audited import Audited
from pluto_duck.api.challenge import challenge, metadata_url
from pluto_duck.api.identity import Caller, OurProvider, credentials, issuers
from pluto_duck.api.logs import is_told
from pluto_duck.api.problems import HTTPProblem as HTTPProblem
from pluto_duck.api.protect_body import MAX_BODY, Body, streamed
from pluto_duck.api.protect_slow import watch
from pluto_duck.errors import PlutoError, RunNotFound, Unauthenticated, UsageError, nearest, unknown_name

if TYPE_CHECKING:
    from pluto_duck.api.app import PlutoDuckApp
    from pluto_duck.api.places import Place
    from pluto_duck.api.protect import Protection
    from pluto_duck.api.work import Spend
    from pluto_duck.governance import Actor
    from pluto_duck.governance.allowance import Allowance
    from pluto_duck.runs import Run

T = TypeVar("T")

MOST_HOSTS = 100
MAX_WAIT_S = 60.0
"""For an answer, by `wait=`."""
NOT_IN_FORCE = ("No policy is in force in this workspace: until its owner allows one (pluto-duck trust), nothing is "
                "open to keys and tokens.")

M = TypeVar("M", bound=Callable[..., Awaitable[None]])

def guarded(method: M) -> M:
    """Jupyter's own login, then its Authorizer, which may rule on the resource `pluto_duck`."""
    return cast(M, with_body(authenticated(authorized(method))))


def with_body(method: M) -> M:
    """Runs a method once the body is there, or what it is refused for is told."""
    @wraps(method)
    async def inner(self: PlutoHandler, *args: Any, **kwargs: Any) -> None:
        self.request.body = self._body.whole()
        await method(self, *args, **kwargs)

    return cast(M, inner)


def problem(error: BaseException | None, status: int, *, instance: str, request_id: str) -> dict[str, Any]:
    """An error as RFC 9457 members. What was not raised on purpose keeps its words to itself."""
    found: dict[str, Any] = {"type": "about:blank", "title": responses.get(status, "Error"), "status": status}
    if isinstance(error, HTTPProblem):
        found |= {"detail": error.message}
    elif isinstance(error, PlutoError):
        found |= {"type": f"urn:pluto-duck:problem:{error.code}", "title": _TITLES.get(error.code, _title(error)),
                  "detail": error.message, "code": error.code}
    elif isinstance(error, HTTPError) and status < 500 and error.log_message:
        found |= {"detail": error.log_message % error.args if error.args else error.log_message}
    elif status >= 500:
        found |= {"detail": "The server met an error it did not expect; its log has the details."}
    if isinstance(error, PlutoError):
        found |= {"hint": error.hint} if error.hint else {}
        found |= {"facts": error.facts} if error.facts else {}
    elif status == 403:
        found |= {"hint": "Send the server's token: Authorization: token <token> (`jupyter server list` shows it)."}
    return found | {"instance": instance, "request_id": request_id}


_TITLES = {"usage": "Bad request", "statement": "The database rejected the SQL", "unknown_name": "No such name",
           "refused": "Refused", "run_not_found": "No such run", "queue_full": "Too many runs"}


def _title(error: PlutoError) -> str:
    return error.code.replace("_", " ").capitalize()


def status_of(error: BaseException | None, default: int = 500) -> int:
    if isinstance(error, HTTPProblem):
        return error.status
    if isinstance(error, PlutoError):
        return error.http_status
    return error.status_code if isinstance(error, HTTPError) else default


@streamed
class PlutoHandler(Audited):
    auth_resource = "pluto_duck"
    max_body: ClassVar[int] = MAX_BODY
    """Bytes."""
    paid: ClassVar[bool] = False
    """Whether what it gives was counted when it was made: the rows of runs."""
    counts_as: ClassVar[Mapping[str, str]] = {}
    """HTTP method -> reads, writes or runs, where it is not what its name says."""
    allowance: Allowance | None = None
    """How much of the server the caller may use; None for the owner."""
    scopes: ClassVar[Mapping[str, str]] = {}
    """HTTP method -> the scope that lets others than the owner use it, "" for every key; the rest is the owner's."""
    caller: Caller | None = None
    """None: the owner, by Jupyter's own login."""
    metadata = ""
    """Where a client that is not known finds who could make it known; "" where nobody's tokens are taken."""
    refusal = ""
    """What a client can read of a refusal, in words of RFC 6750."""
    caching = "no-store"
    """Of answers without an ETag: they are about live data."""
    _in_flight = False
    on_gone: Callable[[], None] | None = None
    """Called when the client closes the connection before the answer has ended."""

    def on_connection_close(self) -> None:
        super().on_connection_close()  # ends the wait for a body
        self.ended()  # on_finish may never come
        if self.on_gone is not None:
            self.on_gone()

    @property
    def identity_provider(self) -> Any:
        return OurProvider(super().identity_provider)

    @property
    def is_open(self) -> bool:
        """Whether anybody may ask this: a browser before it asks, and what says where tokens come from."""
        return bool(getattr(getattr(self, (self.request.method or "").lower(), None), "__allow_unauthenticated", False))

    def initialize(self, **options: Any) -> None:
        super().initialize(**options)
        self._body = Body(self, self.max_body)
        self._limits: dict[str, str] = {}

    async def prepare(self) -> None:  # type: ignore[override,unused-ignore]
        self._in_flight = True
        self.app.drain.requests += 1
        try:
            self.app.drain.check(begins_something=self.begins_something)
            protection = await self.app.protection()
            self.request.connection.set_body_timeout(self._body.time_s(protection.client_timeout_s))
            await self._admitted(protection)
            self._body.check_headers()
        except Exception as error:
            if not self._body.small():
                raise
            self._body.refused = error
            self._tell_later(error)

    def _tell_later(self, error: Exception) -> None:
        async def refused(*_args: object, **_kwargs: object) -> None:
            self._body.has_ended = True
            raise error

        setattr(self, str(self.request.method).lower(), refused)

    @property
    def begins_something(self) -> bool:
        """Whether a server that is about to stop says no; reading and cancelling go on."""
        return self.request.method in ("POST", "PUT", "PATCH")

    def on_finish(self) -> None:
        super().on_finish()
        self.ended()

    def ended(self) -> None:
        """A server that is about to stop need not wait for this any more; may be called again."""
        if self._in_flight:
            self._in_flight = False
            self.app.drain.requests -= 1

    def data_received(self, chunk: bytes) -> None:
        self._body.take(chunk)

    async def _admitted(self, protection: Protection) -> None:
        """Who asks, and whether it may now: by login, scope and what it has used up."""
        credential = self.request.headers.get("Authorization", "")
        protection.before(self.request.remote_ip, "" if self._is_owners(credential) else credential)
        try:
            await self._known()
        except (HTTPError, PlutoError) as error:
            if status_of(error) in (401, 403) and getattr(self, "_jupyter_current_user", None) is None:
                protection.refused(self.request.remote_ip)
            if isinstance(error, Unauthenticated):
                taken = await self.in_thread(issuers, self.app.places)
                self.metadata = metadata_url(self) if taken else ""
            raise
        if self.caller is None:
            if getattr(self, "_jupyter_current_user", None) is not None:
                self._limits = protection.admit_owner()
        else:
            protection.accepted(credential)
            allowance = protection.allowance(self.caller)
            if allowance is None:
                allowance = await self.in_thread(protection.learn, self.caller)
            self.allowance = allowance
            method = self.request.method or ""
            kind = self.counts_as.get(method, "reads" if method in ("GET", "HEAD", "OPTIONS") else "writes")
            # What came by the lane and goes on here has been counted there.
            admitted = getattr(self.request, "admitted", None)
            self._limits = protection.admit(self.caller, allowance, kind, paid=self.paid) \
                if admitted is None else admitted
        self._tell_limits(self._limits)
        self._check_scope()

    def _tell_limits(self, found: Mapping[str, str]) -> None:
        if "RateLimit-Policy" in found:
            self.set_header("RateLimit-Policy", found["RateLimit-Policy"])
        if "RateLimit" in found:
            self.set_header("RateLimit", found["RateLimit"])

    def _is_owners(self, credential: str) -> bool:
        token = getattr(super().identity_provider, "token", "")
        return bool(token) and compare_digest(credential.partition(" ")[2].strip().encode(), token.encode())

    def _check_scope(self) -> None:
        if self.caller is not None:
            method = self.request.method or ""
            scope = self.scopes.get(method)
            if getattr(type(self), method.lower(), None) is PlutoHandler._unimplemented_method:
                return  # 405, whoever asks
            if scope is None:
                self.must_be_owner()
            if scope:
                self.must_have(scope)

    def must_be_owner(self) -> None:
        if self.caller is not None:
            raise HTTPProblem(403, "Only the owner of the workspace may do this.",
                              hint="A key reads what its roles may: /tables, /query.")

    async def mind(self, place: Place) -> dict[str, str]:
        """Why somebody sees nothing who has done nothing wrong: a member of the answer; none for the owner."""
        if self.caller is None:
            return {}
        found = await self.in_thread(place.policy.current)
        return {} if found.policy is not None else {"mind": NOT_IN_FORCE}

    def spender(self) -> Spend | None:
        """For what goes on when this request has been answered."""
        if self.caller is None or self.allowance is None:
            return None
        return partial(self.app.protecting.spend, self.caller, self.allowance)

    def spend(self, *, rows: int = 0, seconds: float = 0.0) -> None:
        """Counts what this request has cost, from any thread; nothing for the owner."""
        if self.caller is not None and self.allowance is not None:
            self.app.protecting.spend(self.caller, self.allowance, rows=rows, seconds=seconds)

    async def _known(self) -> None:
        """Who asks. Raises Unauthenticated where Jupyter would say 403 (RFC 9110 15.5.2: 401 asks for credentials)."""
        if self.get_query_argument("access_token", None) is not None:
            self.refusal = 'error="invalid_request"'
            raise HTTPProblem(400, "A token in the address would stand in logs and histories; it is not looked at.",
                              hint="Send it as a header: Authorization: Bearer <token>")
        try:
            waiting = super().prepare()
            if waiting is not None:
                await waiting
        except HTTPError as error:
            # 404 is what it says to pages of other origins.
            if error.status_code not in (403, 404) or self.current_user is not None or not self.check_host():
                raise
        if self.current_user is None and not self.is_open:
            raise Unauthenticated(
                "What was sent as Authorization is not known here." if credentials(self) else
                "Nothing was sent that says who asks.",
                hint="Send an API key or an access token (Authorization: Bearer <key>), or the server's own token "
                     "(Authorization: token <token>; `jupyter server list` shows it).")

    @property
    def content_security_policy(self) -> str:
        """Jupyter's own, which it puts together anew for each answer."""
        known = self.app.content_policies
        found = known.get(type(self))
        if found is None:
            found = known[type(self)] = str(super().content_security_policy)
        return found

    def check_host(self) -> bool:
        """Jupyter's own rule; what it let in once needs no second look, as its settings stay as they are."""
        hosts = self.app.hosts
        if self.request.host in hosts:
            return True
        allowed: bool = super().check_host()
        if allowed and len(hosts) < MOST_HOSTS:
            hosts.add(self.request.host)
        return allowed

    def _log(self) -> None:
        """Jupyter makes a line of each good answer before its log says that it wants none."""
        if (self.get_status() < 300 or self.get_status() == 304) and not is_told(self.log, logging.DEBUG):
            told = self.settings.get("log_function")
            if isinstance(told, partial) and told.func is log_request:
                if told.keywords.get("record_prometheus_metrics", True):
                    prometheus_log_method(self)
                return
        super()._log()

    def set_default_headers(self) -> None:
        super().set_default_headers()
        cors.answer(self)

    def set_cors_headers(self) -> None:
        """Done already; Jupyter's own way would answer any origin that sends a good token."""

    def flush(self, include_footers: bool = False) -> Any:
        if not self._headers_written and (told := cors.vary(self, str(self._headers.get("Vary", "")))):
            self.set_header("Vary", told)
        written = super().flush(include_footers)
        stream = getattr(self.request.connection, "stream", None)
        if not written.done() and stream is not None:
            watch(stream, written, self.app.client_timeout_s, self.stalled)
        return written

    @allow_unauthenticated  # type: ignore[untyped-decorator]
    def options(self, *_path: str) -> None:
        cors.preflight(self)

    def must_have(self, scope: str) -> None:
        """Nothing for the owner; raises HTTPProblem for a key without the scope."""
        if self.caller is not None and scope not in self.caller.scopes:
            self.refusal = f'error="insufficient_scope", scope="{scope}"'
            raise HTTPProblem(403, f"The {self.caller.what} does not have the scope {scope}.", hint=(
                f"The owner can make one that has: pluto-duck keys create NAME --scope {scope}"
                if self.caller.what == "key" else
                "Ask its issuer for one that has; the owner's setting auth.scopes can give it for another scope."))

    @property
    def actor(self) -> Actor | None:
        """None: the owner."""
        return self.caller.actor if self.caller is not None else None

    @property
    def app(self) -> PlutoDuckApp:
        return self.settings["pluto_duck"]  # type: ignore[no-any-return]

    @property
    def request_id(self) -> str:
        if not hasattr(self, "_request_id"):
            self._request_id = os.urandom(16).hex()
        return self._request_id

    async def must_be_let(self, resource: str) -> None:
        """Besides what `guarded` asks: whether the Authorizer lets this person change `resource`, too."""
        allowed = self.authorizer.is_authorized(self, self.current_user, "write", resource)
        if not (await allowed if isawaitable(allowed) else allowed):
            raise HTTPProblem(403, f"The server's authorizer does not let {self.current_user.username} do this.",
                              hint=f"Its rule for the resource {resource} decides.")

    async def in_thread(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Keys and tokens have only some of the threads each, so that no one holds them all."""
        if self.caller is None:
            return await self.app.in_thread(function, *args, **kwargs)
        async with self.app.protecting.turns.of(self.caller.actor.identity):
            return await self.app.in_thread(function, *args, **kwargs)

    async def place(self, name: str | None = None) -> Place:
        """The workspace that the request names, else the default one; a key has one alone."""
        named = name or self.get_query_argument("workspace", None)
        if self.caller is not None:
            if named not in (None, self.caller.workspace):
                raise unknown_name("workspace", str(named), [self.caller.workspace], where=f"this {self.caller.what}")
            named = self.caller.workspace
        found = self.app.places.at_hand(named)
        return found if found is not None else await self.in_thread(self.app.places.get, named)

    async def place_of_run(self, run_id: str) -> tuple[Place, Run]:
        """The place that has the run. Raises RunNotFound, for a key for every run but its own."""
        named, self.trail.run = self.get_query_argument("workspace", None), run_id
        if self.caller is not None:
            named = (await self.place()).name
        place, run = await self.in_thread(self.app.places.of_run, run_id, named)
        if self.caller is not None and run.actor != self.caller.actor.identity:
            raise RunNotFound(f'There is no run "{run_id}".', run_id=run_id)
        return place, run

    def stalled(self) -> None:
        """The client has taken nothing for too long, and its connection is about to be closed."""
        self.log.warning("%s %s: the client took nothing for %g s and is cut off", self.request.method,
                         self.request.path, self.app.client_timeout_s)

    # -- in ---------------------------------------------------------------------------------------

    def json_object(self, known: Mapping[str, tuple[type, ...]]) -> dict[str, Any]:
        """The body, which must be a JSON object with no other members than `known`, each of its types."""
        try:
            body = json.loads(self.request.body.decode("utf-8"))
            json.dumps(body, ensure_ascii=False).encode()  # "\ud800" is JSON, but no text
        except ValueError as error:
            raise HTTPProblem(400, f"The body is not JSON: {error}.",
                              hint='For example: {"sql": "select 42"}') from None
        except RecursionError:
            raise HTTPProblem(400, "The body is nested too deep.", hint='For example: {"sql": "select 42"}') from None
        if not isinstance(body, dict):
            raise UsageError("The body must be a JSON object.", hint='For example: {"sql": "select 42"}')
        for name, value in body.items():
            if name not in known:
                close = nearest(name, known)
                raise UsageError(f'"{name}" is no member of this request.',
                                 hint=f'Did you mean "{close[0]}"?' if close else f"Known: {', '.join(known)}.")
            if not isinstance(value, known[name]) or (isinstance(value, bool) and bool not in known[name]):
                wanted = " or ".join(_JSON_NAMES[one] for one in known[name] if one is not type(None))
                raise UsageError(f'"{name}" must be {wanted}.', name=name)
        return body

    def integer(self, name: str, default: int | None, *, least: int, most: int) -> int | None:
        """A whole number of the query string."""
        text = self.get_query_argument(name, None)
        if text is None:
            return default
        try:
            value = int(text)
        except ValueError:
            raise UsageError(f"{name}={text} is not a whole number.", name=name) from None
        if not least <= value <= most:
            raise UsageError(f"{name} must be from {least} to {most}.", name=name)
        return value

    def wait_s(self) -> float:
        """How long the answer may be waited for, by `wait=`."""
        text = self.get_query_argument("wait", "0")
        try:
            wait_s = float(text)
        except ValueError:
            wait_s = -1.0
        if not 0 <= wait_s <= MAX_WAIT_S:
            raise UsageError(f"wait={text} must be seconds from 0 to {MAX_WAIT_S:g}.", name="wait")
        return wait_s

    def accepted(self, offered: tuple[str, ...]) -> str:
        """The best of the offered types by the Accept header (RFC 9110 12.5.1); the first when it has none."""
        header = self.request.headers.get("Accept", "").strip()
        best, best_quality = "", 0.0
        ranges = [_media_range(one) for one in header.split(",") if one.strip()] or [("*/*", 1.0)]
        for kind in offered:
            fits = [(len(pattern) if "*" not in pattern else pattern.count("/") - pattern.count("*"), quality)
                    for pattern, quality in ranges if _fits(kind, pattern)]
            quality = max(fits)[1] if fits else 0.0  # the most specific range decides
            if quality > best_quality:
                best, best_quality = kind, quality
        if not best:
            raise HTTPProblem(406, f"Nothing here can be sent as {header}.", hint=f"Accept: {', '.join(offered)}",
                              available=list(offered))
        return best

    # -- out --------------------------------------------------------------------------------------

    def send(self, body: Mapping[str, Any], status: int = 200) -> None:
        self.set_status(status)
        self.set_header("Cache-Control", self.caching)
        self.finish(json.dumps(body, ensure_ascii=False, default=str))

    def send_made(self, place: Place, at: tuple[str, str], body: Mapping[str, Any]) -> None:
        """201, and where it is from now on."""
        self.set_header("Location", self.url(*at, workspace=self.get_query_argument("workspace", None)))
        self.send({"workspace": place.name, **body}, 201)

    def send_started(self, place: Place, run: Run) -> None:
        """202, and where the run is followed; it is on record with the request."""
        self.trail.run = run.run_id
        url = self.url("query", run.run_id, workspace=self.get_query_argument("workspace", None))
        self.set_header("Location", url)
        self.send({"run_id": run.run_id, "status": run.status, "workspace": place.name, "links": {"self": url}}, 202)

    def say_age(self, run: Run) -> None:
        """Of rows that came from a snapshot: Age is how many seconds old they are now (RFC 9111 5.1)."""
        as_of = run.facts.get("as_of")
        if as_of:
            import datetime as dt

            age_s = (dt.datetime.now(dt.UTC) - dt.datetime.fromisoformat(as_of)).total_seconds()
            self.set_header("Age", str(max(0, int(age_s))))
            self.set_header("Pluto-As-Of", as_of)

    def url(self, *parts: str, **query: object) -> str:
        """An address of ours, from the server's root on."""
        path = self.base_url.rstrip("/") + "/api/v1/" + "/".join(quote(one, safe="") for one in parts)
        asked = "&".join(f"{name}={quote(str(value), safe='')}" for name, value in query.items() if value is not None)
        return f"{path}?{asked}" if asked else path

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        error = (kwargs.get("exc_info") or (None, None, None))[1]
        status = status_of(error, status_code)
        self.set_status(status)
        self.set_header("Cache-Control", "no-store")
        self.clear_header("ETag")
        if status == 405:
            self.set_header("Allow", ", ".join(self.allowed()))
        if self._body.unread:
            self.set_header("Connection", "close")  # tornado ends it; who keeps connections must know
        self._tell_limits({**self._limits, **(error.headers if isinstance(error, HTTPProblem) else {})})
        if isinstance(error, PlutoError) and (error.transient or "retry_after_s" in error.facts):
            self.set_header("Retry-After", str(error.facts.get("retry_after_s", 1)))
        if status == 401 or self.refusal:
            self.set_header("WWW-Authenticate", challenge(self, error))
        if status in (401, 403, 429) and isinstance(error, PlutoError) and not self.trail.denied:
            self.trail.denied = error.message
        body = problem(error, status, instance=self.request.path, request_id=self.request_id)
        self.finish(json.dumps(body), set_content_type="application/problem+json")

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        if isinstance(value, PlutoError):
            self.log.info("%s %s: %s", self.request.method, self.request.path, value)
        else:
            super().log_exception(typ, value, tb)
            if not isinstance(value, HTTPError):
                self.log.error("request_id %s", self.request_id)

    def allowed(self) -> list[str]:
        methods = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
        missing = RequestHandler.__module__  # tornado's own stand-in for what a handler does not have
        return [*(one for one in methods if getattr(self, one.lower()).__module__ != missing), "OPTIONS"]


_JSON_NAMES = {str: "text", int: "a whole number", float: "a number", bool: "true or false",
               dict: "an object", list: "a list"}


def _media_range(text: str) -> tuple[str, float]:
    pattern, *parameters = (one.strip().lower() for one in text.split(";"))
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return pattern, float(parameter[2:])
            except ValueError:
                return pattern, 0.0
    return pattern, 1.0


def _fits(kind: str, pattern: str) -> bool:
    if pattern == "*/*":
        return True
    return kind.split("/")[0] == pattern[:-2] if pattern.endswith("/*") else kind == pattern


class NotFoundHandler(PlutoHandler):
    """Whatever else is asked for under /api/v1."""

    scopes: ClassVar = dict.fromkeys(("GET", "POST", "PUT", "PATCH", "DELETE"), "")
    """A key or token hears that its address is wrong, not that the owner alone may use it."""

    @guarded
    async def get(self) -> None:
        raise HTTPProblem(404, f"There is nothing at {self.request.path}.",
                          hint="GET /api/v1/health, /api/v1/tables, /api/v1/query, /api/v1/workspaces")

    post = put = patch = delete = get
