"""clausegate trace: names the partner of a leaked extract, shows nothing of it, makes no keys."""

import asyncio
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gateway.cli import app
from gateway.starter import write_starter
from gateway.store.server_secrets import PSEUDONYM_SECRET, ServerSecrets
from gateway.store.store import Store
from policies.keys import PartnerKeys
from policies.pseudonyms import pseudonyms
from tests.unit.store.ready_file import ready_file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    workspace = tmp_path / "hub"
    write_starter(workspace)
    return workspace


async def _secret(folder: Path, make: bool) -> bytes | None:
    file = folder / "state" / "clausegate.db"
    store = await Store.open(f"sqlite:///{file}" if file.exists() else ready_file(folder))
    try:
        secrets = ServerSecrets(store)
        found = await secrets.obtain(PSEUDONYM_SECRET, 0) if make else await secrets.find(PSEUDONYM_SECRET)
        return None if found is None else found.reveal()
    finally:
        await store.close()


def tokens(folder: Path, partner: str, count: int) -> list[str]:
    """Pseudonyms as this hub makes them for a partner."""
    secret = asyncio.run(_secret(folder, make=True))
    assert secret is not None
    make = pseudonyms(PartnerKeys(secret, partner), "customer", 1)
    return [make(f"C-{number}") for number in range(count)]


def trace(*arguments: object, typed: str | bytes | None = None) -> Result:
    return CliRunner().invoke(app, ["trace", *map(str, arguments)], input=typed)


def test_the_partner_is_named_and_nothing_of_the_extract_is_shown(folder: Path, tmp_path: Path) -> None:
    made = tokens(folder, "first-partner", 3)
    leak = tmp_path / "leak.csv"
    leak.write_text("\n".join(f"{token},张伟,13812345678" for token in [*made, made[0], "p1." + "A" * 30]))
    done = trace(folder, leak)
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines() == [
        "first-partner: 3 pseudonyms made for it",
        "none of the partners: 1 token of the same form",
    ]
    assert [word for word in (*made, "张伟", "13812345678") if word in done.output] == []


def test_for_machines_it_is_json(folder: Path) -> None:
    text = " ".join([*tokens(folder, "first-partner", 2), *tokens(folder, "left-long-ago", 5)])
    done = trace(folder, "-", "--format", "json", typed=text)
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == {"partners": [{"partner": "first-partner", "pseudonyms": 2}], "nobody": 5}
    done = trace(folder, "-", "--format", "json", "--partner", "left-long-ago", typed=text)
    assert json.loads(done.stdout)["partners"][0] == {"partner": "left-long-ago", "pseudonyms": 5}


@pytest.mark.parametrize("text", ["", "nothing here", "p1." + "A" * 30])
def test_that_no_partner_was_found_is_exit_status_1(folder: Path, text: str) -> None:
    tokens(folder, "first-partner", 1)
    assert trace(folder, "-", typed=text).exit_code == 1


def test_a_spreadsheets_text_and_bytes_of_no_encoding_are_read(folder: Path, tmp_path: Path) -> None:
    (token,) = tokens(folder, "first-partner", 1)
    for content in (f"编号\t{token}\n".encode("utf-16"), b"\xff\x00\x80" + token.encode() + b"\xfe"):
        leak = tmp_path / "leak"
        leak.write_bytes(content)
        assert trace(folder, leak).stdout == "first-partner: 1 pseudonym made for it\n"


def test_parts_in_several_encodings_in_one_file_are_all_read(folder: Path, tmp_path: Path) -> None:
    first, second, third, fourth = tokens(folder, "first-partner", 4)
    parts = [
        f'{{"data": [{{"customer": {{"id": "{first}"}}}}]}}\n'.encode(),
        f"编号,{second}\n".encode("utf-16"),
        f"编号,{third}\n".encode("utf-16-be"),
        f"{fourth},张伟\r\n".encode("gb18030"),
    ]
    for order in (parts, parts[::-1]):
        (tmp_path / "leak").write_bytes(b"".join(order))
        assert trace(folder, tmp_path / "leak").stdout == "first-partner: 4 pseudonyms made for it\n"


@pytest.mark.parametrize("cut", range(1, 34))
def test_a_token_across_two_pieces_is_found(
    folder: Path, tmp_path: Path, cut: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.commands.trace._CHUNK", 64)
    (token,) = tokens(folder, "first-partner", 1)
    (tmp_path / "leak").write_text("-" * (64 - cut) + token + "-" * 100)
    assert trace(folder, tmp_path / "leak").stdout == "first-partner: 1 pseudonym made for it\n"


def test_without_the_state_store_that_was_served_with_it_says_so_and_makes_none(folder: Path) -> None:
    done = trace(folder, "-", typed="")
    assert done.exit_code == 2
    assert "there is no state store" in done.stderr
    assert not (folder / "state" / "clausegate.db").exists()


def test_without_the_secret_it_says_so_and_makes_none(folder: Path) -> None:
    assert asyncio.run(_secret(folder, make=False)) is None
    done = trace(folder, "-", typed="")
    assert done.exit_code == 2
    assert "no secret for pseudonyms" in done.stderr
    assert asyncio.run(_secret(folder, make=False)) is None


def test_a_file_that_is_not_there_is_said(folder: Path, tmp_path: Path) -> None:
    tokens(folder, "first-partner", 1)
    done = trace(folder, tmp_path / "missing.csv")
    assert done.exit_code == 2
    assert "missing.csv: No such file" in done.stderr.replace("\n", "")
