"""clausegate webhooks: where the hub and its partners are told what happens, and what became of it."""

import time
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from gateway.commands.default_group import with_default
from gateway.commands.terminal import EXIT_FOUND, Folder, FormatOption, fail, open_workspace, out, print_json, printable

if TYPE_CHECKING:
    from gateway.authority import Administration
    from gateway.store.webhooks import Endpoint
    from gateway.webhooks.authority import EndpointFault, EndpointSecret, WebhookAuthority
    from gateway.webhooks.sending import Attempt
    from gateway.workspace import Workspace

NAME = "webhooks"
app = typer.Typer(
    name=NAME,
    cls=with_default("list"),
    help="Signed webhooks: endpoints of the hub and of partners, their deliveries, and e-mail that waits.",
    no_args_is_help=True,
)
EndpointId = Annotated[str, typer.Argument(metavar="ID", help="The endpoint.")]
State = Literal["pending", "delivered", "dead", "cancelled"]
_MEANS = {
    "address": "its name leads nowhere, or to an address that is neither public nor admitted by a setting",
    "unreachable": "no connection, or TLS that cannot be verified",
    "timeout": "no answer in time",
    "broken": "the connection ended before an answer",
    "secret": "the secret was sealed in another state store",
}
"""What an attempt failed of, for people; `docs/webhooks.md` has all of them."""


@app.command("list")
def list_all(
    folder: Folder,
    *,
    partner: Annotated[str | None, typer.Option("--partner", metavar="ID", help="Those of this partner alone.")] = None,
    output: FormatOption = "text",
) -> None:
    """List endpoints, those of the hub and of every partner. `webhooks DIR` means the same."""
    from gateway.commands.reading import reading
    from gateway.commands.tables import print_rows, table
    from gateway.store.webhooks import Endpoints

    found = reading(open_workspace(folder), lambda store: Endpoints(store).all(partner))
    if output == "json":
        print_json({"webhooks": [_document(each) for each in found]})
        return
    rows = table("endpoint", "of", "state", "events", "URL")
    for each in found:
        events = ", ".join(each.events) or "all"
        rows.add_row(*map(printable, (each.id, each.partner or "hub", each.state, events, each.url)))
    print_rows(rows, "there is no endpoint; `clausegate webhooks add` adds one")


@app.command()
def add(
    folder: Folder,
    *,
    url: Annotated[str, typer.Option("--url", metavar="URL", help="Where to: https.")],
    partner: Annotated[str, typer.Option("--partner", metavar="ID", help="Whose it is; without, the hub's.")] = "",
    event: Annotated[
        list[str] | None,
        typer.Option("--event", metavar="TYPE", help="Such as task.created, or task for all of them; may be repeated."),
    ] = None,
    output: FormatOption = "text",
) -> None:
    """Add an endpoint. Its secret is shown this once. Without `--event` it is told everything that concerns its owner.

    Who is told what is a record on the audit log before anything is sent.
    """
    from gateway.commands.acting import account
    from gateway.webhooks.authority import NewEndpoint

    workspace = open_workspace(folder)
    if partner and partner not in workspace.plans.partners():
        fail(f"there is no partner {partner}; there are: {', '.join(workspace.plans.partners())}")
    setting, networks = _admitted(workspace, partner)
    if url.lower().startswith("http://") and not networks:
        fail(f"plain http goes to networks of the setting {setting} alone, and there is none: use https")
    new = NewEndpoint(partner, url, tuple(event or ()), account())

    async def work(administration: "Administration") -> "EndpointSecret | EndpointFault":
        return await (await _authority(administration)).add(new)

    _show_secret(_administer(workspace, work), as_json=output == "json")


@app.command()
def remove(folder: Folder, endpoint: EndpointId) -> None:
    """Remove an endpoint: nothing goes there any more, and what waits for it is cancelled."""
    workspace = open_workspace(folder)
    found = _found(workspace, endpoint)

    async def work(administration: "Administration") -> bool:
        return await (await _authority(administration)).remove(found)

    _administer(workspace, work)
    out().print(f"{endpoint} is removed")


