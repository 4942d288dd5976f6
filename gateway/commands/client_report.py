"""How `clausegate client` shows clients and what they hold; never a secret that was shown before."""

import time
from collections.abc import Iterable
from typing import Any

from msgspec import Struct
from rich.markup import escape

from gateway.commands.client_input import Rotation
from gateway.commands.tables import print_rows, print_tables, table
from gateway.commands.terminal import out, print_json, printable
from gateway.credentials.shown import Looked, last_used_s, next_end_s, rfc3339, shown_client, tier_of


class Said(Struct, frozen=True):
    """The same for machines and for people."""

    facts: dict[str, Any]
    text: str


def shown_all(found: Iterable[Looked], *, as_json: bool) -> None:
    """Every client in a line."""
    now_s = time.time()
    if as_json:
        print_json([_facts(each, now_s) for each in found])
        return
    rows = table("client", "partner", "authenticates by", "tier", "state", "holds", "next ends", "last used")
    for each in found:
        client = each.client
        state = "disabled" if client.disabled else "enabled"
        ends_s, used_s = next_end_s(each, now_s), last_used_s(each)
        holds = _holds(shown_client(each, now_s)["credentials"])
        ends, used = _day(ends_s), _day(used_s)
        rows.add_row(
            client.client_id, client.partner, client.auth_method, tier_of(client.auth_method), state, holds, ends, used
        )
    print_rows(rows, "there is no client; `clausegate client add` registers one")


def shown_one(found: Looked, *, as_json: bool) -> None:
    """One client with all that it holds."""
    now_s, client = time.time(), found.client
    if as_json:
        print_json(_facts(found, now_s))
        return
    state = "disabled" if client.disabled else "enabled"
    method = f"{client.auth_method} ({tier_of(client.auth_method)})"
    out().print(f"{client.client_id} of {client.partner}: {method}, {state}")
    rows = table("kind", "id", "created", "ends", "last used")
    for each in shown_client(found, now_s)["credentials"]:
        cells = (each["kind"], each["id"], each["created"], each["expires"] or "-", each["last_used"] or "never")
        rows.add_row(*map(printable, cells))
    print_tables(rows)


def rotated(client_id: str, rotation: Rotation, secret: str | None, *, dry_run: bool) -> Said:
    """What `rotate` did, or would do."""
    days = rotation.overlap_s // 86_400
    ends = f"What was there before ends in {days} {'day' if days == 1 else 'days'}."
    certificate = rotation.certificate
    facts: dict[str, Any] = {"client_id": client_id, "changed": not dry_run, "overlap_days": days}
    if rotation.keys:
        what = f"public keys of {client_id}: {', '.join(escape(printable(key.kid)) for key in rotation.keys)}"
        facts["keys"] = [key.kid for key in rotation.keys]
    elif certificate is not None:
        what = f"certificate of {client_id}: {certificate.thumbprint}, until {rfc3339(certificate.not_after_s)}"
        facts["certificate"] = certificate.thumbprint
    else:
        what = f"secret  {secret}" if secret is not None else f"secret of {client_id}"
        facts["client_secret"] = secret
    return Said(facts, f"can be added: {what}. Nothing was changed." if dry_run else f"{what}\n[dim]{ends}[/]")


def _facts(found: Looked, now_s: float) -> dict[str, Any]:
    client = found.client
    facts = shown_client(found, now_s)
    ends_s, used_s = next_end_s(found, now_s), last_used_s(found)
    return facts | {
        "partner": client.partner,
        "auth_method": client.auth_method,
        "created_s": client.created_s,
        "next_end": None if ends_s is None else rfc3339(ends_s),
        "last_used": None if used_s is None else rfc3339(used_s),
    }


def _holds(credentials: list[dict[str, Any]]) -> str:
    kinds = [each["kind"] for each in credentials]
    return ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds)) or "nothing"


def _day(time_s: int | None) -> str:
    return "-" if time_s is None else rfc3339(time_s)[:10]
