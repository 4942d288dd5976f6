"""What the OAuth endpoints look at of a request, and reading it: one order of rules for all of them."""

from collections.abc import Sequence

from msgspec import Struct

from gateway.oauth.answers import Refusal, malformed
from gateway.oauth.certificate import Certificate
from gateway.oauth.credentials import Credentials, read_credentials
from gateway.oauth.form import TOO_LARGE, read_form


class Incoming(Struct, frozen=True):
    """A POST. `body` is None when it was larger than the cap; `source` is the peer, `certificate` the one of the
    connection, `proofs` the values of all DPoP headers."""

    authorization: Sequence[bytes]
    content_types: Sequence[bytes]
    query: bytes
    body: bytes | None
    source: str
    proofs: Sequence[bytes] = ()
    certificate: Certificate | None = None
    request_id: str = ""

    def __repr__(self) -> str:
        return "Incoming()"


def read_incoming(incoming: Incoming, needed: str) -> tuple[dict[str, str], Credentials] | Refusal:
    """Form and credentials, or which rule the request breaks. `needed` is the parameter that the endpoint is about."""
    if incoming.query:
        return malformed("Parameters belong into the body: URLs are kept in logs.")
    if incoming.body is None:
        return TOO_LARGE
    form = read_form(incoming.content_types, incoming.body)
    if isinstance(form, Refusal):
        return form
    if needed not in form:
        return malformed(f"The parameter {needed} is missing.")
    credentials = read_credentials(incoming.authorization, form)
    return credentials if isinstance(credentials, Refusal) else (form, credentials)
