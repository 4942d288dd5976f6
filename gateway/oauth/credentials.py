"""Which credentials a token request shows. Nothing is verified here."""

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from typing import TypeAlias
from urllib.parse import unquote_plus

from msgspec import Struct

from gateway.oauth.answers import Refusal, malformed
from gateway.oauth.jose import TOKEN_BYTES_MAX, contents_of
from gateway.store.hidden import Hidden

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
CLIENT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class Basic(Struct, frozen=True):
    """client_secret_basic (RFC 6749 section 2.3.1)."""

    client_id: str
    secret: Hidden[str]


class Assertion(Struct, frozen=True):
    """private_key_jwt (RFC 7523 section 2.2): `client_id` is the subject that the unverified assertion names, `kid` the
    key, None when it names none."""

    client_id: str
    text: Hidden[str]
    kid: str | None = None


class Named(Struct, frozen=True):
    """A `client_id` and nothing else in the request: the client certificate of the connection speaks for it
    (RFC 8705 section 2), if there is one."""

    client_id: str


class Unusable(Struct, frozen=True):
    """None at all, or none that can be right: malformed, or by a method that is not offered."""

    client_id: str = ""


Credentials: TypeAlias = Basic | Assertion | Named | Unusable


def read_credentials(authorization: Sequence[bytes], form: Mapping[str, str]) -> Credentials | Refusal:
    """The credentials of a request, from the values of its Authorization headers and its form.

    A Refusal (400) when there is more than one method, or a `client_id` that is not whose credentials they are.
    """
    asserted = "client_assertion" in form or "client_assertion_type" in form
    methods = len(authorization) + asserted + ("client_secret" in form)
    if methods > 1:
        return malformed("The client uses more than one authentication method.")
    credentials: Credentials
    if authorization:
        credentials = _basic(authorization[0])
    elif asserted:
        if "client_assertion" not in form or "client_assertion_type" not in form:
            return malformed("client_assertion and client_assertion_type go together.")
        credentials = _assertion(form["client_assertion_type"], form["client_assertion"])
    elif "client_secret" not in form and CLIENT_ID.fullmatch(form.get("client_id", "")):
        credentials = Named(form["client_id"])
    else:
        credentials = Unusable()
    named = form.get("client_id", "")
    if named and credentials.client_id and named != credentials.client_id:
        return malformed("The client_id is not the one that the credentials are for.")
    return credentials


def _basic(header: bytes) -> Credentials:
    """RFC 7617; both parts are form-urlencoded on top, as RFC 6749 section 2.3.1 wants it."""
    scheme, _, encoded = header.partition(b" ")
    if scheme.lower() != b"basic" or len(encoded) > TOKEN_BYTES_MAX:
        return Unusable()
    try:
        name, colon, secret = base64.b64decode(encoded.strip(b" "), validate=True).decode("utf-8").partition(":")
        client_id = unquote_plus(name, errors="strict")
        plain = unquote_plus(secret, errors="strict")
    except (binascii.Error, UnicodeDecodeError):
        return Unusable()
    if not colon or not CLIENT_ID.fullmatch(client_id):
        return Unusable()
    return Basic(client_id, Hidden(plain))


def _assertion(kind: str, text: str) -> Credentials:
    contents = contents_of(text) if kind == ASSERTION_TYPE else None
    if contents is None:
        return Unusable()
    subject, kid = contents.claims.get("sub"), contents.header.get("kid")
    if not isinstance(subject, str) or not CLIENT_ID.fullmatch(subject):
        return Unusable()
    return Assertion(subject, Hidden(text), kid if isinstance(kid, str) else None)
