"""Findings as SARIF 2.1.0: what the standard demands of a log, and what review tools look for."""

import json
from pathlib import Path
from urllib.parse import unquote, urlsplit

from contracts.finding import CODES, Finding
from contracts.sarif import sarif_log

FOUND = [
    Finding("bad-value", "too small", "policies/a b.yaml", 7, "clauses[0].limit"),
    Finding("file-ignored", "not read", "products/x.yml", 1, severity="warning"),
    Finding("bad-value", "too large", "policies/c.yaml", 9),
]


def test_a_log_has_what_the_standard_demands(tmp_path: Path) -> None:
    log = sarif_log(FOUND, "1.2.3", tmp_path)
    assert json.loads(json.dumps(log)) == log
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    driver = run["tool"]["driver"]
    assert (driver["name"], driver["version"]) == ("clausegate", "1.2.3")
    rules = driver["rules"]
    assert [rule["id"] for rule in rules] == ["bad-value", "file-ignored"]
    for rule in rules:
        assert rule["shortDescription"]["text"] == CODES[rule["id"]]
        link = urlsplit(rule["helpUri"])
        assert (link.scheme, link.path, link.fragment) == ("https", "/docs/findings.md", rule["id"])
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]


def test_each_finding_is_a_result_with_its_place(tmp_path: Path) -> None:
    (run,) = sarif_log(FOUND, "1.2.3", tmp_path)["runs"]
    for finding, result in zip(FOUND, run["results"], strict=True):
        assert result["ruleId"] == finding.code
        assert result["level"] == finding.severity
        assert result["message"] == {"text": finding.message}
        (location,) = result["locations"]
        place = location["physicalLocation"]
        uri = place["artifactLocation"]["uri"]
        assert not urlsplit(uri).scheme
        assert " " not in uri
        assert unquote(uri) == finding.file
        assert place["region"] == {"startLine": finding.line}
        named = location.get("logicalLocations", [])
        assert [name["fullyQualifiedName"] for name in named] == ([finding.path] if finding.path else [])
        assert run["originalUriBaseIds"][place["artifactLocation"]["uriBaseId"]]["uri"] == tmp_path.as_uri() + "/"


def test_a_workspace_without_findings_is_a_run_without_results(tmp_path: Path) -> None:
    (run,) = sarif_log([], "1.2.3", tmp_path)["runs"]
    assert run["results"] == []
    assert run["tool"]["driver"]["rules"] == []
