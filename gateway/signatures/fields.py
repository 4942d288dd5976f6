"""The structured fields (RFC 9651) of signatures and digests, read strictly: nothing twice, nothing unknown."""

import re
from collections.abc import Mapping
from typing import Any

import http_sf
from msgspec import Struct

FIELD_BYTES_MAX = 4 * 1024
"""Several signatures of the longest keys; reading takes the longer the more there is."""
COMPONENTS_MAX = 32
LABELS_MAX = 8
TEXT_CHARACTERS_MAX = 256
"""Of a key id, a nonce or a tag."""

_TEXTS = frozenset({"keyid", "nonce", "alg", "tag"})
_TIMES = frozenset({"created", "expires"})


_NAME = re.compile(r"@?[a-z0-9!#$%&'*+.^_`|~-]{1,64}")
"""A field's name (RFC 9110 section 5.1) in lower case, or with an @ that of a derived component."""


class Component(Struct, frozen=True):
    """One part of a message (RFC 9421 section 2). `of_request`: of the request that an answer is to (section 2.4).

    No other parameter is understood: `key`, `sf`, `bs` and `tr` name a part or another spelling of a field, and a
    field that is covered so is not covered as it is sent.
    """

    name: str
    of_request: bool = False

    @property
    def identifier(self) -> str:
        """As it stands in a signature base (section 2.5)."""
        return f'"{self.name}";req' if self.of_request else f'"{self.name}"'


class Described(Struct, frozen=True):
    """A member of Signature-Input or Accept-Signature: what is covered, and the signature's parameters.

    `parameters` has `created` and `expires` as integers, the others as strings; where a signature is asked for, a time
    may be True: as it will be (section 5.1). `text` is the member again, as a signature base ends with it.
    """

    components: tuple[Component, ...]
    parameters: Mapping[str, Any]
    text: str


def described(field: bytes, *, asked: bool = False) -> dict[str, Described] | None:
    """The members of Signature-Input (or, `asked`, of Accept-Signature) by label; None if any of them is not right."""
    members = _dictionary(field)
    if members is None:
        return None
    found = {label: _described(member, asked=asked) for label, member in members.items()}
    return None if None in found.values() else found  # type: ignore[return-value]


def byte_members(field: bytes) -> dict[str, bytes | None] | None:
    """The members of Signature or Content-Digest: bytes, None for one that is something else; None for no dictionary.

    Parameters of a member are refused: neither field has any.
    """
    members = _dictionary(field)
    if members is None:
        return None
    return {name: _bytes(member) for name, member in members.items()}


def _dictionary(field: bytes) -> dict[str, Any] | None:
    if len(field) > FIELD_BYTES_MAX:
        return None
    try:
        found: Any = http_sf.parse(field, tltype="dictionary", on_duplicate_key=_refuse)
    except (ValueError, OverflowError):
        return None
    return found if 0 < len(found) <= LABELS_MAX else None


def _refuse(key: str, context: str) -> None:
    """RFC 9651 lets the last of several win: then two readers that differ see two signatures."""
    raise ValueError("given twice")


def _bytes(member: Any) -> bytes | None:
    if not isinstance(member, tuple):
        return None
    value, parameters = member
    return value if isinstance(value, bytes) and not parameters else None


def _described(member: Any, *, asked: bool) -> Described | None:
    if not isinstance(member, tuple) or not isinstance(member[0], list):
        return None
    items, parameters = member
    if len(items) > COMPONENTS_MAX or not all(_sound(name, value, asked) for name, value in parameters.items()):
        return None
    components = [_component(item) for item in items]
    if None in components or len(set(components)) != len(components):
        return None
    return Described(tuple(components), parameters, _written(member))  # type: ignore[arg-type]


def _sound(name: str, value: Any, asked: bool) -> bool:
    """Whether a signature's parameter is one that we know (section 2.3), of its type and size."""
    if name in _TEXTS:
        return isinstance(value, str) and 0 < len(value) <= TEXT_CHARACTERS_MAX
    return name in _TIMES and ((type(value) is int and value >= 0) or (asked and value is True))


def _component(item: Any) -> Component | None:
    name, parameters = item
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        return None
    if parameters not in ({}, {"req": True}):
        return None
    return Component(name, "req" in parameters)


def inner_list(components: tuple[Component, ...], parameters: Mapping[str, Any]) -> str:
    """A member of Signature-Input, made by us."""
    items = [(each.name, {"req": True} if each.of_request else {}) for each in components]
    return _written((items, dict(parameters)))


def _written(member: Any) -> str:
    """An inner list by itself: the library writes it only as a member of a dictionary."""
    return http_sf.ser({"a": member}).removeprefix("a=")
