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
    "allowance-granted",
    "allowance-ended",
    "finding-reported",
    "finding-dismissed",
    "measure-imposed",
    "measure-lifted",
    "counter-unreachable",
    "counter-reachable",
    "counter-rebuilt",
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
        "allowance-granted": (
            "So much more than a clause says, for a time; subject: its id, agreement, clause, how much, until when."
        ),
        "allowance-ended": (
            "It is over, revoked or by its time; subject: its id, agreement, clause, and which of the two."
        ),
        "finding-reported": "Traffic looks like scraping; subject: the finding's id, agreement, product, detector.",
        "finding-dismissed": "A person says that it is none; subject: as of finding-reported.",
        "measure-imposed": "A person confirms a finding; subject: its measure's id, agreement, clause, product, end.",
        "measure-lifted": (
            "The measure is over, lifted or by its time; subject: its id, agreement, clause, and which of the two."
        ),
        "counter-unreachable": (
            "A gateway cannot reach the shared counters: each limit's clause says what happens; subject: its writer."
        ),
        "counter-reachable": "It reaches them again, and what it admitted in between is charged; subject: its writer.",
        "counter-rebuilt": (
            "Shared counters that were lost are filled again from what gateways know; subject: its writer."
        ),
    }
)
"""What each event says, for `docs/audit.md`."""
