"""Says whether keys, a key set at a URL, or a certificate could be registered, before anything is changed.

A client assertion that is made with the new key can be shown beside it: whether it would be accepted now, and if not,
why. It is not used up.
"""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from gateway.credentials.reading import FAULTS, Fault, read_certificate, read_keys
from gateway.credentials.reasons import words_of_reason
from gateway.oauth.assertion import AssertionFault, verified_assertion
from gateway.oauth.key_book import Fetch
from gateway.oauth.key_fetching import FetchFault
from gateway.store.clients import Client, ClientKey, RegisteredCertificate
from policies.reference import Language, Words


class KeyVerdict(Struct, frozen=True):
    """One key that was given: `key` where it can be used, else `fault`."""

    key: ClientKey | None
    fault: Fault | None = None


class CertificateVerdict(Struct, frozen=True):
    """A certificate that was given: `certificate` where it can be used, else `fault`."""

    certificate: RegisteredCertificate | None
    fault: Fault | None = None


def judged_keys(client: Client, members: list[Any], now_s: float) -> tuple[KeyVerdict, ...]:
    """Each key of a JWK set: whether this client can have it beside those it has."""
    known = {key.kid for key in live_keys(client, now_s)}
    verdicts = []
    for read in read_keys(members, now_s):
        if not isinstance(read, ClientKey):
            verdicts.append(KeyVerdict(None, read))
        elif read.kid in known:
            verdicts.append(KeyVerdict(None, "known-kid"))
        else:
            verdicts.append(KeyVerdict(read))
    return tuple(verdicts)


def judged_certificate(client: Client, pem: str, now_s: float) -> CertificateVerdict:
    """A certificate: whether this client can have it beside those it has."""
    read = read_certificate(pem, now_s)
    if not isinstance(read, RegisteredCertificate):
        return CertificateVerdict(None, read)
    if any(each.thumbprint == read.thumbprint and each.not_after_s > now_s for each in client.certificates):
        return CertificateVerdict(None, "known-certificate")
    return CertificateVerdict(read)


async def judged_url(fetch: Fetch, url: str, now_s: float) -> tuple[ClientKey, ...] | str:
    """The keys that are published at a URL and good now, or a reason (gateway/credentials/reasons.py) why there are
    none."""
    fetched = await fetch(url)
    if isinstance(fetched, FetchFault):
        return fetched.reason
    live = tuple(key for key in fetched.keys if key.is_live(now_s))
    return live or ("keys-ended" if fetched.keys else "keys-none")


def assertion_reason(text: str, client: Client, keys: Sequence[ClientKey], issuer: str, now_s: float) -> str:
    """Why the token endpoint would refuse this assertion if the client had these keys; "" for nothing."""
    if client.disabled:
        return "client-disabled"
    if client.auth_method != "private_key_jwt":
        return "another-method"
    found = verified_assertion(text, client.client_id, keys, issuer, now_s)
    return found.reason if isinstance(found, AssertionFault) else ""


def live_keys(client: Client, now_s: float) -> tuple[ClientKey, ...]:
    """Those registered by value that verify now."""
    return tuple(key for key in client.keys if key.is_live(now_s))


def shown_keys(verdicts: Sequence[KeyVerdict], language: Language) -> list[dict[str, Any]]:
    """For the partner: each key, whether it can be used, and why not."""
    return [
        {"kid": each.key.kid, "alg": each.key.alg, "usable": True}
        if each.key is not None
        else {"usable": False, **_said(each.fault, FAULTS, language)}
        for each in verdicts
    ]


def shown_certificate(verdict: CertificateVerdict, language: Language) -> dict[str, Any]:
    """For the partner: the certificate, whether it can be used, and why not."""
    if verdict.certificate is None:
        return {"usable": False, **_said(verdict.fault, FAULTS, language)}
    return {"thumbprint": verdict.certificate.thumbprint, "expires": verdict.certificate.not_after_s, "usable": True}


def shown_assertion(reason: str, language: Language) -> dict[str, Any]:
    """For the partner: whether the assertion would be accepted, and why not."""
    words = words_of_reason(reason)
    return {"accepted": not reason, **({"reason": reason, "detail": words[language]} if words else {})}


def _said(fault: Fault | None, words: "dict[Fault, Words] | Any", language: Language) -> dict[str, str]:
    return {} if fault is None else {"reason": fault, "detail": words[fault][language]}
