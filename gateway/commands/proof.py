"""clausegate proof: a DPoP proof for one call, for trying a gateway out with curl."""

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.commands.terminal import FormatOption, fail, print_json

if TYPE_CHECKING:
    from gateway.oauth.proof import ProofKey

NAME = "proof"
_PEM_BYTES_MAX = 1 << 16
_TIMEOUT_S = 10
NO_KEY = "a PEM file with a private key without password is needed: P-256, Ed25519, or RSA of 2048 bits or more"


def run(
    url: Annotated[str, typer.Argument(metavar="URL", help="The address that is called; a query does not matter.")],
    *,
    key: Annotated[Path, typer.Option("--key", metavar="PEM", help="The private key that the token is bound to.")],
    method: Annotated[str, typer.Option("--method", help="The method of the call.")] = "GET",
    token_env: Annotated[
        str, typer.Option("--token-env", metavar="NAME", help="The variable with the access token; unset: without one.")
    ] = "CLAUSEGATE_TOKEN",  # noqa: S107 - the name of a variable
    nonce: Annotated[
        str | None, typer.Option("--nonce", help="What the gateway's last DPoP-Nonce header said.")
    ] = None,
    nonce_from: Annotated[
        str | None,
        typer.Option("--nonce-from", metavar="URL", help="Get the nonce first, with a GET of this address."),
    ] = None,
    output: FormatOption = "text",
) -> None:
    """Print a DPoP proof (RFC 9449) for one call: send it as the header DPoP, within a minute and once.

    The token is read from the environment, so that it is in no list of processes; the call then says `Authorization:
    DPoP TOKEN`. A gateway asks for a nonce of its own in each proof: `--nonce-from` asks it for one, with the token.
    """
    from gateway.oauth.proof import make_proof, read_proof_key

    for address in (url, nonce_from):
        if address is not None and not address.startswith(("http://", "https://")):
            fail(f"{address}: an address begins with https://, or http:// within the machine")
    if nonce is not None and nonce_from is not None:
        fail("give --nonce or --nonce-from")
    proving = read_proof_key(read_pem(key))
    if proving is None:
        fail(f"{key}: {NO_KEY}")
    token = os.environ.get(token_env) or None
    if nonce_from is not None:
        nonce = _fetched(nonce_from, proving, token)
    proof = make_proof(proving, method.upper(), url, time.time(), token=token, nonce=nonce)
    if output == "json":
        print_json({"proof": proof, "jkt": proving.thumbprint, "nonce": nonce})
    else:
        typer.echo(proof)


def read_pem(file: Path) -> bytes:
    """A small file; where it cannot be read, one line says so and the command ends."""
    try:
        with file.open("rb") as opened:
            return opened.read(_PEM_BYTES_MAX)
    except OSError as error:
        fail(f"{file}: {error.strerror or type(error).__name__}")


def _fetched(url: str, key: "ProofKey", token: str | None) -> str:
    """The nonce that the gateway gives whoever comes without one."""
    import httpx

    from gateway.oauth.proof import make_proof

    headers = {"DPoP": make_proof(key, "GET", url, time.time(), token=token)}
    if token is not None:
        headers["Authorization"] = f"DPoP {token}"
    try:
        answer = httpx.get(url, headers=headers, timeout=_TIMEOUT_S, trust_env=False)
    except httpx.InvalidURL:
        fail(f"{url}: this is no address")
    except httpx.HTTPError as error:
        fail(f"{url} cannot be asked for a nonce: {type(error).__name__}")
    nonce = answer.headers.get("dpop-nonce")
    if not nonce:
        fail(
            f"{url} answered {answer.status_code} without a DPoP-Nonce: is the token bound to this key, and still good?"
        )
    return str(nonce)
