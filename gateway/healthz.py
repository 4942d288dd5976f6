"""Whether this process can serve, for whoever spreads the load."""

from typing import Any

from litestar import Response, get

from gateway.audit.writer import Writer


def healthz(writer: Writer) -> Any:
    """A handler that says it."""

    @get("/healthz", sync_to_thread=False, include_in_schema=False)
    def said() -> Response[bytes]:
        """For load balancers: 200 while records can be written, 503 once they cannot."""
        state = writer.state
        body = b"log stopped\n" if state.stopped else b"log stalled\n" if state.stalled else b"ok\n"
        return Response(body, status_code=200 if body == b"ok\n" else 503)

    return said
