"""The `http` kind of backend: records behind a REST interface, read by GET, changed by POST, PATCH and DELETE."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Any, Literal
from urllib.parse import quote, urlsplit

from msgspec import Meta, Struct, field

from adapters.base import (
    AllOf,
    Answer,
    Backend,
    Call,
    Change,
    Compare,
    Condition,
    Envelope,
    Fault,
    Order,
    Query,
    Scalar,
)
from adapters.http_changes import body_of, fields_of, meaning
from adapters.http_client import HttpClient, Origin, bad_header

_MISSING = Answer(404, "", b"")
_METHODS: dict[str, Literal["POST", "PATCH", "DELETE"]] = {"create": "POST", "update": "PATCH", "delete": "DELETE"}
_CALLS_REMEMBERED_MAX = 4096  # more than any set of plans; a reload leaves the old ones behind


class HttpBackend(Backend, frozen=True, tag="http", kw_only=True):
    """A REST interface: `GET {url}/{resource}?limit=&after=` lists records, `GET {url}/{resource}/{key}` reads one.

    Where it is writable, `POST {url}/{resource}` creates one, `PATCH` and `DELETE` of its own URL update and delete it.
    """

    url: str
    """Where it is: http:// or https://, a host, and a path if there is one; no user, query or fragment."""
    items: str | None = "data"
    """The member of a list answer that holds the records; "" when the answer is a bare array."""
    next: str | None = "next"
    """The member that holds the token of the next page; "" when there is none."""
    limit_parameter: str = "limit"
    """The query parameter for the number of records."""
    after_parameter: str = "after"
    """The query parameter for the token of the page."""
    sort_parameter: str = ""
    """The query parameter that sorts a list, as in `sort=-created_at,name`: physical names, a minus for descending. ""
    when it cannot be asked for an order."""
    filters: tuple[str, ...] = ()
    """Fields (dotted paths of the product) that it filters by an equal query parameter of the physical name. This only
    saves work: the gateway checks each record itself."""
    headers: dict[str, str] = field(default_factory=dict)
    """Sent with every request. Secrets come from the environment: "Bearer ${TOKEN}"."""
    connections: Annotated[int, Meta(ge=1, le=1024)] = 64
    """The most connections that are open to it at a time."""
    writable: bool = False
    """Whether records may be created, updated and deleted."""

    def envelope(self) -> Envelope:
        """As `items` and `next` say."""
        return Envelope(self.items or None, self.next or None)

    def sorts(self) -> bool:
        """As `sort_parameter` says."""
        return bool(self.sort_parameter)

    def writes(self) -> bool:
        """As the settings say."""
        return self.writable

    def faults(self) -> list[tuple[str, str]]:
        """What no type can say: (field, what is wrong), never with a header's value or the URL."""
        found = [("url", why) for why in _url_faults(self.url)]
        found += [(f"headers.{name}", why) for name, value in self.headers.items() if (why := bad_header(name, value))]
        if not self.limit_parameter or not self.after_parameter or self.limit_parameter == self.after_parameter:
            found.append(("after_parameter", "limit_parameter and after_parameter are two different names"))
        if self.sort_parameter in {self.limit_parameter, self.after_parameter}:
            found.append(("sort_parameter", "is the name of another parameter already"))
        return found

    def connect(self) -> "HttpAdapter":
        """A client with an empty pool; nothing is opened before the first call."""
        return HttpAdapter(self)

    def __repr__(self) -> str:
        """Without URL and headers: either may hold a secret."""
        return "HttpBackend(...)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """As `__repr__`."""
        return []


class _Prepared(Struct, frozen=True):
    """The parts of a call's targets that never change. Holds the call, so that its id stays its own."""

    call: Call
    all: str
    one: str
    page: str
    filters: str


