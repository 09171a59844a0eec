"""`webhooks create|list|show|update|...|run`: who else is told of changes, over HTTP."""

from __future__ import annotations

import json
import re
import threading
from typing import TYPE_CHECKING, Any

import click

from pluto_duck.commands import Door, Facts, Rows, only_in_a_shell
from pluto_duck.commands.asking import Format, _format, formatted
from pluto_duck.commands.group import SECTIONS, Whole, family
from pluto_duck.commands.keys import span
from pluto_duck.errors import UsageError

if TYPE_CHECKING:
    from pluto_duck.events.webhooks.model import Webhook
    from pluto_duck.session.webhooks import Asked, Hooks


def hooks(door: Door) -> Hooks:
    from pluto_duck.session.webhooks import Hooks

    session = door.open_session()
    return Hooks.of(session.workspace, session.control, session.settings)


def when(seconds: float | None) -> str:
    from pluto_duck.governance.keys import when as told

    return told(None if seconds is None else int(seconds))


@family(SECTIONS[3], "webhooks create https://hooks.example.com/orders --tables orders --ops insert,update",
        'webhooks create https://hooks.example.com/live --tables orders --when "status: PROPOSED -> ACTIVE"',
        "webhooks list", "webhooks deliveries ID")
def webhooks(context: click.Context) -> object:
    """Webhooks: who is told of changes over HTTP, signed. Without a verb: the list."""
    return context.invoke(list_, format_="table") if context.invoked_subcommand is None else None


@webhooks.verb("webhooks list", name="list")
@_format
def list_(door: Door, format_: Format) -> object:
    """The webhooks, oldest first: where each goes, what for, and how it is. Never a secret."""
    rows = tuple((one.id, one.wish.url.shown, ", ".join(one.wish.filter.tables), _what(one), _state(one), one.pending)
                 for one in hooks(door).store.all())
    return formatted(Rows(("id", "address", "tables", "what", "state", "waiting"), rows,
                          "There are no webhooks: nobody is told of changes. Make one: "
                          f"{door.program} webhooks create https://hooks.example.com/orders"), format_)


def _what(webhook: Webhook) -> str:
    from pluto_duck.events.model import OPS
    from pluto_duck.events.webhooks.rules import WORDS

    filter = webhook.wish.filter
    words = {op: word for word, op in reversed(WORDS.items())}  # as they are written: the first word of two
    if filter.when:
        return "; ".join(str(one) for one in filter.when)
    return "all changes" if filter.ops == OPS else ", ".join(words.get(one, one) for one in filter.ops)


def _state(webhook: Webhook) -> str:
    if not webhook.sealed:
        return "not made here: sends nothing"
    if webhook.state == "active" and webhook.failing_since is not None:
        return f"failing since {when(webhook.failing_since)}"
    return webhook.state


def _wishes(command: Any) -> Any:
    """What a webhook may be told when it is made and when it is changed."""
    for option in reversed((
            click.option("--tables", metavar="TABLES", help="orders, sales.*; all tracked ones unless given."),
            click.option("--ops", metavar="OPS", help="insert, update, delete, truncate, schema, drop."),
            click.option("--when", multiple=True, metavar="RULE",
                         help='Only such changes: "status: PROPOSED -> ACTIVE". * is any value. May be repeated.'),
            click.option("--as", "roles", multiple=True, metavar="ROLE",
                         help="It gets what this role of policy.yaml sees. May be repeated."),
            click.option("--claim", "claims", multiple=True, metavar="NAME=VALUE",
                         help="What conditions of the policy ask for: region=EU. May be repeated."),
            click.option("--concurrency", type=Whole(1, 16), metavar="N",
                         help="Deliveries on their way at once; 1, the default, keeps their order."))):
        command = option(command)
    return command


def _asked(url: str | None, tables: str | None, ops: str | None, when: tuple[str, ...], roles: tuple[str, ...],
           claims: tuple[str, ...], concurrency: int | None) -> Asked:
    from pluto_duck.commands.policy import actor
    from pluto_duck.session.webhooks import Asked

    if claims and not roles:
        raise UsageError("Claims are asked for by roles.", hint="--as ROLE --claim region=EU")
    return Asked(url, listed(tables), listed(ops), when or None, roles or None,
                 actor(roles, claims).claims if roles else None, concurrency)


