"""Whose fault a bad answer is: a closed table from problem codes, and what a status says where there is no code."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, TypeAlias

Fault: TypeAlias = Literal["hub", "backend", "partner"]

_HUB: Fault = "hub"
_BACKEND: Fault = "backend"
_PARTNER: Fault = "partner"

_CODES: Mapping[Fault, tuple[str, ...]] = {
    # The hub's own parts failed, or its own caller asked a partner for what the agreement does not name.
    _HUB: (
        "limiter-unavailable",
        "log-empty",
        "log-unreadable",
        "log-unavailable",
        "state-unavailable",
        "internal",
        "unknown-service",
        "outbound-invalid",
    ),
    _BACKEND: ("backend-unreachable", "backend-error", "backend-invalid", "backend-timeout"),
    # What the partner sent, may not do, or did not answer when the hub called it.
    _PARTNER: (
        "missing-token",
        "invalid-token",
        "token-in-query",
        "invalid-parameter",
        "invalid-limit",
        "invalid-cursor",
        "not-found",
        "unknown-product",
        "record-not-found",
        "method-not-allowed",
        "not-acceptable",
        "invalid-filter",
        "invalid-sort",
        "invalid-fields",
        "invalid-idempotency-key",
        "conflict",
        "idempotency-in-flight",
        "idempotency-unknown",
        "precondition-failed",
        "body-too-large",
        "unsupported-media-type",
        "invalid-body",
        "idempotency-mismatch",
        "backend-refused",
        "outside-rows",
        "body-incomplete",
        "uri-too-long",
        "headers-too-large",
        "insufficient-scope",
        "invalid-dpop-proof",
        "use-dpop-nonce",
        "authentication-not-admitted",
        "beyond-authorization-details",
        "signature-required",
        "signature-invalid",
        "digest-mismatch",
        "credential-not-found",
        "credential-invalid",
        "credential-state",
        "refusal-not-found",
        "not-in-force",
        "purpose-not-covered",
        "outside-hours",
        "source-not-admitted",
        "suspended",
        "rate-limited",
        "quota-exceeded",
        "too-many-in-flight",
        "too-many-requests",
        "invalid-leaf-hash",
        "receipt-not-found",
        "log-file-not-found",
        "statement-not-found",
        "statement-answered",
        "correction-not-found",
        "correction-state",
        "task-not-found",
        "task-state",
        "partner-unreachable",
        "partner-error",
        "partner-timeout",
        "partner-failing",
    ),
}

FAULTS: Mapping[str, Fault] = MappingProxyType({code: fault for fault, codes in _CODES.items() for code in codes})
"""By problem code. Every code of gateway/problems.py is here: what is new has to be thought about first."""


def fault_of(code: str, status: int) -> Fault:
    """Whose fault an answer of status 400 and above is.

    Without a code, or with one that only a later version knows, the status tells: 400-499 is what the caller did, and
    500 and above what the backend answered, for the gateway never fails without saying how.
    """
    return FAULTS.get(code) or (_PARTNER if status < 500 else _BACKEND)
