"""What partners do about their webhooks themselves, below /partner/webhooks. What is another's does not exist."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated, Any, Final, TypeAlias

from litestar import Response
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta, Struct

from gateway.authority import AuthorityError
from gateway.partner.door import Answer, Handler, PartnerDoor, Visit
from gateway.store.faults import StoreError
from gateway.store.store import Store
from gateway.store.webhooks import Deliveries, Delivery, Endpoint, Endpoints
from gateway.webhooks.address import URL_CHARACTERS_MAX, url_fault
from gateway.webhooks.authority import EndpointFault, EndpointSecret, NewEndpoint, WebhookAuthority
from gateway.webhooks.shown import shown_delivery, shown_endpoint

SHOWN_MAX: Final = 100
"""The latest deliveries that are shown of an endpoint."""


class WantedEndpoint(Struct, frozen=True, forbid_unknown_fields=True):
    """What is posted to add one; no events are all of them."""

    url: Annotated[str, Meta(min_length=1, max_length=URL_CHARACTERS_MAX)]
    events: Annotated[tuple[Annotated[str, Meta(max_length=128)], ...], Meta(max_length=64)] = ()


_OfEndpoint: TypeAlias = Callable[[Visit, Endpoint], Awaitable[Answer]]


class WebhookPages(Struct, frozen=True):
    """The handlers, over the store and what changes it. `plain`: endpoints of partners may be http without TLS."""

    store: Store
    authority: WebhookAuthority
    plain: bool

    async def list(self, visit: Visit) -> Answer:
        """Every endpoint of the caller's partner."""
        found = await Endpoints(self.store).all(visit.grant.partner)
        return visit.answer({"webhooks": [shown_endpoint(each, visit.time_us) for each in found]})

    async def add(self, visit: Visit) -> Answer:
        """A new one, with its secret."""
        wanted = await visit.body(WantedEndpoint)
        if isinstance(wanted, Response):
            return wanted
        if fault := url_fault(wanted.url, plain=self.plain):
            return visit.invalid_member("url", fault)
        new = NewEndpoint(visit.grant.partner, wanted.url, wanted.events, visit.grant.client)
        return _with_secret(visit, await self.authority.add(new), 201)

    async def show(self, visit: Visit, endpoint: Endpoint) -> Answer:
        """One of them."""
        return visit.answer(shown_endpoint(endpoint, visit.time_us))

    async def remove(self, visit: Visit, endpoint: Endpoint) -> Answer:
        """Nothing goes there any more."""
        await self.authority.remove(endpoint)
        return visit.answer({"id": endpoint.id, "state": "removed"})

    async def rotate(self, visit: Visit, endpoint: Endpoint) -> Answer:
        """Another secret."""
        return _with_secret(visit, await self.authority.rotate(endpoint), 200)

    async def test(self, visit: Visit, endpoint: Endpoint) -> Answer:
        """An event of type webhook.test."""
        made = await self.authority.test(endpoint)
        return visit.answer(shown_delivery(made), 202) if isinstance(made, Delivery) else _refused(visit, made)

    async def deliveries(self, visit: Visit, endpoint: Endpoint) -> Answer:
        """The latest deliveries to it, each with how its last attempt ended."""
        found = await Deliveries(self.store).latest(SHOWN_MAX, endpoint=endpoint.id)
        return visit.answer({"deliveries": [shown_delivery(each) for each in found]})

    async def replay(self, visit: Visit, endpoint: Endpoint) -> Answer:
        """One delivery once more."""
        deliveries, delivery_id = Deliveries(self.store), visit.request.path_params["delivery"]
        found = await deliveries.find(delivery_id)
        if found is None or found.endpoint != endpoint.id:
            return visit.problem("not-found")
        if fault := await self.authority.replay(found):
            return _refused(visit, fault)
        again = await deliveries.find(delivery_id)
        return visit.answer(shown_delivery(again or found), 202)

    def of_endpoint(self, handle: _OfEndpoint) -> Handler:
        """A handler of one endpoint, which has to be the caller's."""

        async def found(visit: Visit) -> Answer:
            endpoint = await Endpoints(self.store).find(visit.request.path_params["endpoint"])
            if endpoint is None or endpoint.partner != visit.grant.partner:
                return visit.problem("not-found")
            return await handle(visit, endpoint)

        return found


def webhook_routes(
    door: PartnerDoor, store: Store, authority: WebhookAuthority, *, plain: bool
) -> list[HTTPRouteHandler]:
    """The routes, for gateway/doors.py. `plain`: whether the operator admits networks that http may go to."""
    pages = WebhookPages(store, authority, plain)
    one, root = pages.of_endpoint, "/partner/webhooks"
    routes: dict[str, dict[str, Handler]] = {
        root: {"GET": pages.list, "POST": pages.add},
        f"{root}/{{endpoint:str}}": {"GET": one(pages.show), "DELETE": one(pages.remove)},
        f"{root}/{{endpoint:str}}/rotate": {"POST": one(pages.rotate)},
        f"{root}/{{endpoint:str}}/test": {"POST": one(pages.test)},
        f"{root}/{{endpoint:str}}/deliveries": {"GET": one(pages.deliveries)},
        f"{root}/{{endpoint:str}}/deliveries/{{delivery:str}}/replay": {"POST": one(pages.replay)},
    }
    return [
        made
        for path, handlers in routes.items()
        for made in door.routes(path, {method: partial(unless_down, each) for method, each in handlers.items()})
    ]


async def unless_down(handler: Handler, visit: Visit) -> Answer:
    """A handler's answer, or that the store or the log cannot be used: then nothing was changed."""
    try:
        return await handler(visit)
    except StoreError:
        return visit.problem("state-unavailable", headers={"Retry-After": "5"})
    except AuthorityError:
        return visit.problem("log-unavailable", headers={"Retry-After": "5"})


def _with_secret(visit: Visit, made: EndpointSecret | EndpointFault, status: int) -> Answer:
    if isinstance(made, EndpointFault):
        return _refused(visit, made)
    shown: dict[str, Any] = shown_endpoint(made.endpoint, visit.time_us)
    return visit.answer(shown | {"secret": made.secret.reveal()}, status)


def _refused(visit: Visit, fault: EndpointFault) -> Answer:
    if fault.field:
        return visit.invalid_member(fault.field, fault.words)
    return visit.problem("conflict", detail=fault.words[visit.language])