def listed(text: str | None) -> list[str] | None:
    return None if text is None else [one.strip() for one in text.split(",") if one.strip()]


@webhooks.verb('webhooks create https://hooks.example.com/live --tables orders --when "status: PROPOSED -> ACTIVE"')
@click.argument("url")
@_wishes
def create(door: Door, url: str, **wished: Any) -> Facts:
    """Make a webhook: it gets what changes from now on. Its secret, to verify with, is shown this once."""
    from pluto_duck.session.webhooks import wish

    known = hooks(door)
    wanted, position, mind = wish(door.open_session(), known, _asked(url, **wished))
    made, secret = known.store.create(wanted, position)
    return _shown(made, (("secret", secret), ("", "Keep it now: it is not shown again.")), mind)


@webhooks.verb("webhooks show ID")
@click.argument("id")
def show(door: Door, id: str) -> Facts:
    """One webhook."""
    return _shown(hooks(door).store.find(id))


@webhooks.verb("webhooks update ID --tables orders,customers", "webhooks update ID --url https://hooks.example.com/new")
@click.argument("id")
@click.option("--url", metavar="URL", help="Another address.")
@_wishes
def update(door: Door, id: str, **wished: Any) -> Facts:
    """Change what is given; the rest, the secret and the place among the changes stay."""
    from pluto_duck.session.webhooks import wish

    known = hooks(door)
    wanted, _, mind = wish(door.open_session(), known, _asked(**wished), known.store.find(id).wish)
    return _shown(known.store.change(id, wanted), (), mind)


@webhooks.verb("webhooks rotate-secret ID --overlap 1d", name="rotate-secret")
@click.argument("id")
@click.option("--overlap", default="1d", show_default=True, metavar="SPAN", help="How long both secrets sign.")
def rotate_secret(door: Door, id: str, overlap: str) -> Facts:
    """Another secret; each delivery is signed with the old one, too, for a while."""
    made, secret = hooks(door).store.rotate(id, overlap_s=span(overlap))
    return _shown(made, (("secret", secret), ("", "Keep it now: it is not shown again.")))


@webhooks.verb("webhooks test ID")
@click.argument("id")
def test(door: Door, id: str) -> Facts:
    """Send a message that tells nothing, now, and show what came back."""
    delivery, attempt = hooks(door).test(id)
    facts = (("message", delivery.message), ("status", str(attempt.status or "none")), ("took", f"{attempt.ms:g} ms"),
             ("said", attempt.said))
    return Facts((("It arrived" if delivery.state == "delivered" else "It did not arrive", facts),),
                 () if delivery.state == "delivered" else ((attempt.error, ""),))


@webhooks.verb("webhooks pause ID")
@click.argument("id")
def pause(door: Door, id: str) -> str:
    """Send nothing for now; changes wait, as long as they are kept."""
    return f"The webhook {hooks(door).store.pause(id).id} is paused."


@webhooks.verb("webhooks resume ID")
@click.argument("id")
def resume(door: Door, id: str) -> str:
    """Go on, also with one that was disabled."""
    found = hooks(door).store.resume(id)
    return f"The webhook {found.id} goes on after change {found.position}."


@webhooks.verb("webhooks delete ID")
@click.argument("id")
def delete(door: Door, id: str) -> str:
    """End a webhook, with what waits for it and its log."""
    found = hooks(door).store.delete(id)
    lost = f" {found.pending} that waited are gone with it." if found.pending else ""
    return f"The webhook {found.id} is deleted.{lost}"


