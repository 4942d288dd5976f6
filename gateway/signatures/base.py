"""What a signature is over (RFC 9421 section 2.5), built from what we know of a message, never from what it claims."""

from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

from msgspec import Struct

from gateway.signatures.fields import Component

_PORTS = {"http": 80, "https": 443}

DERIVED = frozenset({"@method", "@target-uri", "@authority", "@scheme", "@request-target", "@path", "@query"})
"""Components of a request (section 2.2). `@query-param` is another spelling of a part of `@query`."""


class Origin(Struct, frozen=True):
    """Where we are reached: of the configured base URL, for the Host header is whatever its sender likes."""

    scheme: str
    authority: str
    prefix: bytes


def origin_of(base_url: str) -> Origin:
    """The base URL, its authority as section 2.2.3 wants it: in lower case, without the scheme's own port."""
    parts = urlsplit(base_url)
    host = (parts.hostname or "").lower()
    host = f"[{host}]" if ":" in host else host
    own = parts.port is None or parts.port == _PORTS.get(parts.scheme)
    return Origin(parts.scheme, host if own else f"{host}:{parts.port}", parts.path.rstrip("/").encode())


class Asked(Struct, frozen=True):
    """A request as it came. `path` and `query` are raw, `fields` in the order sent, names in lower case."""

    origin: Origin
    method: str
    path: bytes
    query: bytes
    fields: Sequence[tuple[bytes, bytes]]

    def value(self, name: str) -> str | None:
        """The value of a component, None if there is none, or none that a signature base can hold."""
        return _plain(self._derived(name)) if name.startswith("@") else field_value(self.fields, name)

    def _derived(self, name: str) -> bytes | None:
        path, query = self.origin.prefix + (self.path or b"/"), b"?" + self.query
        match name:
            case "@method":
                return self.method.encode()
            case "@target-uri":
                root = f"{self.origin.scheme}://{self.origin.authority}".encode()
                return root + path + (query if self.query else b"")
            case "@authority":
                return self.origin.authority.encode()
            case "@scheme":
                return self.origin.scheme.encode()
            case "@request-target":
                return path + (query if self.query else b"")
            case "@path":
                return path
            case "@query":
                return query
        return None


def field_value(fields: Iterable[tuple[bytes, bytes]], name: str) -> str | None:
    """A field's lines as one (section 2.1), None when it was not sent, or has what a signature base cannot hold."""
    wanted = name.encode()
    lines = [value.strip(b" \t") for each, value in fields if each == wanted]
    return _plain(b", ".join(lines)) if lines else None


def _plain(value: bytes | None) -> str | None:
    """Printable ASCII and tabs: a line feed would be a line of the signature base that nobody signed."""
    if value is None or not value.isascii():
        return None
    text = value.decode("ascii")
    return text if text.replace("\t", " ").isprintable() else None


def signature_base(values: Iterable[tuple[Component, str]], parameters: str) -> bytes:
    """The lines that are signed. `parameters` is the member of Signature-Input, after its label."""
    lines = [f"{component.identifier}: {value}" for component, value in values]
    return "\n".join([*lines, f'"@signature-params": {parameters}']).encode("ascii")
