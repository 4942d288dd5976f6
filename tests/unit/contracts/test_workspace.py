"""Reading a workspace: every file is read, none outside it, and every mistake is in one report."""

import os
from pathlib import Path

import pytest

from contracts.finding import Finding
from contracts.source import SIZE_MAX_BYTES
from contracts.workspace import FILES_MAX, TOTAL_MAX_BYTES, decode_documents, is_broken, read_workspace

AGREEMENT = """\
agreement: a
version: 1.0.0
partner: {id: p, code: P, name: {zh: x, en: x}, role: r}
effective: {from: 2026-01-01, to: 2027-01-01, time_zone: Asia/Shanghai}
products: [{product: s, version: 1.0.0}]
policies: [{policy: standard, version: 1.0.0}]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "agreements").mkdir()
    (tmp_path / "agreements" / "a.yaml").write_text(AGREEMENT)
    return tmp_path


def only(findings: list[Finding]) -> Finding:
    assert len(findings) == 1, findings
    return findings[0]


def test_documents_come_in_order_of_file_name_and_know_their_file(folder: Path) -> None:
    (folder / "agreements" / "0.yaml").write_text(AGREEMENT.replace("agreement: a", "agreement: b"))
    documents, findings = read_workspace(folder)
    assert findings == []
    assert [loaded.source.file for loaded in documents.agreements] == ["agreements/0.yaml", "agreements/a.yaml"]
    assert documents.agreements[0].value.agreement == "b"
    assert documents.agreements[0].source.line_of(("effective",)) == 4


def test_mistakes_of_all_files_come_in_one_report(folder: Path) -> None:
    for kind, name in (("products", "p.odcs.yaml"), ("policies", "p.yaml"), ("agreements", "b.yaml")):
        (folder / kind).mkdir(exist_ok=True)
        (folder / kind / name).write_text("surplus: 1\nsurplus: 2\n")
    documents, findings = read_workspace(folder)
    assert len(documents.agreements) == 1
    codes = {(finding.file, finding.code) for finding in findings}
    for file in ("products/p.odcs.yaml", "policies/p.yaml", "agreements/b.yaml"):
        assert {(file, "duplicate-key"), (file, "unknown-key"), (file, "missing-key")} <= codes
    assert findings == sorted(findings, key=lambda finding: (finding.file, finding.line))


def test_a_document_that_was_not_understood_is_remembered_by_name(folder: Path) -> None:
    (folder / "policies").mkdir()
    (folder / "policies" / "p.yaml").write_text("policy: standard\nversion: 1.0.0\n")
    documents, _ = read_workspace(folder)
    assert is_broken(documents.broken_policies, "standard", "1.0.0")
    assert is_broken(documents.broken_policies, "standard")
    assert not is_broken(documents.broken_policies, "standard", "2.0.0")
    assert not is_broken(documents.broken_policies, "other")
    (folder / "policies" / "q.yaml").write_text("[")
    documents, _ = read_workspace(folder)
    assert is_broken(documents.broken_policies, "other"), "it may be the one that cannot be read at all"


def test_a_folder_that_is_no_workspace_is_said(tmp_path: Path) -> None:
    assert only(read_workspace(tmp_path / "missing")[1]).code == "workspace-missing"
    assert only(read_workspace(tmp_path)[1]).code == "workspace-empty"


def test_a_link_that_leaves_the_workspace_is_not_followed(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "b.yaml"
    elsewhere.write_text(AGREEMENT)
    (folder / "agreements" / "b.yaml").symlink_to(elsewhere)
    documents, findings = read_workspace(folder)
    assert only(findings).code == "file-outside"
    assert len(documents.agreements) == 1


def test_a_link_inside_the_workspace_is_followed(folder: Path) -> None:
    (folder / "agreements" / ".real").mkdir()
    (folder / "agreements" / "a.yaml").rename(folder / "agreements" / ".real" / "a.yaml")
    (folder / "agreements" / "a.yaml").symlink_to(Path(".real") / "a.yaml")
    documents, findings = read_workspace(folder)
    assert findings == []
    assert len(documents.agreements) == 1


def test_pipes_folders_and_links_to_nowhere_are_findings_and_block_nothing(folder: Path) -> None:
    os.mkfifo(folder / "agreements" / "b.yaml")
    (folder / "agreements" / "c.yaml").mkdir()
    (folder / "agreements" / "d.yaml").symlink_to(folder / "agreements" / "none.yaml")
    (folder / "agreements" / "e.yaml").symlink_to(folder / "agreements" / "e.yaml")
    documents, findings = read_workspace(folder)
    assert [finding.code for finding in findings] == [
        "file-not-regular",
        "file-not-regular",
        "file-unreadable",
        "file-unreadable",
    ]
    assert all(str(folder) not in finding.to_text() for finding in findings)
    assert len(documents.agreements) == 1


def test_a_huge_file_is_refused_by_its_size_without_being_read(folder: Path) -> None:
    with (folder / "agreements" / "b.yaml").open("wb") as file:
        file.truncate(50 * 1024**3)
    finding = only(read_workspace(folder)[1])
    assert finding.code == "too-large"
    assert str(50 * 1024**3) in finding.message
    assert str(SIZE_MAX_BYTES) in finding.message


def test_a_file_that_looks_like_a_document_and_is_not_read_is_a_warning(folder: Path) -> None:
    (folder / "agreements" / "b.yml").write_text(AGREEMENT)
    (folder / "agreements" / "README.md").write_text("for lawyers")
    (folder / "agreements" / ".hidden.yaml").write_text("[")
    finding = only(read_workspace(folder)[1])
    assert (finding.code, finding.file, finding.severity) == ("file-ignored", "agreements/b.yml", "warning")


def test_too_many_documents_are_refused(folder: Path) -> None:
    for number in range(FILES_MAX + 1):
        (folder / "agreements" / f"x{number}.yaml").symlink_to("none")
    findings = read_workspace(folder)[1]
    assert "too-many-files" in {finding.code for finding in findings}


def test_documents_that_are_too_large_together_are_refused_before_any_is_parsed(folder: Path) -> None:
    for number in range(TOTAL_MAX_BYTES // SIZE_MAX_BYTES + 1):
        with (folder / "agreements" / f"x{number:02}.yaml").open("wb") as file:
            file.truncate(SIZE_MAX_BYTES)
    documents, findings = read_workspace(folder)
    assert only(findings).code == "workspace-too-large"
    assert documents.agreements == ()


def test_decoding_needs_no_folder() -> None:
    documents, findings = decode_documents({"agreements/a.yaml": AGREEMENT.encode(), "README.md": b"["})
    assert findings == []
    assert documents.agreements[0].value.partner.id == "p"
