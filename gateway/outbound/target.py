"""Where a partner's interface is, and how the hub proves itself there: one table below [services] of backends.toml."""

from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from msgspec import Meta, Struct, field
from msgspec.structs import replace

from adapters.http_client import bad_header

Authentication = Literal[
    "none", "basic", "client_secret_basic", "private_key_jwt", "tls_client_auth", "self_signed_tls_client_auth"
]


class ServiceTarget(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[services.<name>]`: the URL of a partner's interface, credentials, and bounds on every call of it.

    Paths are relative to the workspace. Secrets come from the environment: "${BANK_SECRET}".
    """

    url: str
    """Where it is: https://, a host, and a path if there is one; http:// on a loopback address alone."""
    auth: Authentication = "none"
    """How the hub proves who it is: `none`, or by its certificate alone; `basic`, user and password with every request;
    `client_secret_basic`, `private_key_jwt`, `tls_client_auth` and `self_signed_tls_client_auth` (RFC 8705), an access
    token of the partner's own authorization server."""
    token_url: str = ""
    """The token endpoint (RFC 6749 section 3.2), for the last four."""
    audience: str = ""
    """Whom the signed assertion of `private_key_jwt` is for: the authorization server's issuer, where it takes nothing
    else (RFC 10070); empty: its token_url."""
    client_id: str = ""
    """What the hub is called there; the user of `basic`."""
    client_secret: str = ""
    """Its secret; the password of `basic`."""
    private_key_file: str = ""
    """Its private key as PEM, for `private_key_jwt`: an elliptic curve P-256 key, which signs with ES256; an RSA key of
    2048 bits or more, with PS256; or an Ed25519 key, with EdDSA."""
    key_id: str = ""
    """What that key is called there, the `kid` of its assertions; empty: its thumbprint (RFC 7638)."""
    scope: str = ""
    """The scope that is asked for; empty: whatever the authorization server gives."""
    resource: str = ""
    """What the token is for, as the partner's authorization server calls it (RFC 8707), where it wants to be told: an
    absolute URL; empty: it is not told."""
    ca_file: str = ""
    """Certificates (PEM) that its own must lead to; empty: those of the system."""
    certificate_file: str = ""
    """The hub's certificate (PEM) for mutual TLS: shown to the interface and to the token endpoint alike, so that a
    token may be bound to it."""
    key_file: str = ""
    """The private key (PEM) of that certificate."""
    headers: dict[str, str] = field(default_factory=dict)
    """Sent with every request."""
    timeout_ms: Annotated[int, Meta(ge=50, le=120_000)] = 5_000
    """The longest that a call takes, all its attempts and a token that has to be fetched included."""
    connect_timeout_ms: Annotated[int, Meta(ge=10, le=30_000)] = 1_000
    """The longest that connecting takes."""
    attempts: Annotated[int, Meta(ge=1, le=5)] = 2
    """How often a call is tried, where to repeat it is safe."""
    max_bytes: Annotated[int, Meta(ge=1, le=64 * 1024 * 1024)] = 1024 * 1024
    """The largest answer that is taken."""
    connections: Annotated[int, Meta(ge=1, le=1024)] = 32
    """The most calls that are made of it at a time."""
    failures: Annotated[int, Meta(ge=1, le=1000)] = 5
    """After so many failures in a row it is left alone for a while."""
    pause_ms: Annotated[int, Meta(ge=100, le=600_000)] = 10_000
    """For how long."""

    def faults(self) -> list[tuple[str, str]]:
        """What no type can say: (field, what is wrong), never with a value of the table."""
        found = [("url", why) for why in _url_faults(self.url)]
        found += [(f"headers.{name}", why) for name, value in self.headers.items() if (why := bad_header(name, value))]
        if any(name.lower() == "authorization" for name in self.headers) and self.auth != "none":
            found.append(("headers", "names Authorization, which auth sends already"))
        found += _missing(self)
        if self.token_url:
            found += [("token_url", why) for why in _url_faults(self.token_url)]
        if self.resource and not _is_absolute(self.resource):
            found.append(("resource", "is no absolute URL without a fragment"))
        if bool(self.certificate_file) != bool(self.key_file):
            found.append(("key_file", "certificate_file and key_file belong together"))
        if self.connect_timeout_ms > self.timeout_ms:
            found.append(("connect_timeout_ms", "is longer than timeout_ms"))
        return found

    def within(self, folder: Path) -> "ServiceTarget":
        """The same with its files found from `folder`."""
        return replace(self, **{name: str(folder / getattr(self, name)) for name in _FILES if getattr(self, name)})

    def files(self) -> list[str]:
        """Those that it names."""
        return [getattr(self, name) for name in _FILES if getattr(self, name)]

    def __repr__(self) -> str:
        """Without values: any may be a secret."""
        return "ServiceTarget(...)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """As `__repr__`."""
        return []


_FILES = ("private_key_file", "ca_file", "certificate_file", "key_file")
_NEEDS: dict[Authentication, tuple[str, ...]] = {
    "none": (),
    "basic": ("client_id", "client_secret"),
    "client_secret_basic": ("token_url", "client_id", "client_secret"),
    "private_key_jwt": ("token_url", "client_id", "private_key_file"),
    "tls_client_auth": ("token_url", "client_id", "certificate_file"),
    "self_signed_tls_client_auth": ("token_url", "client_id", "certificate_file"),
}
_OF_TOKENS = ("token_url", "audience", "client_id", "client_secret", "private_key_file", "key_id", "scope", "resource")
_MAY: dict[Authentication, tuple[str, ...]] = {"private_key_jwt": ("audience", "key_id")}


def _missing(target: ServiceTarget) -> Iterator[tuple[str, str]]:
    """What the way of authentication needs and does not have, or has and does not use."""
    needed = _NEEDS[target.auth]
    may = _MAY.get(target.auth, ()) + (("scope", "resource") if "token_url" in needed else ())
    yield from ((name, f"is needed for auth = {target.auth}") for name in needed if not getattr(target, name))
    for name in _OF_TOKENS:
        if getattr(target, name) and name not in (*needed, *may):
            yield name, f"is not used with auth = {target.auth}"
    if target.auth.endswith("tls_client_auth") and target.token_url.startswith("http:"):
        yield "token_url", "begins with https://: without TLS there is no certificate to be known by"


def _url_faults(url: str) -> Iterator[str]:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        yield "is no URL"
        return
    if not parts.hostname or port == 0:
        yield "names no host and port that can be connected to"
    elif parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(parts.hostname)):
        yield "begins with https://; http:// is for loopback addresses alone"
    if parts.username is not None or parts.password is not None:
        yield "holds a user or password: say them as client_id and client_secret"
    if "?" in url or "#" in url:
        yield "has a query or fragment"
    if any(segment in {".", ".."} for segment in parts.path.split("/")):
        yield "has a path with . or .. in it"
    if not url.isascii() or not url.isprintable() or " " in url:
        yield "holds a character that a URL does not have"


def _is_absolute(url: str) -> bool:
    """Whether it may be sent as a resource indicator (RFC 8707 section 2); it is a name, and nothing is sent there."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    bad = "#" in url or " " in url or not url.isascii() or not url.isprintable()
    return bool(parts.scheme and (parts.netloc or parts.path)) and not bad


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
