"""Adds, removes and rotates endpoints: each change is on the audit log before it is made. Then replays deliveries."""

import time
from collections.abc import Callable
from secrets import token_hex
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from gateway.audit.writer import Writer
from gateway.authority import record
from gateway.limits.events import detail_of
from gateway.store.hidden import Hidden
from gateway.store.server_secrets import ServerSecrets
from gateway.store.store import Store
from gateway.store.webhooks import Deliveries, Delivery, Endpoint, Endpoints, put
from gateway.webhooks.address import url_fault
from gateway.webhooks.notify import EVENT_TYPES, deliveries_of
from gateway.webhooks.signing import SEALING_SECRET, Sealing, new_secret
from policies.reference import Words

ENDPOINTS_MAX: Final = 10
"""So many endpoints of one owner: each gets its own copy of every event."""
ROTATION_US: Final = 86_400 * 1_000_000
"""A secret that was replaced signs beside its successor for a day: time enough to bring the new one out."""
_GROUPS: Final = frozenset(each.partition(".")[0] for each in EVENT_TYPES)


class NewEndpoint(Struct, frozen=True):
    """An endpoint to add. `partner` is "" for the hub, `creator` the client or the account that asks."""

    partner: str
    url: str
    events: tuple[str, ...]
    creator: str


class EndpointFault(Struct, frozen=True):
    """Nothing was changed. `field` is what is wrong in what was asked, "" for the state of things."""

    words: Words
    field: str = ""


_EVENTS: Final = ", ".join(sorted({*EVENT_TYPES, *_GROUPS}))
_UNKNOWN_EVENT: Final[Words] = {"zh": f"事件为：{_EVENTS}", "en": f"events are: {_EVENTS}"}
_TOO_MANY: Final[Words] = {
    "zh": f"已有 {ENDPOINTS_MAX} 个端点：请先移除一个",
    "en": f"there are {ENDPOINTS_MAX} endpoints already: remove one first",
}
_CHANGED: Final[Words] = {
    "zh": "密钥在同一时刻已由他人更改",
    "en": "the secret was changed by somebody else at the same moment",
}
_GONE: Final[Words] = {
    "zh": "该端点应答过 410 Gone：请移除后重新添加",
    "en": "the endpoint answered 410 Gone: remove it and add it again",
}
_NO_ENDPOINT: Final[Words] = {
    "zh": "其端点已移除，或应答过 410 Gone",
    "en": "its endpoint was removed, or answered 410 Gone",
}
_WAITING: Final[Words] = {"zh": "该消息已在等待投递", "en": "it is waiting to be delivered already"}


class EndpointSecret(Struct, frozen=True):
    """An endpoint with its secret, which is shown this once."""

    endpoint: Endpoint
    secret: Hidden[str]


async def load_sealing(store: Store, now_s: int) -> Sealing:
    """What seals the secrets of endpoints, under a key made when it is asked for first. Raises StoreError."""
    return Sealing(await ServerSecrets(store).obtain(SEALING_SECRET, now_s))


class WebhookAuthority:
    """Every method raises AuthorityError where the log cannot be written, and StoreError; then nothing was changed."""

    def __init__(
        self,
        store: Store,
        writer: Writer,
        sealing: Sealing,
        now_us: Callable[[], int] = lambda: time.time_ns() // 1000,
    ) -> None:
        self._store, self._writer, self._sealing, self._now_us = store, writer, sealing, now_us
        self._endpoints, self._deliveries = Endpoints(store), Deliveries(store)

    async def add(self, new: NewEndpoint) -> EndpointSecret | EndpointFault:
        """Send an owner's events to a URL from now on."""
        if fault := url_fault(new.url):
            return EndpointFault(fault, "url")
        unknown = [each for each in new.events if each not in EVENT_TYPES and each not in _GROUPS]
        if unknown:
            return EndpointFault(_UNKNOWN_EVENT, "events")
        if len(await self._endpoints.all(new.partner)) >= ENDPOINTS_MAX:
            return EndpointFault(_TOO_MANY)
        endpoint_id, secret = f"w-{token_hex(6)}", new_secret()
        endpoint = Endpoint(
            id=endpoint_id,
            partner=new.partner,
            url=new.url,
            events=tuple(dict.fromkeys(new.events)),
            secret=self._sealing.seal(secret, endpoint_id),
            creator=new.creator,
            created_us=self._now_us(),
        )
        words = {"id": endpoint_id, "url": new.url, "events": list(endpoint.events), "creator": new.creator}
        await self._record("webhook-added", endpoint, detail_of(words))
        if not await self._endpoints.add(endpoint, ENDPOINTS_MAX):
            return EndpointFault(_TOO_MANY)
        return EndpointSecret(endpoint, secret)

    async def remove(self, endpoint: Endpoint) -> bool:
        """Send nothing there any more; what waits is cancelled. False: somebody else was faster."""
        await self._record("webhook-removed", endpoint)
        return await self._endpoints.remove(endpoint.id, self._now_us())

    async def rotate(self, endpoint: Endpoint) -> EndpointSecret | EndpointFault:
        """Another secret; the one before signs beside it for a day, and one from before that no more."""
        secret = new_secret()
        sealed = self._sealing.seal(secret, endpoint.id)
        await self._record("webhook-secret-added", endpoint)
        until_us = self._now_us() + ROTATION_US
        if not await self._endpoints.rotate(endpoint, sealed, until_us):
            return EndpointFault(_CHANGED)
        rotated = replace(endpoint, secret=sealed, previous=endpoint.secret, previous_until_us=until_us)
        return EndpointSecret(rotated, secret)

    async def test(self, endpoint: Endpoint) -> Delivery | EndpointFault:
        """Put an event of type webhook.test into the outbox, for this endpoint whatever it wants."""
        if endpoint.state == "gone":
            return EndpointFault(_GONE)
        (made,) = deliveries_of(
            (endpoint.id,), "webhook.test", endpoint.partner, {"endpoint": endpoint.id}, self._now_us()
        )
        async with self._store.write() as connection:
            await put(connection, [made])
        return made

    async def replay(self, delivery: Delivery) -> EndpointFault | None:
        """Deliver once more what was delivered or died, under the same webhook-id. No authority changes: no record."""
        if delivery.kind == "webhook":
            endpoint = await self._endpoints.find(delivery.endpoint)
            if endpoint is None or endpoint.state == "gone":
                return EndpointFault(_NO_ENDPOINT)
        if not await self._deliveries.replay(delivery.id, self._now_us()):
            return EndpointFault(_WAITING)
        return None

    async def _record(self, event: str, endpoint: Endpoint, detail: str = "") -> None:
        subject = f"{endpoint.id} {endpoint.partner or 'hub'}"
        await record(self._writer, event, subject, partner=endpoint.partner, detail=detail)  # type: ignore[arg-type]
