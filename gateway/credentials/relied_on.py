"""Certificates that the hub itself relies on: of its own TLS, of authorities that issue its partners theirs, and of its
calls of partners' interfaces.

Operators replace these files in place. A certificate with its key is taken over within seconds where it can be used,
so what is in use is what the files say, or said last. Authorities are read at the start alone: of these both are
followed, what is in use until the next start and what the file says now.
"""

import ssl
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import structlog
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from msgspec import Struct

from contracts.agreement import HUB
from gateway.oauth.certificate import thumbprint_of, validity
from gateway.outbound.target import ServiceTarget
from gateway.settings import Settings
from gateway.store.expiries import Held, HubsKind

_log = structlog.get_logger(__name__)


class Place(Struct, frozen=True):
    """Where certificates stand: `setting` is tls_certificate_file, client_ca_file, or services.<name>. `key_file` holds
    the key of the first of them, None where none is needed."""

    kind: HubsKind
    setting: str
    file: Path
    key_file: Path | None = None


class Relied(Struct, frozen=True):
    """One certificate. `thumbprint` is its x5t#S256 (RFC 8705 section 3.1), `subject` as RFC 4514 writes it; times are
    Unix seconds."""

    place: Place
    thumbprint: str
    subject: str
    begins_s: int
    ends_s: int


class Reading(Struct, frozen=True):
    """What the files hold, in their order, and which of them cannot be used: read as certificates, with their key."""

    certificates: tuple[Relied, ...]
    unreadable: tuple[Place, ...]


def places_of(settings: Settings, folder: Path, services: Mapping[str, ServiceTarget]) -> tuple[Place, ...]:
    """Every file of certificates that a workspace in `folder` names. A proxy's are not among them: it has its own."""
    found = []
    if settings.tls_certificate_file:
        files = settings.tls_certificate_file, settings.tls_key_file or settings.tls_certificate_file
        found.append(Place("server-certificate", "tls_certificate_file", *(folder / file for file in files)))
    if settings.client_ca_file:
        found.append(Place("client-authority", "client_ca_file", folder / settings.client_ca_file))
    found += [
        Place("service-certificate", f"services.{name}", Path(target.certificate_file), Path(target.key_file))
        for name, target in sorted(services.items())
        if target.certificate_file
    ]
    return tuple(found)


def read_places(places: Iterable[Place]) -> Reading:
    """Read the files anew: each certificate in them counts, those between the first and its root as well."""
    found: list[Relied] = []
    unreadable = []
    for place in places:
        try:
            read = x509.load_pem_x509_certificates(place.file.read_bytes())
            _check_key(place)
            found += [_relied(place, each) for each in read]
        except (OSError, ValueError):
            unreadable.append(place)
    return Reading(tuple(found), tuple(unreadable))


class ReliedOn:
    """What a process relies on, from its start on. `read` reads the files anew."""

    def __init__(self, read: Callable[[], Reading]) -> None:
        self._read = read
        self._in_use: dict[Place, tuple[Relied, ...]] = {}
        self._unreadable: frozenset[Place] = frozenset()

    def held(self) -> tuple[Held, ...]:
        """What is in use and what is in the files, each certificate of a kind once. Waits for the disk."""
        now = self._read()
        self._tell(now.unreadable)
        by_place = {place: _of(place, now) for place in dict.fromkeys(each.place for each in now.certificates)}
        at_start = {place for place in by_place if place.kind == "client-authority"}
        kept = {place: found for place, found in self._in_use.items() if place in at_start | {*now.unreadable}}
        self._in_use = by_place | kept
        in_use = [each for found in self._in_use.values() for each in found]
        # Of authorities in use none is replaced by a file that nobody has read since the start.
        found = [_held(each, "") for each in in_use]
        found += [_held(each, " at the next start") for each in now.certificates if each not in in_use]
        return tuple({each.credential: each for each in reversed(found)}.values())

    def _tell(self, unreadable: Iterable[Place]) -> None:
        """Once, until it can be read again."""
        now = frozenset(unreadable)
        for place in now - self._unreadable:
            _log.warning("nobody can see when these certificates end: the file cannot be used", setting=place.setting)
        self._unreadable = now


def _check_key(place: Place) -> None:
    """Whether the key is there, and the first certificate's: else nobody takes them over. Raises OSError."""
    if place.key_file is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_cert_chain(place.file, place.key_file, password="")  # else it would ask the terminal


def _of(place: Place, reading: Reading) -> tuple[Relied, ...]:
    return tuple(each for each in reading.certificates if each.place == place)


def _relied(place: Place, certificate: x509.Certificate) -> Relied:
    thumbprint = thumbprint_of(certificate.public_bytes(Encoding.DER))
    return Relied(place, thumbprint, certificate.subject.rfc4514_string(), *validity(certificate))


def _held(relied: Relied, when: str) -> Held:
    """One of the same subject in the same place may replace it, and no other."""
    place = f"{relied.place.setting}{when}: {relied.subject}"
    times = (relied.begins_s, relied.ends_s, relied.begins_s)
    return Held(HUB, HUB, relied.place.kind, relied.thumbprint, *times, place)