@app.command()
def rotate(folder: Folder, endpoint: EndpointId, *, output: FormatOption = "text") -> None:
    """Give an endpoint another secret. For a day both sign, so that the change needs no outage."""
    workspace = open_workspace(folder)
    found = _found(workspace, endpoint)

    async def work(administration: "Administration") -> "EndpointSecret | EndpointFault":
        return await (await _authority(administration)).rotate(found)

    _show_secret(_administer(workspace, work), as_json=output == "json")


@app.command("test")
def try_out(folder: Folder, endpoint: EndpointId, *, output: FormatOption = "text") -> None:
    """Post an event of type webhook.test to an endpoint now, once, and say what it answered.

    Exit status 1 when it did not take it. It is no delivery of the outbox, and is not repeated.
    """
    workspace = open_workspace(folder)
    attempt = _attempt(workspace, _found(workspace, endpoint))
    if output == "json":
        print_json({"status": attempt.status or None, "fault": attempt.fault or None})
    else:
        told = f", {_MEANS[attempt.fault]}" if attempt.fault in _MEANS else ""
        out().print(f"{endpoint}: {_ended(attempt.status, attempt.fault)}{told}", soft_wrap=True)
    if attempt.fault:
        raise typer.Exit(EXIT_FOUND)


@app.command()
def deliveries(
    folder: Folder,
    *,
    endpoint: Annotated[str | None, typer.Option("--endpoint", metavar="ID", help="Those to this endpoint.")] = None,
    state: Annotated[State | None, typer.Option("--state", help="Those in this state.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="So many, the latest.")] = 50,
    output: FormatOption = "text",
) -> None:
    """List deliveries, the latest first: what waits, what arrived, and what is dead after its last attempt."""
    from gateway.commands.reading import reading
    from gateway.commands.tables import print_rows, table
    from gateway.store.webhooks import Deliveries
    from gateway.webhooks.notify import rfc3339
    from gateway.webhooks.shown import shown_delivery

    workspace = open_workspace(folder)
    found = reading(workspace, lambda store: Deliveries(store).latest(limit, endpoint=endpoint, state=state))
    if output == "json":
        print_json({"deliveries": [shown_delivery(each) for each in found]})
        return
    rows = table("delivery", "event", "to", "state", "attempts", "last answer", "created")
    for each in found:
        ended = _ended(each.status, each.fault) if each.attempts else ""
        to = each.endpoint or "e-mail"
        rows.add_row(each.id, each.event, to, each.state, str(each.attempts), ended, rfc3339(each.created_us))
    print_rows(rows, "there is no delivery" if endpoint is state is None else "there is no such delivery")


@app.command()
def replay(
    folder: Folder,
    delivery: Annotated[str, typer.Argument(metavar="DELIVERY", help="The delivery; or `dead` for all dead ones.")],
    *,
    endpoint: Annotated[str | None, typer.Option("--endpoint", metavar="ID", help="Of `dead`, those to it.")] = None,
) -> None:
    """Deliver once more what arrived or is dead, under the same webhook-id; the gateway that serves does it."""
    from gateway.commands.reading import reading
    from gateway.store.webhooks import Deliveries

    workspace = open_workspace(folder)
    if delivery == "dead":
        chosen = reading(workspace, lambda store: Deliveries(store).latest(10_000, endpoint=endpoint, state="dead"))
    else:
        found = reading(workspace, lambda store: Deliveries(store).find(delivery))
        chosen = (found or fail(f"there is no delivery {delivery}; `clausegate webhooks deliveries` lists them"),)

    async def work(administration: "Administration") -> "list[EndpointFault | None]":
        authority = await _authority(administration)
        return [await authority.replay(each) for each in chosen]

    faults = [fault for fault in _administer(workspace, work) if fault is not None]
    if faults and len(chosen) == 1:
        fail(f"{delivery}: {faults[0].words['en']}")
    out().print(f"{len(chosen) - len(faults)} of {len(chosen)} to be delivered again")


async def _authority(administration: "Administration") -> "WebhookAuthority":
    from gateway.webhooks.authority import WebhookAuthority, load_sealing

    sealing = await load_sealing(administration.store, int(time.time()))
    return WebhookAuthority(administration.store, administration.writer, sealing)


def _administer(workspace: "Workspace", work: Any) -> Any:
    from gateway.commands.administering import administer

    return administer(workspace, work)


def _attempt(workspace: "Workspace", endpoint: "Endpoint") -> "Attempt":
    """One attempt at once, from here, which is no delivery of the outbox."""
    from gateway.commands.reading import reading
    from gateway.store.store import Store
    from gateway.webhooks.address import Resolver, Resolvers, networks_of
    from gateway.webhooks.authority import load_sealing
    from gateway.webhooks.delivering import signing_keys
    from gateway.webhooks.notify import deliveries_of
    from gateway.webhooks.sending import Message, Sender, Target

    now_us = time.time_ns() // 1000
    event = ("webhook.test", endpoint.partner, {"endpoint": endpoint.id}, now_us)
    (made,) = deliveries_of((endpoint.id,), *event)
    target = Target(endpoint.url, endpoint.partner)
    setting, networks = _admitted(workspace, endpoint.partner)
    try:
        resolver = Resolver(networks_of(networks))
    except ValueError as error:
        fail(f"clausegate.toml, {setting}: {error}")

    async def attempt(store: Store) -> "Attempt":
        keys = signing_keys(endpoint, await load_sealing(store, now_us // 1_000_000), now_us)
        sender = Sender(Resolvers(resolver, resolver))  # both: there is one endpoint
        try:
            return await sender.send(target, keys, Message(made.message, made.body), now_us)
        finally:
            await sender.close()

    return reading(workspace, attempt)


def _admitted(workspace: "Workspace", partner: str) -> tuple[str, tuple[str, ...]]:
    """Which setting admits private networks for endpoints of a partner ("" is the hub), and which it admits."""
    if partner:
        return "partner_webhook_networks", workspace.settings.partner_webhook_networks
    return "webhook_networks", workspace.settings.webhook_networks


def _found(workspace: "Workspace", endpoint_id: str) -> "Endpoint":
    from gateway.commands.reading import reading
    from gateway.store.webhooks import Endpoints

    found = reading(workspace, lambda store: Endpoints(store).find(endpoint_id))
    return found or fail(f"there is no endpoint {endpoint_id}; `clausegate webhooks` lists all")


def _document(endpoint: "Endpoint") -> dict[str, Any]:
    from gateway.webhooks.shown import shown_endpoint

    shown = shown_endpoint(endpoint, time.time_ns() // 1000)
    return shown | {"partner": endpoint.partner or None, "creator": endpoint.creator}


def _show_secret(made: "EndpointSecret | EndpointFault", *, as_json: bool) -> None:
    from gateway.webhooks.authority import EndpointFault

    if isinstance(made, EndpointFault):
        message = made.words["en"]
        fail(f"--{made.field.removesuffix('s')}: {message}" if made.field else message)
    secret = made.secret.reveal()
    if as_json:
        print_json(_document(made.endpoint) | {"secret": secret})
        return
    out().print(f"{made.endpoint.id}: {made.endpoint.url}", markup=False, soft_wrap=True)
    out().print(f"secret  {secret}\n[dim]Keep it: it is shown this once.[/]", soft_wrap=True)


def _ended(status: int, fault: str) -> str:
    """How an attempt ended, in words."""
    if not fault:
        return f"delivered ({status})"
    return f"failed: {fault} ({status})" if status else f"failed: {fault}"