@webhooks.verb("webhooks deliveries ID", "webhooks deliveries ID --state failed", "webhooks deliveries ID --number 17")
@click.argument("id")
@click.option("--state", type=click.Choice(["pending", "delivered", "failed"]), help="Only those.")
@click.option("--number", type=Whole(1), metavar="N", help="One of them, with each attempt.")
@click.option("--limit", type=Whole(1, 10_000), default=50, show_default=True, metavar="N", help="So many at most.")
@_format
def deliveries(door: Door, id: str, state: str | None, number: int | None, limit: int, format_: Format) -> object:
    """What became of them, newest first."""
    known = hooks(door)
    known.store.find(id)
    if number is not None:
        delivery, attempts = known.queue.get(id, number)
        return formatted(Rows(("at", "status", "ms", "error", "said"), tuple(
            (when(one.at), one.status, one.ms, one.error, one.said) for one in attempts),
            f"{delivery.message} was not tried yet."), format_)
    rows = tuple((one.n, one.position, one.type, one.state, one.attempts, one.status, one.error,
                  when(one.due_at if one.state == "pending" else one.done_at))
                 for one in known.queue.log(id, state=state or "", limit=limit))
    return formatted(Rows(("n", "change", "type", "state", "attempts", "status", "error", "at"), rows,
                          "Nothing was sent there."), format_)


@webhooks.verb("webhooks redeliver ID 17", "webhooks redeliver ID 10-40 --failed")
@click.argument("id")
@click.argument("numbers", metavar="N|N-M")
@click.option("--failed", is_flag=True, help="Only those that were given up.")
def redeliver(door: Door, id: str, numbers: str, failed: bool) -> str:
    """Send again what was sent or given up, under the same ids, before what waits."""
    known = hooks(door)
    known.store.find(id)
    count = known.queue.again(id, *reach(numbers), failed_only=failed)
    if not count:
        return f"Nothing there to send again: {door.program} webhooks deliveries {id} lists what there is."
    return f"{count} {'is' if count == 1 else 'are'} sent again."


@webhooks.verb("webhooks skip ID", "webhooks skip ID 17")
@click.argument("id")
@click.argument("number", metavar="[N]", default="")
def skip(door: Door, id: str, number: str) -> str:
    """Give up a delivery that holds up those behind it: the first that waits, or N. It stays in the log."""
    known = hooks(door)
    known.store.find(id)
    n = None
    if number:
        n, last = reach(number)
        if n != last:
            raise UsageError("One at a time is skipped.", hint=f"{door.program} webhooks skip {id} {n}")
    found = known.queue.skip(id, n)
    return (f"Delivery {found.n} is given up (attempts: {found.attempts}); what comes after it is sent. "
            f"{door.program} webhooks redeliver {id} {found.n} sends it after all.")


def reach(text: str) -> tuple[int, int]:
    """Of `17` or `10-40`."""
    found = re.fullmatch(r"([1-9]\d{0,17})(?:-([1-9]\d{0,17}))?", text.strip(), re.ASCII)
    if found is None:
        raise UsageError(f"{text!r} is neither the number of a delivery nor a range of them.", hint="17 or 10-40")
    return int(found[1]), int(found[2] or found[1])


@webhooks.verb("webhooks run")
def run(door: Door) -> str:
    """Deliver until Ctrl-C, where no server does. One process at a time does; a second one waits for its turn."""
    from pluto_duck.session.webhooks_run import deliver

    only_in_a_shell(door, "webhooks run", "it does not end by itself.")
    session, stop = door.open_session(), threading.Event()
    door.say("Delivering; Ctrl-C ends it.")
    try:
        deliver(session.workspace, session.settings, stop, role="shell", label="webhooks run")
    except KeyboardInterrupt:
        stop.set()
    return "Stopped."


def _shown(webhook: Webhook, first: tuple[tuple[str, str], ...] = (), mind: str = "") -> Facts:
    facts = [*first, ("address", webhook.wish.url.shown), ("tables", ", ".join(webhook.wish.filter.tables)),
             ("what", _what(webhook)), ("state", _state(webhook))]
    if webhook.reason:
        facts.append(("why", webhook.reason))
    if webhook.wish.roles is not None:
        facts.append(("as", ", ".join(webhook.wish.roles) + (f" with {json.dumps(dict(webhook.wish.claims))}"
                                                             if webhook.wish.claims else "")))
    facts += [("at once", str(webhook.wish.concurrency)), ("made", when(webhook.created_at)),
              ("after change", str(webhook.position)), ("waiting", str(webhook.pending))]
    for name, told in (("trouble", webhook.trouble), ("mind", mind)):
        if told:
            facts.append((name, told))
    return Facts(((f"Webhook {webhook.id}", tuple(facts)),))
