"""What a partner says of a statement: countersigned, with a signature if it wants, or disputed, with reasons."""

import json
from typing import Annotated, Final

import msgspec
from joserfc.jwk import import_key
from msgspec import Meta, Struct

from gateway.oauth.jose import contents_of, is_signed_by
from gateway.store.clients import ClientKey
from gateway.store.statements import KeptStatement
from policies.reference import ClauseId

REASONS_MAX: Final = 50
REASON_CHARACTERS_MAX: Final = 2_000
_SIGNATURE_CHARACTERS_MAX: Final = 4_096

Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]


class Countersign(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a countersignature: which text is agreed with, by its hash, and a JWS if one is given."""

    sha256: Sha256
    signature: Annotated[str, Meta(max_length=_SIGNATURE_CHARACTERS_MAX)] = ""


class Reason(Struct, frozen=True, forbid_unknown_fields=True):
    """Why one clause's result is not agreed with."""

    clause: ClauseId
    reason: Annotated[str, Meta(min_length=1, max_length=REASON_CHARACTERS_MAX)]


class Dispute(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a dispute. `sha256` "" means the statement of the path, whatever its hash."""

    reasons: Annotated[tuple[Reason, ...], Meta(min_length=1, max_length=REASONS_MAX)]
    sha256: Sha256 | None = None


class Answer(Struct, frozen=True, omit_defaults=True):
    """What was said, as it is kept, and as the log commits to it. `kid` names the key of the signature."""

    sha256: str
    signature: str = ""
    kid: str = ""
    reasons: tuple[Reason, ...] = ()


def read_answer(kept: KeptStatement) -> Answer | None:
    """The answer to a statement, None while there is none."""
    return msgspec.json.decode(kept.answer, type=Answer) if kept.answer else None


def is_readable(text: str) -> bool:
    """Whether a reason is text that a page can show: no control characters but line ends, and not blank."""
    return bool(text.strip()) and all(each.isprintable() or each == "\n" for each in text)


def signed_by(signature: str, keys: tuple[ClientKey, ...], statement: str, sha256: str) -> ClientKey | None:
    """The registered key that made a compact JWS (RFC 7515) over {"statement": id, "sha256": hash}; None for no good
    one. The header's `kid` names the key where several are registered; its `alg` has to be that of the key."""
    contents = contents_of(signature)
    if contents is None or contents.claims != {"statement": statement, "sha256": sha256}:
        return None
    kid = contents.header.get("kid")
    for key in keys:
        if kid in (None, key.kid) and is_signed_by(signature, import_key(json.loads(key.jwk)), key.alg):
            return key
    return None
