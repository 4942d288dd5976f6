"""Whether an authority still stands by the certificate that a token is bound to: asked for each call, where there are
lists of revoked certificates.

A token lives five minutes, and who has one shows the certificate again with each call. Of clients that authenticate by
an authority's certificates that certificate is looked at again: what is revoked ends with the next call, wherever the
token was issued. What other clients hold the authority never vouched for; theirs ends by `clausegate client`.
"""

from gateway.oauth.certificate import Certificate
from gateway.oauth.certificates import Authorities, AuthorityFault
from gateway.store.clients import Clients


class CertificateStanding:
    """Knows which clients are meant. Belongs to one event loop."""

    def __init__(self, authorities: Authorities, clients: Clients) -> None:
        self._authorities, self._clients = authorities, clients
        self._by_authority: frozenset[str] = frozenset()

    async def follow(self) -> None:
        """Read which clients authenticate by certificates of an authority. Raises StoreError.

        For the time until the next reading a client that was added meanwhile is not known here: its certificate was
        looked at where it got its token.
        """
        self._by_authority = await self._clients.by_authority()

    def fault(self, client_id: str, certificate: Certificate, now_s: float) -> AuthorityFault | None:
        """Why a client's certificate is no longer good at `now_s` (Unix seconds); None for nothing."""
        return self._authorities.still(certificate, now_s) if client_id in self._by_authority else None
