"""clausegate openapi: the OpenAPI document, of one partner or of the hub."""

from typing import Annotated

import typer

from contracts.openapi import openapi_for
from gateway.commands.terminal import Folder, fail, open_workspace, print_json
from gateway.workspace import issuer_of

NAME = "openapi"


def run(
    folder: Folder,
    partner: Annotated[str | None, typer.Option("--partner", metavar="ID", help="One partner's own document.")] = None,
) -> None:
    """Print OpenAPI 3.1, generated from what is executed: only the paths, fields and limits that are there.

    Without `--partner`, the union that the hub offers.
    """
    workspace = open_workspace(folder)
    plans = workspace.plans.all_plans()
    if partner is not None:
        plans = tuple(plan for plan in plans if plan.contract.partner == partner)
        if not plans:
            fail(f"there is no partner {partner}; there are: {', '.join(workspace.plans.partners())}")
    print_json(openapi_for(plans, partner, issuer_of(workspace)))
