"""What lists of revoked certificates say of a chain (RFC 5280 section 6.3): pure, for one moment.

Every certificate below the anchor has to be spoken of: where nobody says that one is still good, it is not.
"""

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Literal, TypeAlias

from cryptography import x509
from msgspec import Struct

from gateway.oauth.crl import Crl

RevocationFault: TypeAlias = Literal["certificate-revoked", "crl-stale", "crl-missing"]
"""Why a chain is no good: one of it is revoked, or no list of today speaks of it, or none at all."""


class Judged(Struct, frozen=True):
    """What holds of a chain: `fault` None for nothing against it. It stays so within [`begins_s`, `ends_s`), Unix
    seconds, as far as these lists go."""

    fault: RevocationFault | None
    begins_s: float
    ends_s: float


def judged(chain: Sequence[x509.Certificate], crls: Iterable[Crl], now_s: float) -> Judged:
    """What lists say of a chain that leads from a client's certificate to an anchor, whose signatures are verified."""
    given = tuple(crls)
    each = [_judged(certificate, issuer, given, now_s) for certificate, issuer in pairwise(chain)]
    faults = [one.fault for one in each if one.fault is not None]
    fault = "certificate-revoked" if "certificate-revoked" in faults else next(iter(faults), None)
    return Judged(
        fault,
        max((one.begins_s for one in each), default=-math.inf),
        min((one.ends_s for one in each), default=math.inf),
    )


def _judged(certificate: x509.Certificate, issuer: x509.Certificate, crls: tuple[Crl, ...], now_s: float) -> Judged:
    covering = [crl for crl in crls if crl.scope.includes(certificate) and crl.is_signed_by(issuer)]
    begun = [crl for crl in covering if crl.this_update_s <= now_s]
    to_come_s = min((crl.this_update_s for crl in covering if crl.this_update_s > now_s), default=math.inf)
    if not begun:
        return Judged("crl-stale" if covering else "crl-missing", -math.inf, to_come_s)
    # Of several the newest says it: a suspension that was lifted (certificateHold) is in the older ones alone.
    newest = max(begun, key=lambda crl: (crl.this_update_s, crl.number))
    if certificate.serial_number in newest.serials:
        return Judged("certificate-revoked", newest.this_update_s, to_come_s)
    if newest.next_update_s <= now_s:
        return Judged("crl-stale", newest.next_update_s, to_come_s)
    return Judged(None, newest.this_update_s, min(newest.next_update_s, to_come_s))
