"""The keys of the transparency log, all derived from two secrets of the state store.

Each tree has an Ed25519 key of its own under its origin; receipts have one that the gateway's workers need, and which
signs no checkpoint; each tree that is anchored in the root log has a blinding key, known to its partner.
"""

import hashlib
import hmac
from urllib.parse import urlsplit

from msgspec import Struct

from gateway.settings import Settings
from gateway.store.hidden import Hidden
from gateway.store.log_state import LogStates
from gateway.store.server_secrets import ServerSecrets
from gateway.store.store import Store
from gateway.tlog.layout import ROOT
from gateway.tlog.note import Signer, VerifierKey

CHECKPOINT_SECRET = "log-checkpoint"  # noqa: S105 - names of secrets
RECEIPT_SECRET = "log-receipt"  # noqa: S105


class LogKeys(Struct, frozen=True):
    """`origin` is that of the root log; others stand below it."""

    origin: str
    checkpoints: Hidden[bytes]
    receipts: Hidden[bytes]

    def origin_of(self, tree: str) -> str:
        """The origin line of a tree's checkpoints, which is its key's name as well."""
        return self.origin if tree == ROOT else f"{self.origin}/{tree}"

    def signer(self, tree: str) -> Signer:
        """Signs the checkpoints of one tree."""
        origin = self.origin_of(tree)
        return Signer(origin, _derived(self.checkpoints, f"clausegate checkpoint key v1\n{origin}"))

    def verifier(self, tree: str) -> VerifierKey:
        """The public key of one tree's checkpoints."""
        return self.signer(tree).verifier

    def receipt_signer(self) -> Signer:
        """Signs the promises of receipts."""
        origin = f"{self.origin}/receipts"
        return Signer(origin, _derived(self.receipts, f"clausegate receipt key v1\n{origin}"))

    def notice_signer(self) -> Signer:
        """Signs what the hub announces (gateway/notices/signing.py)."""
        origin = f"{self.origin}/notices"
        return Signer(origin, _derived(self.checkpoints, f"clausegate notice key v1\n{origin}"))

    def blinding_key(self, tree: str) -> bytes:
        """32 bytes that hide a tree's checkpoints in the root log from all but its partner."""
        return _derived(self.checkpoints, f"clausegate blinding key v1\n{self.origin_of(tree)}")


class OriginError(Exception):
    """The settings give the log another name than its checkpoints have; the text is for the operator."""


async def load_log_keys(store: Store, settings: Settings, now_s: int) -> LogKeys:
    """The keys of this hub, made when they are asked for first.

    The log's name is fixed with its first checkpoint: from then on the one in the store counts, and settings that say
    otherwise are an error. Raises StoreError, OriginError.
    """
    origin = await LogStates(store).origin()
    if origin and settings.log_origin not in ("", origin):
        raise OriginError(
            f"clausegate.toml, log_origin: the log is named {origin} since its first checkpoint, and cannot become "
            f"{settings.log_origin}; leave the setting out, or begin another log with another state store"
        )
    secrets = ServerSecrets(store)
    checkpoints = await secrets.obtain(CHECKPOINT_SECRET, now_s)
    receipts = await secrets.obtain(RECEIPT_SECRET, now_s)
    return LogKeys(origin or origin_from(settings, checkpoints), checkpoints, receipts)


def origin_from(settings: Settings, secret: Hidden[bytes]) -> str:
    """What the settings say; else the host that partners use; else a name that no other hub has."""
    if settings.log_origin:
        return settings.log_origin
    host = urlsplit(settings.base_url).netloc
    return f"{host}/log" if host else f"log.invalid/{_derived(secret, 'clausegate origin v1').hex()[:16]}"


def _derived(secret: Hidden[bytes], purpose: str) -> bytes:
    return hmac.digest(secret.reveal(), purpose.encode(), hashlib.sha256)
