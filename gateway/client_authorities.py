"""Who issues client certificates, and which of these they revoked: wired for gateway/identity.py."""

from contextlib import AsyncExitStack
from pathlib import Path

from msgspec import Struct

from gateway.oauth.certificates import Authorities
from gateway.oauth.crl_files import FOLLOW_S, CrlFileError, CrlFiles
from gateway.oauth.guard import StandingOf, unasked
from gateway.oauth.standing import CertificateStanding
from gateway.repeating import Repeating
from gateway.settings import Settings
from gateway.starting import StartError
from gateway.store.clients import Clients
from gateway.store.faults import StoreError
from gateway.store.store import Store


class ClientAuthorities(Struct, frozen=True):
    """`authorities` are asked where a client authenticates, `standing_of` for each call with a token of one."""

    authorities: Authorities
    standing_of: StandingOf


async def open_client_authorities(
    settings: Settings, folder: Path, store: Store, stack: AsyncExitStack
) -> ClientAuthorities:
    """Both, from the files that the settings name, relative to `folder`; the stack ends what follows them. Raises
    StartError."""
    try:
        authorities = Authorities.read(str(folder / settings.client_ca_file) if settings.client_ca_file else "")
    except (OSError, ValueError) as error:
        raise StartError(f"clausegate.toml, client_ca_file: {error}") from None
    if not settings.client_crl_files:
        return ClientAuthorities(authorities, unasked)
    if not authorities.anchors:
        raise StartError("clausegate.toml, client_crl_files: there is no client_ca_file that they could be about")
    try:
        files = CrlFiles(folder, settings.client_crl_files, authorities)
    except CrlFileError as error:
        raise StartError(f"clausegate.toml, client_crl_files: {error}") from None
    standing = CertificateStanding(authorities, Clients(store))
    try:
        await standing.follow()
    except StoreError as error:
        raise StartError(f"the state store cannot be used: {error}") from None
    following = (
        Repeating(files.follow, fails="", again=""),  # it says itself what is wrong with which file
        Repeating(
            standing.follow,
            fails="which clients have certificates of an authority cannot be read",
            again="which clients have certificates of an authority is being read again",
        ),
    )
    for each in following:
        each.start(FOLLOW_S)
        stack.push_async_callback(each.close)
    return ClientAuthorities(authorities, standing.fault)
