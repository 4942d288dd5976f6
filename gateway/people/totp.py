"""The second factor of local accounts: one-time passwords by time (RFC 6238), each time step good once.

SHA-1, 30 s and 6 digits are what every authenticator does; the secret has 160 bits (RFC 4226 section 4, R6).
"""

import hmac
from typing import Final

import pyotp

from gateway.store.hidden import Hidden

STEP_S: Final = 30
_STEPS_AROUND: Final = 1
"""A clock may be one step off in either direction (RFC 6238 section 5.2)."""
_ISSUER: Final = "Clausegate"
SEALING_SECRET: Final = "second-factors"  # noqa: S105 - the name, not the secret
"""The server's secret under which those of people are sealed."""


def new_totp_secret() -> Hidden[str]:
    """160 random bits in base32."""
    return Hidden(pyotp.random_base32(32))


def enrolment_uri(secret: Hidden[str], username: str) -> Hidden[str]:
    """The otpauth URI that an authenticator reads, from a QR code for instance. Whoever has it has the factor."""
    return Hidden(pyotp.TOTP(secret.reveal()).provisioning_uri(name=username, issuer_name=_ISSUER))


def step_of(secret: Hidden[str], code: str, now_s: float) -> int | None:
    """The time step that a code is of, the latest that fits; None for a code of no step around now.

    Does the same work for every code. Whether the step was used before is for the caller to know.
    """
    said = "".join(code.split()).encode(errors="replace")
    one, now, found = pyotp.TOTP(secret.reveal()), int(now_s // STEP_S), None
    for step in range(max(0, now - _STEPS_AROUND), now + _STEPS_AROUND + 1):
        if hmac.compare_digest(one.generate_otp(step).encode(), said):
            found = step
    return found