class HttpAdapter:
    """Asks a REST backend. Whatever status it answers with is the gateway's to judge."""

    def __init__(self, backend: HttpBackend) -> None:
        parts = urlsplit(backend.url)
        scheme: Literal["http", "https"] = "https" if parts.scheme == "https" else "http"
        port = parts.port or (443 if scheme == "https" else 80)
        self._client = HttpClient(
            Origin(scheme, parts.hostname or "", port), _with_accept(backend.headers), backend.connections
        )
        self._base = quote(parts.path.rstrip("/"), safe="/%")
        self._after = f"&{quote(backend.after_parameter, safe='')}="
        self._backend = backend
        self._prepared: dict[int, _Prepared] = {}

    async def answer(self, call: Call, query: Query) -> Answer | Fault:
        """One record, or a page, within the call's time and size."""
        prepared = self._prepare(call)
        if query.key is None:
            target = f"{prepared.page}{query.limit}{prepared.filters}{self._sorted(query.order)}"
            if query.after is not None:
                after = _quoted(query.after)
                if after is None:
                    return Fault("protocol", "the token of the page is no text")
                target = f"{target}{self._after}{after}"
        else:
            key = _segment(query.key)
            if key is None:
                return _MISSING
            target = prepared.one + key
        return await self._client.get(
            target, timeout_ms=call.timeout_ms, max_bytes=call.max_bytes, traceparent=query.traceparent
        )

    async def change(self, call: Call, change: Change) -> Answer | Fault:
        """One request, sent once: POST of the record, PATCH with what changes of it (RFC 7396), or DELETE."""
        if not self._backend.writable:
            return Fault("protocol", "the backend is not writable")
        prepared = self._prepare(call)
        target = prepared.all
        if change.action != "create":
            key = _segment(change.key or "")
            if key is None:
                return _MISSING
            target = prepared.one + key
        body = b"" if change.action == "delete" else body_of(change.values)
        if body is None:
            return Answer(422, "", b"")
        outcome = await self._client.change(
            _METHODS[change.action],
            target,
            fields=fields_of(change),
            body=body,
            timeout_ms=call.timeout_ms,
            max_bytes=call.max_bytes,
        )
        return outcome if isinstance(outcome, Fault) else meaning(change, outcome)

    async def close(self) -> None:
        """Drop every connection."""
        await self._client.close()

    def _sorted(self, order: Sequence[Order]) -> str:
        """The parameter that asks for an order; nothing where none is wanted or none can be had."""
        parameter = self._backend.sort_parameter
        if not order or not parameter:
            return ""
        names = [("-" if each.descending else "") + quote(each.field.physical_name, safe="") for each in order]
        return f"&{quote(parameter, safe='')}={','.join(names)}"

    def _prepare(self, call: Call) -> _Prepared:
        known = self._prepared.get(id(call))
        if known is not None and known.call is call:
            return known
        backend = self._backend
        path = f"{self._base}/{quote(call.resource.strip('/'), safe='/')}"
        reserved = {backend.limit_parameter, backend.after_parameter, backend.sort_parameter}
        filters = "".join(
            f"&{quote(compare.field.physical_name, safe='')}={quote(_text(compare.value), safe='')}"
            for compare in _equalities(call.condition)
            if ".".join(compare.field.path) in backend.filters and compare.field.physical_name not in reserved
        )
        page = f"{path}?{quote(backend.limit_parameter, safe='')}="
        prepared = _Prepared(call, path, f"{path}/", page, filters)
        if len(self._prepared) >= _CALLS_REMEMBERED_MAX:
            self._prepared.clear()
        self._prepared[id(call)] = prepared
        return prepared


def _with_accept(headers: dict[str, str]) -> dict[str, str]:
    """What every request says unless backends.toml says otherwise."""
    named = {name.lower() for name in headers}
    return headers if "accept" in named else {**headers, "Accept": "application/json"}


def _url_faults(url: str) -> Iterator[str]:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        yield "is no URL"
        return
    if parts.scheme not in {"http", "https"}:
        yield "begins with http:// or https://"
    if port == 0:
        yield "names no port that can be connected to"
    try:
        HttpClient(Origin("http", parts.hostname or "", 80), {}, 1)
    except ValueError:
        yield "names no host that can be connected to"
    if parts.username is not None or parts.password is not None:
        yield "holds a user or password: send them in a header"
    if parts.query or parts.fragment or "?" in url or "#" in url:
        yield "has a query or fragment: it is only the beginning of a URL"
    if any(segment in {".", ".."} for segment in parts.path.split("/")):
        yield "has a path with . or .. in it"


def _equalities(condition: Condition | None) -> Iterable[Compare]:
    """The equalities that must hold for the condition to hold: it, or members of an AllOf, at any depth."""
    if isinstance(condition, Compare) and condition.operator == "==":
        return [condition]
    if isinstance(condition, AllOf):
        return [found for inner in condition.conditions for found in _equalities(inner)]
    return []


def _text(value: Scalar) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else repr(value)


def _quoted(text: str) -> str | None:
    try:
        return quote(text, safe="")
    except UnicodeEncodeError:
        return None


def _segment(key: str) -> str | None:
    """The key as one path segment, or None for one that a server might read as another path.

    Percent-encoding is not enough: many servers decode first and resolve `..` and `/` afterwards.
    """
    if not key or not key.isprintable() or any(part in {"", ".", ".."} for part in key.replace("\\", "/").split("/")):
        return None
    return _quoted(key)
