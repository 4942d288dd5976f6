"""TLS of the gateway's own socket, with client certificates for those who have one (RFC 8705).

A handshake asks for a certificate and does without. One that is shown has to lead to an authority of `client_ca_file`
or to a certificate that some client registered: Python's ssl module lets nothing else through, and offers no way to
look at it later. So registered certificates become anchors of the handshake, which proves no more than that the caller
has the private key: gateway/oauth/certificates.py decides whose certificate it is, and never by the handshake.
"""

import asyncio
import ssl
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NoReturn

import structlog

from gateway.file_stamp import Replaced, reason_of
from gateway.store.clients import Clients, RegisteredCertificate
from gateway.store.faults import StoreError
from gateway.store.store import Store

FOLLOW_S = 0.5
"""So often registered certificates are read: a new one passes the handshake of every worker within a second."""
REPLACED_S = 2.0
"""So often it is looked whether the gateway's own certificate was replaced."""
_CIPHERS = "ECDHE+AESGCM"
"""Of TLS 1.2, the suites that RFC 9325 section 4.2 recommends: FAPI 2.0 (section 5.2.2) admits no other."""

_log = structlog.get_logger(__name__)


class TlsContext:
    """TLS 1.2 and later, HTTP/1.1. Raises OSError (ssl.SSLError is one) where a file cannot be read or used.

    `context` is the one to serve with, for good; each handshake goes on with `current` from its first message on. So a
    certificate that was replaced is let go of whole, and one that is registered no more: a context never forgets an
    anchor, nor a certificate of its own whose key is of another kind.
    """

    def __init__(self, certificate_file: str, key_file: str = "", client_ca_file: str = "") -> None:
        self._files = certificate_file, key_file or certificate_file
        self._replaced = Replaced(self._files)
        # Kept as it was at the start, as by whoever decides whose certificate it is.
        self._authorities = Path(client_ca_file).read_bytes().decode("ascii", "ignore") if client_ca_file else ""
        self._registered: dict[str, str] = {}
        self._broken: set[str] = set()
        self._keeps = False  # one that is registered no more
        self.current = self.context = self._made()
        self.context.sni_callback = self._choose

    def adopt(self, certificates: Iterable[RegisteredCertificate]) -> None:
        """Let these through the handshakes to come, and none that is registered no more."""
        before, self._registered = self._registered, {each.thumbprint: each.pem for each in certificates}
        if before.keys() <= self._registered.keys():
            self._admit(self.current, {name: pem for name, pem in self._registered.items() if name not in before})
            return
        try:
            self._serve_by(self._made())
        except OSError as error:
            # One that is gone identifies nobody in any case. Known as before, so that the next look tries again.
            if not self._keeps:
                _log.warning(
                    "a certificate that is registered no more still passes handshakes", reason=reason_of(error)
                )
            self._keeps = True
            self._admit(self.current, self._registered)
            self._registered = before | self._registered

    async def follow(self) -> None:
        """Look once whether the files were replaced, and show the new certificate from then on. One that cannot be
        used, alone or with its key, changes nothing: it is said once."""
        if not await asyncio.to_thread(self._replaced.look):
            return
        try:
            made = await asyncio.to_thread(self._made)
        except OSError as error:
            _log.error("the gateway's new certificate cannot be used: the one before stays", reason=reason_of(error))
            return
        self._serve_by(made)
        _log.info("the gateway has a new certificate")

    def _serve_by(self, context: ssl.SSLContext) -> None:
        self._admit(context, self._registered)
        self.current, self._keeps = context, False

    def _made(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(_CIPHERS)
        # A resumed session holds the client's certificate, but not those between it and its authority.
        context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION
        context.num_tickets = 0
        context.set_alpn_protocols(["http/1.1"])
        context.load_cert_chain(*self._files, password="")  # else it would ask the terminal
        context.verify_mode = ssl.CERT_OPTIONAL
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # an anchor need be no root
        if self._authorities:
            context.load_verify_locations(cadata=self._authorities)
        return context

    def _choose(self, handshake: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        """Asked at the beginning of each handshake, whether it names a server or not."""
        if self.current is not self.context:
            handshake.context = self.current

    def _admit(self, context: ssl.SSLContext, certificates: dict[str, str]) -> None:
        for thumbprint, pem in certificates.items():
            try:
                context.load_verify_locations(cadata=pem)
            except (ssl.SSLError, ValueError):
                if thumbprint not in self._broken:
                    _log.warning("a registered certificate cannot be used in handshakes", thumbprint=thumbprint)
                self._broken.add(thumbprint)


async def follow_certificates(
    store: Store, adopt: Callable[[Iterable[RegisteredCertificate]], None], interval_s: float = FOLLOW_S
) -> NoReturn:
    """Hand the registered self-signed certificates to `adopt` again and again, until cancelled.

    While the store cannot be read, those that are known stay.
    """
    faulty, clients = False, Clients(store)
    while True:
        try:
            adopt(await clients.self_signed())
            if faulty:
                _log.info("registered certificates are being read again")
            faulty = False
        except StoreError as error:
            if not faulty:
                _log.warning("registered certificates cannot be read", error=str(error))
            faulty = True
        await asyncio.sleep(interval_s)


def tls_extension(ssl_object: Any) -> dict[str, Any] | None:
    """What the scope of a request says of its connection (ASGI TLS extension 0.2); None for one without TLS.

    The certificate's chain is what the client sent, its own certificate first; empty where it has none.
    """
    if ssl_object is None:
        return None
    own = ssl_object.getpeercert(binary_form=True)
    chain = [own, *_sent_besides(ssl_object, own)] if own else []
    return {
        "server_cert": None,
        "client_cert_chain": [ssl.DER_cert_to_PEM_cert(der) for der in chain],
        "client_cert_name": None,
        "client_cert_error": None,
        "tls_version": _VERSIONS.get(ssl_object.version()),
        "cipher_suite": None,
    }


_VERSIONS = {"TLSv1.2": 0x0303, "TLSv1.3": 0x0304}


def _sent_besides(ssl_object: Any, own: bytes) -> list[bytes]:
    """The other certificates of a handshake. Public from Python 3.13 on, where it returns DER."""
    inner = getattr(ssl_object, "_sslobj", None)
    sent: Iterable[Any] = getattr(inner, "get_unverified_chain", list)() or ()
    found = (each if isinstance(each, bytes) else ssl.PEM_cert_to_DER_cert(each.public_bytes()) for each in sent)
    return [der for der in found if der != own]
