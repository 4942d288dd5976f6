"""A step that is asked for twice under one `Idempotency-Key` is taken once, and its second asker told the same."""

import hashlib
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog
from litestar import Response

from gateway.partner.door import Answer, Visit
from gateway.store.faults import StoreError
from gateway.store.idempotency import Claim, Fresh, Idempotency, InFlight, Mismatch, Replay, read_key

_log = structlog.get_logger(__name__)


class Repeating:
    """Keeps answers under the caller's keys. Raises StoreError."""

    def __init__(self, idempotency: Idempotency) -> None:
        self._idempotency = idempotency

    async def once(self, visit: Visit, what: str, body: bytes, make: Callable[[], Awaitable[Answer]]) -> Answer:
        """The answer that `make` gives, or gave before to the same request; a request without a key is always made.

        Only what was done is kept: after a problem the same request may be tried again with its key.
        """
        header = visit.request.headers.get("idempotency-key")
        if header is None:
            return await make()
        key = read_key(header.encode("latin-1", "replace"))
        if key is None:
            return visit.problem("invalid-idempotency-key")
        client = f"{visit.grant.partner}\n{visit.grant.client}\ncorrections"
        digest = hashlib.sha256(what.encode() + b"\n" + body).digest()
        claimed = await self._idempotency.claim(client, key, digest, visit.time_us // 1_000_000)
        if not isinstance(claimed, Fresh):
            return _again(visit, claimed)
        return await self._made(claimed.claim, make)

    async def _made(self, claim: Claim, make: Callable[[], Awaitable[Answer]]) -> Answer:
        try:
            answer = await make()
        except BaseException:
            with suppress(StoreError):
                await self._idempotency.abandon(claim)
            raise
        status = answer.status_code or 200
        try:
            if status >= 400:
                await self._idempotency.release(claim)
            else:
                headers = [(name.encode(), value.encode()) for name, value in answer.headers.items()]
                await self._idempotency.settle(claim, status, headers, answer.content)
        except StoreError as error:  # the step is taken: a repetition will be told that nobody knows
            _log.error("idempotency key not settled", reason=str(error))
        return answer


def _again(visit: Visit, claimed: object) -> Answer:
    if isinstance(claimed, Replay):
        headers = {name.decode(): value.decode() for name, value in claimed.headers}
        media_type = headers.get("Content-Type", "application/json")
        return Response(claimed.body or b"", status_code=claimed.status, headers=headers, media_type=media_type)
    if isinstance(claimed, Mismatch):
        return visit.problem("idempotency-mismatch")
    return visit.problem("idempotency-in-flight" if isinstance(claimed, InFlight) else "idempotency-unknown")
