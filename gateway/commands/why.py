"""clausegate why: why a call was refused, by the id of its request."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.commands.terminal import (
    EXIT_FOUND,
    Folder,
    FormatOption,
    LanguageOption,
    fail,
    language_or_terminal,
    open_workspace,
    out,
    print_json,
    printable,
)

if TYPE_CHECKING:
    from gateway.credentials.noted import RefusedCall
    from gateway.store.store import Store

NAME = "why"


def run(
    folder: Folder,
    request_id: Annotated[
        str | None, typer.Argument(metavar="REQUEST_ID", help="The X-Request-Id of the answer that refused it.")
    ] = None,
    *,
    client: Annotated[
        str | None, typer.Option("--client", metavar="ID", help="Or the latest refusals of this client.")
    ] = None,
    partner: Annotated[
        str | None, typer.Option("--partner", metavar="ID", help="Or those of this partner; unknown: of nobody's.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1_000, help="So many, the latest.")] = 20,
    language: LanguageOption = None,
    output: FormatOption = "text",
) -> None:
    """Say why calls were refused: what the caller was told, and the reason that it was not told.

    Refusals are kept for seven days, the latest 1,000 of each partner; nothing that was sent is. Exit status 1 when
    nothing is known of any.
    """
    from gateway.commands.reading import reading
    from gateway.credentials.refusal_routes import shown_refusal
    from gateway.store.refusals import KeptRefusals

    if (request_id is not None) + (client is not None or partner is not None) != 1:
        fail("say which: REQUEST_ID, or --client ID, or --partner ID")
    workspace, chosen = open_workspace(folder), language_or_terminal(language)

    async def read(store: "Store") -> "tuple[RefusedCall, ...]":
        kept = KeptRefusals(store)
        if request_id is None:
            return await kept.latest(limit, partner="" if partner == "unknown" else partner, client_id=client)
        found = await kept.find(request_id)
        return () if found is None else (found,)

    calls = reading(workspace, read)
    shown = [shown_refusal(each, chosen, workspace.plans) | {"partner": each.partner or None} for each in calls]
    if output == "json":
        print_json({"refusals": shown})
    for each in shown if output == "text" else ():
        _print(each)
    if not shown:
        if output == "text":
            out().print("nothing is known of such a refusal", markup=False)
        raise typer.Exit(EXIT_FOUND)


def _print(refusal: dict[str, Any]) -> None:
    whose = refusal["client_id"] or "an unknown client"
    of_partner = f" of {refusal['partner']}" if refusal["partner"] else ""
    lines = [f"{refusal['request_id']}  {refusal['time']}  {whose}{of_partner}  {refusal['door']}"]
    lines.append(f"  {refusal['status']} {refusal['code']}: {refusal['title']}")
    if refusal["reason"]:
        lines.append(f"  {refusal['reason']}: {refusal['detail'] or '-'}")
    clause = refusal["clause"]
    if clause:
        lines.append(f"  {clause['agreement']} {clause['version']}, {clause['id']}: {clause['text'] or '-'}")
    for line in lines:
        out().print(printable(line), markup=False, soft_wrap=True)
