"""The demo's workspace: assembled from the samples, and kind to what somebody changed in it."""

import stat
import tomllib
from pathlib import Path

from gateway.demo.workspace import BankAccess, assemble, samples


def test_it_holds_every_sample_and_the_settings(workspace: Path) -> None:
    expected = {
        "products": {file.name for file in (samples() / "contracts/documents/products").iterdir()},
        "services": {file.name for file in (samples() / "contracts/documents/services").iterdir()},
        "agreements": {file.name for file in (samples() / "contracts/documents/agreements").iterdir()},
        "policies": {file.name for file in (samples() / "policies/documents").iterdir() if file.is_file()},
    }
    for folder, names in expected.items():
        assert {file.name for file in (workspace / folder).iterdir()} == names
    assert (workspace / "clausegate.toml").is_file()


def test_its_backend_is_the_process_of_this_run(tmp_path: Path) -> None:
    workspace = assemble(tmp_path, 40001)
    assert tomllib.loads((workspace / "backends.toml").read_text())["operations"]["url"] == "http://127.0.0.1:40001"
    assemble(tmp_path, 40002)
    text = (workspace / "backends.toml").read_text()
    assert "40002" in text
    assert "${" not in text


def test_the_banks_secret_is_the_owners_alone_to_read(tmp_path: Path) -> None:
    workspace = assemble(tmp_path, 40001, BankAccess(40003, "s3cret"))
    service = tomllib.loads((workspace / "backends.toml").read_text())["services"]["harbor-financing"]
    assert (service["url"], service["client_secret"]) == ("http://127.0.0.1:40003", "s3cret")
    assert stat.S_IMODE((workspace / "backends.toml").stat().st_mode) == 0o600
    assert "s3cret" not in repr(BankAccess(40003, "s3cret"))


def test_a_document_that_somebody_changed_is_left_as_it_is_and_a_missing_one_comes_back(tmp_path: Path) -> None:
    workspace = assemble(tmp_path, 40001)
    changed = workspace / "agreements" / "delta-repair-2026.yaml"
    changed.write_text("# mine\n")
    (workspace / "policies" / "bank-standard.yaml").unlink()
    assemble(tmp_path, 40001)
    assert changed.read_text() == "# mine\n"
    assert (workspace / "policies" / "bank-standard.yaml").is_file()
