"""The events of Authority records: every change of who may do what, by its word. A word keeps its meaning for good."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, TypeAlias

Event: TypeAlias = Literal[
    "agreement-activated",
    "agreement-signed-off",
    "client-added",
    "client-disabled",
    "client-enabled",
    "client-secret-added",
    "key-created",
    "key-rotated",
    "account-created",
    "erasure-begun",
    "subject-erased",
    "statement-issued",
]

EVENTS: Mapping[Event, str] = MappingProxyType(
    {
        "agreement-activated": "An agreement comes into force with this contract hash; subject: agreement and version.",
        "agreement-signed-off": "A person signs a contract hash off; subject: agreement, version and account.",
        "client-added": "An OAuth client of a partner is registered; subject: its client_id.",
        "client-disabled": "A client gets no tokens any more, and those it has are revoked; subject: its client_id.",
        "client-enabled": "A disabled client may get tokens again; subject: its client_id.",
        "client-secret-added": "A client has a second secret; subject: its client_id.",
        "key-created": "A key that signs access tokens exists; subject: its kid (RFC 7638 thumbprint).",
        "key-rotated": "Another key signs access tokens from now on; subject: its kid.",
        "account-created": "A console account exists; subject: its username.",
        "erasure-begun": "The keys of a data subject are about to be destroyed; subject: the erasure's id.",
        "subject-erased": "They are destroyed; contract: SHA-256 of the signed certificate.",
        "statement-issued": "A statement is issued; subject: its id, contract: its SHA-256.",
    }
)
"""What each event says, for `docs/audit.md`."""
