"""Findings in the Static Analysis Results Interchange Format (SARIF 2.1.0, OASIS), as code review tools read them."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from contracts.finding import CODES, Finding

SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
HELP: Final = "https://clausegate.example/docs/findings.md"
"""Where rules say that they are explained. The page is part of every installation; no tool is meant to fetch it."""
_BASE: Final = "WORKSPACE"


def sarif_log(findings: Iterable[Finding], version: str, workspace: Path) -> dict[str, Any]:
    """One run of `check` over a workspace: its findings in the order given, and a rule for each code among them.

    Places are relative to the workspace (SARIF section 3.4.4), so that the log means the same on every machine but
    for `originalUriBaseIds`.
    """
    found = list(findings)
    codes = sorted({finding.code for finding in found})
    number = {code: index for index, code in enumerate(codes)}
    driver = {"name": "clausegate", "version": version, "rules": [_rule(code) for code in codes]}
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": driver},
                "columnKind": "unicodeCodePoints",
                "originalUriBaseIds": {_BASE: {"uri": workspace.resolve().as_uri() + "/"}},
                "results": [_result(finding, number[finding.code]) for finding in found],
            }
        ],
    }


def _rule(code: str) -> dict[str, Any]:
    meaning = CODES[code]
    return {"id": code, "shortDescription": {"text": meaning}, "helpUri": f"{HELP}#{code}"}


def _result(finding: Finding, rule: int) -> dict[str, Any]:
    place = {"uri": quote(finding.file), "uriBaseId": _BASE}
    where: dict[str, Any] = {
        "physicalLocation": {"artifactLocation": place, "region": {"startLine": finding.line}},
    }
    if finding.path:
        where["logicalLocations"] = [{"fullyQualifiedName": finding.path}]
    return {
        "ruleId": finding.code,
        "ruleIndex": rule,
        "level": finding.severity,
        "message": {"text": finding.message},
        "locations": [where],
    }
