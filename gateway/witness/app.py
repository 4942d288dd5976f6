"""The witness's HTTP side: POST /add-checkpoint (C2SP tlog-witness) and GET /vkey."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final

from litestar import Litestar, Request, Response, get, post
from litestar.exceptions import ClientException

from gateway.witness.protocol import BODY_BYTES_MAX, PATH
from gateway.witness.watch import Watch, keep_watching
from gateway.witness.witness import TEXT, Witness

BODY_TIMEOUT_S: Final = 10
_NO_STORE = {"cache-control": "no-store", "x-content-type-options": "nosniff"}


def witness_app(witness: Witness, watches: Sequence[Watch] = (), interval_s: float = 10) -> Litestar:
    """An ASGI application. Logs in `watches` are polled every `interval_s` while it is up."""

    @post(PATH, request_max_body_size=BODY_BYTES_MAX, status_code=200)
    async def add_checkpoint(request: Request[Any, Any, Any]) -> Response[bytes]:
        """The status codes are those of the specification; the work is a thread's, since it waits for the disk."""
        try:
            async with asyncio.timeout(BODY_TIMEOUT_S):
                body = await request.body()
        except TimeoutError:
            raise ClientException("the body did not come in time", status_code=408) from None
        reply = await asyncio.to_thread(witness.add_checkpoint, body)
        return _answer(reply.body, reply.status, reply.content_type)

    @get("/vkey", sync_to_thread=False)
    def vkey() -> Response[bytes]:
        """The witness's public key, for a policy file."""
        return _answer(f"{witness.key.text()}\n".encode(), 200, TEXT)

    return Litestar([add_checkpoint, vkey], lifespan=[_watching(watches, interval_s)], openapi_config=None)


def _answer(body: bytes, status: int, content_type: str) -> Response[bytes]:
    """The content type is a header of its own: as a media type it would get a charset, which these have or lack."""
    return Response(
        body, status_code=status, media_type=content_type, headers={**_NO_STORE, "Content-Type": content_type}
    )


def _watching(watches: Sequence[Watch], interval_s: float) -> Callable[[Litestar], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_app: Litestar) -> AsyncIterator[None]:
        task = asyncio.create_task(keep_watching(watches, interval_s))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    return lifespan
