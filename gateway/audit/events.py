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
    "client-secret-removed",
    "client-key-added",
    "client-key-removed",
    "client-certificate-added",
    "client-certificate-removed",
    "client-tokens-revoked",
    "token-revoked",
    "credential-expiring",
    "key-created",
    "key-rotated",
    "key-withdrawn",
    "account-created",
    "account-changed",
    "account-disabled",
    "account-enabled",
    "erasure-begun",
    "subject-erased",
    "statement-issued",
    "statement-countersigned",
    "statement-disputed",
    "notice-published",
    "notice-withdrawn",
    "suspension-begun",
    "suspension-ended",
    "correction-reported",
    "correction-acknowledged",
    "correction-fixed",
    "correction-rejected",
    "correction-reopened",
    "task-created",
    "task-accepted",
    "task-completed",
    "task-overdue",
    "task-cancelled",
    "webhook-added",
    "webhook-removed",
    "webhook-secret-added",
    "alert-raised",
    "alert-acknowledged",
    "alert-resolved",
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
        "client-secret-removed": "A secret of a client is good no longer; subject: its client_id.",
        "client-key-added": "A public key may speak for a client; subject: its client_id and the key's kid.",
        "client-key-removed": "It may no longer; subject as of client-key-added.",
        "client-certificate-added": "A certificate may speak for a client; subject: its client_id and the thumbprint.",
        "client-certificate-removed": "It may no longer; subject as of client-certificate-added.",
        "client-tokens-revoked": "All tokens that a client has are revoked; subject: its client_id.",
        "token-revoked": "A client revokes a token of its own (RFC 7009); subject: its client_id and the token's jti.",
        "credential-expiring": (
            "Partner and hub are told that a credential ends soon; subject: client_id (hub: it is the hub's own), "
            "kind, its id, and in how many days."
        ),
        "key-created": "A key that signs access tokens exists; subject: its kid (RFC 7638 thumbprint).",
        "key-rotated": "Another key signs access tokens from now on; subject: its kid.",
        "key-withdrawn": "A key is compromised, and verifies nothing from now on; subject: its kid.",
        "account-created": "A console account exists; subject: its username.",
        "account-changed": (
            "Its role, password or second factor is another; subject: its username, and which of role, password, totp."
        ),
        "account-disabled": "Nobody can log in with it any more; subject: its username.",
        "account-enabled": "It can be used again; subject: its username.",
        "erasure-begun": "The keys of a data subject are about to be destroyed; subject: the erasure's id.",
        "subject-erased": "They are destroyed; contract: SHA-256 of the signed certificate.",
        "statement-issued": "A statement is issued; subject: its id, contract: its SHA-256.",
        "statement-countersigned": "The partner agrees with a statement; subject: its id, contract: its SHA-256.",
        "statement-disputed": "The partner does not agree with it; subject and contract as of statement-issued.",
        "notice-published": (
            "A notice is announced from this moment on; subject: its id and kind, contract: its SHA-256."
        ),
        "notice-withdrawn": "A notice no longer holds; subject and contract as of notice-published.",
        "suspension-begun": (
            "The collaboration under an agreement is interrupted; subject: its id, agreement and who does it."
        ),
        "suspension-ended": "It goes on again; subject as of suspension-begun.",
        "correction-reported": (
            "A wrong record is reported; subject: its id, agreement, clause, severity, and who is to correct it."
        ),
        "correction-acknowledged": "Whoever is to correct it has seen it; subject as of correction-reported.",
        "correction-fixed": "It is corrected, and the record was read again; subject as of correction-reported.",
        "correction-rejected": "The record is said to be right; subject as of correction-reported.",
        "correction-reopened": "It is not corrected after all; subject as of correction-reported.",
        "task-created": "A task is assigned; subject: its id and whom to.",
        "task-accepted": "It is accepted; subject as of task-created.",
        "task-completed": "It is completed; subject as of task-created.",
        "task-overdue": "It was due and is not completed; subject as of task-created.",
        "task-cancelled": "It is cancelled; subject as of task-created.",
        "webhook-added": (
            "Events of a partner or of the hub go to a URL from now on; subject: the endpoint's id and whose it is."
        ),
        "webhook-removed": "They go there no more; subject as of webhook-added.",
        "webhook-secret-added": "Another secret signs what goes there; subject as of webhook-added.",
        "alert-raised": "A promise is being used up too fast; subject: the alert's id, agreement, clause, rule.",
        "alert-acknowledged": "A person has seen the alert; subject as of alert-raised.",
        "alert-resolved": (
            "Data show that it is over; or, with the last word rule-withdrawn, nothing watches it any more; subject as "
            "of alert-raised."
        ),
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
