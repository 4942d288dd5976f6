"""clausegate openapi: the OpenAPI document, of one partner or of the hub."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from contracts.openapi import openapi_for
from contracts.plan import Plan
from gateway.commands.terminal import Folder, fail, open_workspace, print_json
from gateway.workspace import Workspace, issuer_of

NAME = "openapi"


def run(
    folder: Folder,
    partner: Annotated[str | None, typer.Option("--partner", metavar="ID", help="One partner's own document.")] = None,
) -> None:
    """Print OpenAPI 3.1, generated from what is executed: only the paths, fields and limits that are there.

    Without `--partner`, the union that the hub offers. Operations that are announced to end are `deprecated`.
    """
    workspace = open_workspace(folder)
    plans = workspace.plans.all_plans()
    if partner is not None:
        plans = tuple(plan for plan in plans if plan.contract.partner == partner)
        if not plans:
            fail(f"there is no partner {partner}; there are: {', '.join(workspace.plans.partners())}")
    print_json(openapi_for(plans, partner, issuer_of(workspace), is_deprecated=_deprecated(workspace)))


def _deprecated(workspace: Workspace) -> Callable[[Plan], bool]:
    """Which plans are announced to end. Documents alone, without a state store, announce nothing."""
    from gateway.notices.in_force import in_force

    settings = workspace.settings
    database = settings.database_url(workspace.folder)
    if not settings.store_url and not Path(database.removeprefix("sqlite:///")).exists():
        return lambda _: False
    from gateway.commands.reading import reading
    from gateway.store.notices import read_known

    ending, now_us = in_force(reading(workspace, read_known)), time.time_ns() // 1000

    def ends(plan: Plan) -> bool:
        return ending.is_deprecated(plan.product, plan.product_version, plan.contract.agreement, now_us)

    return ends
