"""Opening the state store of a workspace, its secrets sealed by what the settings say."""

import logging
from pathlib import Path

from gateway.settings import Settings
from gateway.store.encryption import Encryption
from gateway.store.faults import StoreError
from gateway.store.hidden import Hidden
from gateway.store.key_encryption import BadKeyError, KeyEncryption, local_keys
from gateway.store.sealed_rows import SealedRows
from gateway.store.store import Store
from gateway.store.transit import TransitKey

_LOG = logging.getLogger("clausegate.store")


def encryption_of(settings: Settings) -> Encryption:
    """The engine of key_encryption_url first, if there is one; then the keys of key_encryption_key, in their order.
    Raises BadKeyError."""
    keys: list[KeyEncryption] = []
    if settings.key_encryption_url:
        keys.append(TransitKey(settings.key_encryption_url, Hidden(settings.key_encryption_token)))
    return Encryption([*keys, *local_keys(settings.key_encryption_key)])


async def open_store(settings: Settings, folder: Path, *, warns: bool = False) -> Store:
    """The state store of the workspace at `folder`. Secrets that are not sealed yet are sealed, if there is a key.

    Raises StoreError; also where a secret is sealed under a key that is not there, and then nothing was changed.
    `warns`: a line on the log where secrets are kept as they are.
    """
    url = settings.database_url(folder)
    try:
        encryption = encryption_of(settings)
    except BadKeyError as error:
        raise StoreError("sealed", "of clausegate.toml", str(error)) from None
    store = await Store.open(url, encryption)
    try:
        await SealedRows(store).secure()
    except BaseException:
        await store.close()
        raise
    if warns and not encryption.key_id:
        _LOG.warning("private keys are not encrypted at rest: clausegate.toml sets no key_encryption_key")
    return store
