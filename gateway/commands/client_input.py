"""What `clausegate client` is given about a client: read, inferred, and held against agreements first.

Every mistake ends the command with one line.
"""

import asyncio
import json
import time
from pathlib import Path
from typing import Any, Final, cast

from msgspec import Struct

from contracts.agreement import HUB
from gateway.commands.terminal import fail
from gateway.credentials.checking import judged_url
from gateway.credentials.reading import CERTIFICATE_CHARACTERS_MAX, FAULTS, read_certificate
from gateway.credentials.reasons import words_of_reason
from gateway.oauth.clients import ClientFault, NewClient, read_public_keys
from gateway.oauth.key_fetching import KeyFetcher
from gateway.store.clients import AuthMethod, ClientKey, RegisteredCertificate, SubjectKind
from gateway.webhooks.address import Resolver, networks_of, url_fault
from gateway.workspace import Workspace
from policies.clause import Authentication

_JWKS_BYTES_MAX: Final = 1 << 16


class Given(Struct, frozen=True):
    """What options say of a client; `subjects` by kind."""

    jwks: Path | None
    jwks_url: str
    certificate: Path | None
    subjects: dict[str, str]


class Rotation(Struct, frozen=True):
    """What a client is to get beside what it has: keys, or a certificate, or without either a secret."""

    keys: tuple[ClientKey, ...]
    certificate: RegisteredCertificate | None
    overlap_s: int


def known_partner(workspace: Workspace, partner: str) -> None:
    """Ends the command for a partner without an agreement."""
    partners = workspace.plans.partners()
    if partner not in (HUB, *partners):
        fail(f"there is no partner {partner}; there are: {', '.join(partners)}, and {HUB} for our own")


def new_client(client_id: str, partner: str, method: AuthMethod | None, given: Given) -> NewClient:
    """The client that the options say."""
    kinds = ("--jwks", given.jwks), ("--jwks-url", given.jwks_url), ("--certificate", given.certificate)
    said = [name for name, value in kinds if value] + [f"--{_option(kind)}" for kind in given.subjects]
    if len(said) > 1:
        fail(f"a client authenticates in one way: {said[0]} or {said[1]}, not both")
    kind, subject = next(iter(given.subjects.items()), ("", ""))
    return NewClient(
        client_id,
        partner,
        method or _method(given),
        None if given.jwks is None else _jwks(given.jwks),
        jwks_url=given.jwks_url,
        tls_subject_kind=cast(SubjectKind, kind),
        tls_subject=subject,
        certificate_pem="" if given.certificate is None else _text(given.certificate, CERTIFICATE_CHARACTERS_MAX),
    )


def check_method(workspace: Workspace, partner: str, method: AuthMethod) -> None:
    """Ends the command where the partner has agreements and none of them has anything for such a client."""
    plans = [plan for plan in workspace.plans.all_plans() if plan.contract.partner == partner]
    if not plans or any(_admits(plan.authentication, method) for plan in plans):
        return
    asked = next(each for plan in plans for each in plan.authentication if method not in each.methods)
    clause = asked.clause
    fail(
        f"{clause.agreement} {clause.version}, clause {clause.id}, does not admit {method}: "
        f"{clause.text['en']} With --anyway it is registered all the same."
    )


def checked_url(workspace: Workspace, url: str) -> None:
    """Ends the command where no usable key is published at a URL right now."""
    if fault := url_fault(url):
        fail(f"--jwks-url: {fault['en']}")
    try:
        resolver = Resolver(networks_of(workspace.settings.jwks_networks))
    except ValueError as error:
        fail(f"clausegate.toml, jwks_networks: {error}")
    found = asyncio.run(_judged(resolver, url))
    if isinstance(found, str):
        words = words_of_reason(found) or {"en": found}
        fail(f"--jwks-url: {words['en']} With --no-fetch it is registered all the same.")


def rotation_of(jwks: Path | None, certificate: Path | None, overlap_s: int) -> Rotation:
    """What the options of `rotate` say."""
    if jwks is not None and certificate is not None:
        fail("--jwks or --certificate, not both")
    keys = () if jwks is None else read_public_keys(_jwks(jwks), time.time())
    if isinstance(keys, ClientFault):
        fail(f"{jwks}: {keys.reason}")
    if certificate is None:
        return Rotation(keys, None, overlap_s)
    read = read_certificate(_text(certificate, CERTIFICATE_CHARACTERS_MAX), time.time())
    if not isinstance(read, RegisteredCertificate):
        fail(f"{certificate}: {FAULTS[read]['en']}")
    return Rotation((), read, overlap_s)


def _admits(authentication: tuple[Authentication, ...], method: AuthMethod) -> bool:
    return all(method in each.methods for each in authentication)


def _method(given: Given) -> AuthMethod:
    if given.jwks is not None or given.jwks_url:
        return "private_key_jwt"
    if given.certificate is not None:
        return "self_signed_tls_client_auth"
    return "tls_client_auth" if given.subjects else "client_secret_basic"


def _option(kind: str) -> str:
    return "subject-dn" if kind == "dn" else kind.replace("_", "-")


async def _judged(resolver: Resolver, url: str) -> tuple[ClientKey, ...] | str:
    fetcher = KeyFetcher(resolver)
    try:
        return await judged_url(fetcher.fetch, url, time.time())
    finally:
        await fetcher.close()


def _jwks(file: Path) -> dict[str, Any]:
    try:
        with file.open("rb") as opened:
            read = json.loads(opened.read(_JWKS_BYTES_MAX + 1))
    except OSError as error:
        fail(f"{file}: {error.strerror or type(error).__name__}")
    except (ValueError, RecursionError):
        fail(f"{file}: this is no JSON of at most {_JWKS_BYTES_MAX} bytes")
    if not isinstance(read, dict):
        fail(f"{file}: a JWK set is an object with a member keys (RFC 7517 section 5)")
    return read


def _text(file: Path, bytes_max: int) -> str:
    try:
        with file.open("rb") as opened:
            return opened.read(bytes_max + 1).decode("ascii", "replace")
    except OSError as error:
        fail(f"{file}: {error.strerror or type(error).__name__}")
