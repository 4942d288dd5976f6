"""clausegate client: the OAuth clients of partners; every change is a record on the audit log."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from gateway.commands.terminal import Folder, FormatOption, fail, open_workspace, out, print_json

if TYPE_CHECKING:
    from gateway.authority import Administration
    from gateway.commands.client_input import Rotation
    from gateway.credentials.changing import CredentialAuthority, CredentialRefused, NewSecret
    from gateway.credentials.shown import Looked
    from gateway.store.clients import Client

NAME = "client"
app = typer.Typer(
    name=NAME,
    help="The OAuth clients of partners: add, list, show, disable, enable, rotate, revoke. All on the audit log.",
    no_args_is_help=True,
)
ClientId = Annotated[str, typer.Argument(metavar="CLIENT_ID", help="The OAuth client.")]
Method = Literal["private_key_jwt", "client_secret_basic", "tls_client_auth", "self_signed_tls_client_auth"]
JwksOption = Annotated[Path | None, typer.Option("--jwks", metavar="FILE", help="Its public keys, as a JWK set.")]
PemOption = Annotated[Path | None, typer.Option("--certificate", metavar="FILE", help="Its own certificate, as PEM.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and change nothing.")]


@app.command("list")
def list_all(folder: Folder, output: FormatOption = "text") -> None:
    """List every client: its partner, how it authenticates, its tier, what it holds, what ends next, its last use."""
    from gateway.commands.client_report import shown_all
    from gateway.commands.reading import reading
    from gateway.credentials.shown import looked_up
    from gateway.store.clients import Clients
    from gateway.store.store import Store

    async def read(store: Store) -> "list[Looked]":
        found = [await Clients(store).find(each.client_id) for each in await Clients(store).all()]
        return [await looked_up(store, each) for each in found if each is not None]

    shown_all(reading(open_workspace(folder), read), as_json=output == "json")


@app.command()
def show(folder: Folder, client_id: ClientId, output: FormatOption = "text") -> None:
    """Show one client: each key, certificate and secret with when it was made, when it ends and its last use."""
    from gateway.commands.client_report import shown_one
    from gateway.commands.reading import reading
    from gateway.credentials.shown import looked_up
    from gateway.store.clients import Clients
    from gateway.store.store import Store

    async def read(store: Store) -> "Looked | None":
        client = await Clients(store).find(client_id)
        return None if client is None else await looked_up(store, client)

    found = reading(open_workspace(folder), read)
    if found is None:
        fail(f"there is no client {client_id}; `clausegate client list` shows all")
    shown_one(found, as_json=output == "json")


@app.command()
def add(
    folder: Folder,
    client_id: ClientId,
    *,
    partner: Annotated[
        str,
        typer.Option("--partner", metavar="ID", help="Whose client it is; hub: of the hub's own, to call partners."),
    ],
    auth_method: Annotated[
        Method | None, typer.Option("--auth-method", help="How it authenticates; without, what is given says it.")
    ] = None,
    jwks: JwksOption = None,
    jwks_url: Annotated[
        str, typer.Option("--jwks-url", metavar="URL", help="Or where it publishes them; fetched once to see.")
    ] = "",
    certificate: PemOption = None,
    subject_dn: Annotated[
        str, typer.Option("--subject-dn", metavar="DN", help="The subject of certificates that an authority issues it.")
    ] = "",
    san_dns: Annotated[str, typer.Option("--san-dns", metavar="NAME", help="Or a DNS name in them.")] = "",
    san_uri: Annotated[str, typer.Option("--san-uri", metavar="URI", help="Or a URI in them.")] = "",
    san_ip: Annotated[str, typer.Option("--san-ip", metavar="ADDRESS", help="Or an address in them.")] = "",
    san_email: Annotated[str, typer.Option("--san-email", metavar="ADDRESS", help="Or an e-mail address.")] = "",
    no_fetch: Annotated[bool, typer.Option("--no-fetch", help="Do not look at the URL of its keys now.")] = False,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Also where no agreement of the partner admits its method.")
    ] = False,
    output: FormatOption = "text",
) -> None:
    """Register a client of a partner. A secret is shown this once; with keys or a certificate there is none.

    Refused where every agreement of the partner asks for another method: the clause is named.
    """
    from gateway.commands.administering import administer
    from gateway.commands.client_input import Given, check_method, checked_url, known_partner, new_client

    workspace = open_workspace(folder)
    known_partner(workspace, partner)
    subjects = {"dn": subject_dn, "san_dns": san_dns, "san_uri": san_uri, "san_ip": san_ip, "san_email": san_email}
    given = Given(jwks, jwks_url, certificate, {kind: value for kind, value in subjects.items() if value})
    new = new_client(client_id, partner, auth_method, given)
    if not anyway:
        check_method(workspace, partner, new.auth_method)
    if new.jwks_url and not no_fetch:
        checked_url(workspace, new.jwks_url)
    added = administer(workspace, lambda administration: administration.add_client(new))
    secret = added.secret.reveal() if added.secret else None
    if output == "json":
        facts = {"client_id": client_id, "partner": partner, "auth_method": new.auth_method, "client_secret": secret}
        print_json(facts)
        return
    out().print(f"{client_id} of {partner} is registered: {new.auth_method}")
    if secret is not None:
        out().print(f"secret  {secret}\n[dim]Keep it: it is stored as a hash only.[/]", soft_wrap=True)


@app.command()
def disable(folder: Folder, client_id: ClientId) -> None:
    """Give a client no more tokens, and revoke those it has; within a second, while a gateway serves."""
    _set_disabled(folder, client_id, True)


@app.command()
def enable(folder: Folder, client_id: ClientId) -> None:
    """Let a disabled client get tokens again. Those from before stay revoked."""
    _set_disabled(folder, client_id, False)


@app.command()
def revoke(folder: Folder, client_id: ClientId) -> None:
    """Revoke all tokens that a client has, within a second while a gateway serves. It may get new ones at once."""
    from gateway.commands.acting import account
    from gateway.commands.administering import administer

    async def work(administration: "Administration") -> None:
        client = await administration.client(client_id)
        await _authority(administration).revoke_tokens(client, account())

    administer(open_workspace(folder), work)
    out().print(f"all tokens of {client_id} are revoked")


@app.command()
def rotate(
    folder: Folder,
    client_id: ClientId,
    *,
    jwks: JwksOption = None,
    certificate: PemOption = None,
    overlap: Annotated[
        int, typer.Option("--overlap", metavar="DAYS", min=0, max=90, help="So long what there is stays good.")
    ] = 7,
    dry_run: DryRun = False,
    output: FormatOption = "text",
) -> None:
    """Give a client something new beside what it has, which ends after the overlap, so that nothing is interrupted.

    Without an option that is a second secret, shown this once; with `--jwks` public keys, with `--certificate` a
    certificate.
    """
    from gateway.commands.administering import administer
    from gateway.commands.client_input import rotation_of
    from gateway.commands.client_report import rotated
    from gateway.credentials.changing import CredentialRefused

    workspace = open_workspace(folder)
    rotation = rotation_of(jwks, certificate, overlap * 86_400)

    async def work(administration: "Administration") -> "NewSecret | CredentialRefused | None":
        client = await administration.client(client_id)
        return await _rotate(_authority(administration), client, rotation, dry_run=dry_run)

    made = administer(workspace, work)
    if isinstance(made, CredentialRefused):
        fail(made.message)
    said = rotated(client_id, rotation, None if made is None else made.secret.reveal(), dry_run=dry_run)
    if output == "json":
        print_json(said.facts)
    else:
        out().print(said.text, soft_wrap=True)


async def _rotate(
    authority: "CredentialAuthority", client: "Client", rotation: "Rotation", *, dry_run: bool
) -> "NewSecret | CredentialRefused | None":
    from gateway.commands.acting import account

    if dry_run:
        return authority.refusal(client, rotation.keys, rotation.certificate)
    if rotation.keys:
        return await authority.add_keys(client, rotation.keys, account(), overlap_s=rotation.overlap_s)
    if rotation.certificate is not None:
        return await authority.add_certificate(client, rotation.certificate, account(), overlap_s=rotation.overlap_s)
    return await authority.add_secret(client, account(), overlap_s=rotation.overlap_s)


def _authority(administration: "Administration") -> "CredentialAuthority":
    from gateway.credentials.changing import CredentialAuthority

    return CredentialAuthority(administration.store, administration.writer)


def _set_disabled(folder: Path, client_id: str, disabled: bool) -> None:
    from gateway.commands.administering import administer

    administer(open_workspace(folder), lambda administration: administration.set_disabled(client_id, disabled))
    out().print(f"{client_id} is {'disabled' if disabled else 'enabled'}")
