"""clausegate check: are the documents right? All mistakes of all files in one report."""

import time
from importlib.metadata import version
from typing import Annotated, Literal, TypeAlias

import typer

from contracts.finding import Finding, errors, in_order
from gateway.commands.terminal import (
    EXIT_FOUND,
    Folder,
    counted,
    existing,
    out,
    print_json,
    show_findings,
)
from gateway.workspace import Workspace, load_workspace

NAME = "check"


CheckFormat: TypeAlias = Literal["text", "json", "sarif"]


def run(
    folder: Folder,
    output: Annotated[
        CheckFormat,
        typer.Option("--format", help="For people, for machines, or for code review (SARIF 2.1.0)."),
    ] = "text",
) -> None:
    """Check a workspace: documents, backends and settings.

    Every mistake of every file is reported as `file:line: path: message [code]`; docs/findings.md explains the codes.
    Exit status 0 when the workspace can be served, 1 when it cannot, 2 when there is no such folder.
    """
    from contracts.budgets import budget_findings
    from contracts.fees import fee_findings
    from contracts.odcs import odcs_findings
    from contracts.quality import quality_findings
    from gateway.alerts.check import alert_findings

    loaded, now_s = load_workspace(existing(folder)), int(time.time())
    findings: list[Finding]
    if isinstance(loaded, Workspace):
        products = loaded.documents.products
        unmeasured = [finding for product in products for finding in quality_findings(product)]
        agreements = loaded.documents.agreements
        promised = [each for find in (budget_findings, fee_findings) for each in find(agreements, loaded.plans, now_s)]
        watched = alert_findings(loaded.folder, loaded.plans, now_s)
        lists = _of_crls(loaded, now_s)
        findings = in_order([*loaded.warnings, *odcs_findings(products), *unmeasured, *promised, *watched, *lists])
    else:
        findings = loaded
    wrong = errors(findings)
    if output == "json":
        print_json({"ok": not wrong, "findings": findings})
    elif output == "sarif":
        from contracts.sarif import sarif_log

        print_json(sarif_log(findings, version("clausegate"), folder))
    else:
        show_findings(findings)
        if isinstance(loaded, Workspace) and not wrong:
            facts = [
                counted(len(loaded.plans.contracts), "agreement"),
                counted(len(loaded.plans.all_plans()), "operation"),
                counted(len(findings), "warning"),
            ]
            out().print(f"[green]ok[/]: {', '.join(facts)}")
        else:
            warnings = counted(len(findings) - len(wrong), "warning")
            out().print(f"[red]{counted(len(wrong), 'error')}[/], {warnings}")
    if wrong:
        raise typer.Exit(EXIT_FOUND)


def _of_crls(workspace: Workspace, now_s: int) -> list[Finding]:
    """What reads certificates is only loaded where there are lists of them."""
    if not workspace.settings.client_crl_files:
        return []
    from gateway.oauth.crl_check import crl_findings

    return crl_findings(workspace.folder, workspace.settings, now_s)
