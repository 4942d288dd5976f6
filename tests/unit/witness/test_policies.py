"""Which witnesses are asked for which tree, and what is said when a policy cannot be followed."""

from pathlib import Path

import pytest

from gateway.settings import Settings
from gateway.tlog.note import COSIGNATURE, Signer
from gateway.tlog.policy import NO_WITNESSES
from gateway.witness.policies import Policies, load_policies

FILE = "witnesses/log.policy"
SETTINGS = Settings(witness_policy=FILE)


def vkey(number: int) -> str:
    return Signer(f"witness.example/w{number}", bytes([number]) * 32, COSIGNATURE).verifier.text()


def policy(*urls: str, quorum: str = "all") -> str:
    lines = [f"witness w{number} {vkey(number)} {url}\n" for number, url in enumerate(urls, 1)]
    names = " ".join(f"w{number}" for number, _ in enumerate(urls, 1))
    return "".join(lines) + (f"group all-of-them {quorum} {names}\nquorum all-of-them\n" if urls else "quorum none\n")


def load(folder: Path, **files: str) -> Policies | list[str]:
    (folder / "witnesses").mkdir()
    for name, text in files.items():
        (folder / "witnesses" / f"{name}.policy").write_text(text, encoding="utf-8")
    return load_policies(folder, SETTINGS)


def test_without_the_setting_nobody_is_asked(tmp_path: Path) -> None:
    found = load_policies(tmp_path, Settings())
    assert isinstance(found, Policies)
    assert found.of("root") == NO_WITNESSES


def test_the_named_file_is_for_the_root_log_and_files_of_partners_are_for_their_trees(tmp_path: Path) -> None:
    found = load(tmp_path, log=policy("https://a.example"), swift=policy("https://b.example", "https://c.example"))
    assert isinstance(found, Policies)
    assert [witness.url for witness in found.of("root").witnesses] == ["https://a.example"]
    assert [witness.url for witness in found.of("partners/swift").witnesses] == [
        "https://b.example",
        "https://c.example",
    ]
    assert found.of("partners/harbor") == NO_WITNESSES
    assert found.of("hub") == NO_WITNESSES


def test_the_named_file_is_no_partners(tmp_path: Path) -> None:
    found = load(tmp_path, log=policy("https://a.example"))
    assert isinstance(found, Policies)
    assert found.of("partners/log") == NO_WITNESSES


def test_all_files_are_read_and_every_first_mistake_has_its_line(tmp_path: Path) -> None:
    found = load(tmp_path, log="# ours\n\nwitness w1 nonsense\n", swift="quorum none\nquorum none\n", harbor="")
    assert isinstance(found, list)
    assert [fault.partition(": ")[0] for fault in found] == ["log.policy:3", "harbor.policy:1", "swift.policy:2"]


def test_a_file_that_is_not_there_is_a_mistake(tmp_path: Path) -> None:
    assert load_policies(tmp_path, SETTINGS) == ["log.policy: cannot be read: No such file or directory"]


def test_a_quorum_that_can_never_be_reached_is_a_mistake(tmp_path: Path) -> None:
    found = load(tmp_path, log=policy("https://a.example", "", "https://c.example"))
    assert found == ["log.policy: its quorum can never be reached: there is no URL of w2"]


def test_a_witness_without_url_may_be_one_that_the_quorum_does_not_need(tmp_path: Path) -> None:
    assert isinstance(load(tmp_path, log=policy("https://a.example", "", quorum="any")), Policies)


@pytest.mark.parametrize("url", ["ftp://a.example", "https://a.example/?token=secret", "https://u:secret@a.example"])
def test_a_url_that_leads_nowhere_is_a_mistake_and_not_repeated(tmp_path: Path, url: str) -> None:
    found = load(tmp_path, log=policy(url))
    assert isinstance(found, list)
    assert "witness w1" in found[0]
    assert "secret" not in found[0]


def test_more_witnesses_than_a_checkpoint_carries_are_a_mistake(tmp_path: Path) -> None:
    found = load(tmp_path, log=policy(*["https://a.example"] * 33))
    assert found == ["log.policy: 33 witnesses have URLs; at most 32 are asked"]


def test_names_beyond_ascii_are_shown_as_they_are_and_other_octets_escaped(tmp_path: Path) -> None:
    (tmp_path / "witnesses").mkdir()
    text = f"witness 见证人 {vkey(1)}\nwitness w\udcff {vkey(2)}\ngroup g all 见证人 w\udcff\nquorum g\n"
    (tmp_path / FILE).write_bytes(text.encode(errors="surrogateescape"))
    found = load_policies(tmp_path, SETTINGS)
    assert isinstance(found, list)
    assert found == ["log.policy: its quorum can never be reached: there is no URL of 见证人, w\\udcff"]


def test_a_file_without_end_is_not_read(tmp_path: Path) -> None:
    assert load(tmp_path, log="#" * 70_000) == ["log.policy: larger than 65536 bytes"]
