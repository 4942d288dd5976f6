"""A witness that fetches: it believes tiles it has hashed itself, and nothing else."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.tlog.note import parse_vkey
from gateway.witness.address import parse_address
from gateway.witness.folder import WitnessFolder, checkpoint_name, open_folder
from gateway.witness.watch import Look, TokenError, Watch, token_from_file
from gateway.witness.witness import Witness, keys_by_origin
from tests.flows.served import served
from tests.unit.witness.growing import ORIGIN, GrowingLog

LOG = GrowingLog()
TOKEN = "a.token"


class Published:
    """A web server with a log below /log: what is in `files`, for those who send `token` if there is one."""

    def __init__(self, files: dict[str, bytes], token: str | None = None) -> None:
        self.files, self.token, self.asked = files, token, list[str]()

    async def __call__(self, scope: Any, _receive: Any, send: Any) -> None:
        path = scope["path"].removeprefix("/log/")
        self.asked.append(path)
        sent = dict(scope["headers"]).get(b"authorization", b"").decode()
        body = self.files.get(path)
        status = 404 if body is None else 200
        if self.token is not None and sent != f"Bearer {self.token}":
            status, body = 401, b"no"
        headers = [(b"content-length", str(len(body or b"")).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body or b""})


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[WitnessFolder]:
    opened = open_folder(tmp_path / "witness", "witness.example/w1")
    yield opened
    opened.close()


def witness_in(folder: WitnessFolder) -> Witness:
    keys = keys_by_origin([key for key in [parse_vkey(LOG.vkey)] if key])
    return Witness(folder, folder.signer, keys, lambda: 1_700_000_000)


async def look(witness: Witness, published: Published, token: str | None = None) -> Look:
    async with served(published) as url:
        address = parse_address(f"{url}/log")
        assert address is not None
        return await Watch(witness, url, address, None if token is None else lambda: token).look()


async def test_what_is_cosigned_lies_in_the_folder(folder: WitnessFolder) -> None:
    found = await look(witness_in(folder), Published(LOG.files(300)))
    assert (found.seen, found.origin, found.size) == ("cosigned", ORIGIN, 300)
    text = (folder.path / checkpoint_name(ORIGIN)).read_text()
    assert text.startswith(f"{LOG.text(300)}\n— {ORIGIN} ")
    assert "\n— witness.example/w1 " in text


@pytest.mark.parametrize(("old", "new"), [(1, 2), (255, 256), (256, 257), (300, 700), (512, 513), (700, 700), (0, 1)])
async def test_a_log_that_grew_is_cosigned_again(folder: WitnessFolder, old: int, new: int) -> None:
    witness = witness_in(folder)
    for size in (old, new):
        assert (await look(witness, Published(LOG.files(size)))).seen == "cosigned"
    latest = witness.latest(ORIGIN)
    assert latest is not None
    assert latest.checkpoint.size == new


@pytest.mark.parametrize("old", [4, 5, 256, 300])
async def test_a_fork_is_refused_and_proven_also_where_the_proof_alone_would_not_tell(
    folder: WitnessFolder, old: int
) -> None:
    witness = witness_in(folder)
    await look(witness, Published(LOG.files(old)))
    assert (await look(witness, Published(GrowingLog(forked_at=3).files(310)))).seen == "fork"
    (file,) = (folder.path / "evidence").iterdir()
    assert json.loads(file.read_bytes())["prefix_root"]
    latest = witness.latest(ORIGIN)
    assert latest is not None
    assert latest.checkpoint.size == old


async def test_another_tree_of_the_same_size_is_refused(folder: WitnessFolder) -> None:
    witness = witness_in(folder)
    await look(witness, Published(LOG.files(300)))
    assert (await look(witness, Published(GrowingLog(forked_at=299).files(300)))).seen == "fork"


async def test_a_log_that_became_smaller_is_refused(folder: WitnessFolder) -> None:
    witness = witness_in(folder)
    await look(witness, Published(LOG.files(300)))
    assert (await look(witness, Published(LOG.files(299)))).seen == "rolled-back"
    assert (await look(witness, Published(LOG.files(301)))).seen == "cosigned"


@pytest.mark.parametrize("before", [0, 40, 64])
async def test_tiles_that_do_not_make_the_root_are_not_cosigned(folder: WitnessFolder, before: int) -> None:
    witness = witness_in(folder)
    if before:
        await look(witness, Published(LOG.files(before)))
    files = LOG.files(300)
    tile = bytearray(files["tile/1/000.p/1"])
    tile[0] ^= 1
    assert (await look(witness, Published({**files, "tile/1/000.p/1": bytes(tile)}))).seen == "unfounded"


async def test_a_checkpoint_ahead_of_its_tiles_is_looked_at_again_later(folder: WitnessFolder) -> None:
    witness = witness_in(folder)
    files = LOG.files(300)
    lacking = {path: data for path, data in files.items() if path != "tile/0/001.p/44"}
    found = await look(witness, Published(lacking))
    assert found.seen == "unreadable"
    assert "tile/0/001.p/44" in found.detail or "tile/0/001" in found.detail
    assert (await look(witness, Published(files))).seen == "cosigned"


async def test_a_full_tile_does_for_the_partial_one_that_it_replaced(folder: WitnessFolder) -> None:
    files = LOG.files(300)
    del files["tile/0/001.p/44"]
    found = await look(witness_in(folder), Published({**files, "tile/0/001": LOG.files(512)["tile/0/001"]}))
    assert found.seen == "cosigned"


@pytest.mark.parametrize(
    ("checkpoint", "seen"),
    [
        (None, "no-checkpoint"),
        (b"<html>welcome</html>", "malformed"),
        (GrowingLog("other.example").checkpoint(3), "unknown-log"),
        (GrowingLog(seed=b"\x02" * 32).checkpoint(3), "untrusted-key"),
    ],
)
async def test_what_is_no_checkpoint_of_a_known_log_is_not_looked_into(
    folder: WitnessFolder, checkpoint: bytes | None, seen: str
) -> None:
    published = Published({} if checkpoint is None else {"checkpoint": checkpoint})
    assert (await look(witness_in(folder), published)).seen == seen
    assert published.asked == ["checkpoint"]


async def test_nobody_there_is_said_and_not_raised(folder: WitnessFolder) -> None:
    async with served(Published({})) as url:
        pass
    address = parse_address(url)
    assert address is not None
    assert (await Watch(witness_in(folder), url, address, None).look()).seen == "unreachable"


async def test_an_answer_without_end_is_not_read(folder: WitnessFolder) -> None:
    found = await look(witness_in(folder), Published({"checkpoint": b"x" * 70_000}))
    assert found.seen == "unreachable"


async def test_the_token_is_sent_with_every_request(folder: WitnessFolder) -> None:
    published = Published(LOG.files(300), TOKEN)
    assert (await look(witness_in(folder), published, TOKEN)).seen == "cosigned"
    assert len(published.asked) > 1


@pytest.mark.parametrize("token", [None, "another"])
async def test_a_token_that_is_refused_is_said(folder: WitnessFolder, token: str | None) -> None:
    found = await look(witness_in(folder), Published(LOG.files(3), TOKEN), token)
    assert (found.seen, found.detail) == ("no-token", "checkpoint: 401")


def test_a_token_file_is_read_anew_each_time(tmp_path: Path) -> None:
    read = token_from_file(tmp_path / "token")
    for token in ("first", "second"):
        (tmp_path / "token").write_text(f"{token}\n")
        assert read() == token


@pytest.mark.parametrize("data", [None, b"", b"\n", b"two\nlines", "令牌".encode()])
async def test_a_file_without_a_token_is_said_without_what_is_in_it(
    folder: WitnessFolder, tmp_path: Path, data: bytes | None
) -> None:
    if data is not None:
        (tmp_path / "token").write_bytes(data)
    read = token_from_file(tmp_path / "token")
    with pytest.raises(TokenError) as error:
        read()
    assert "lines" not in str(error.value)
    async with served(Published({})) as url:
        address = parse_address(url)
        assert address is not None
        assert (await Watch(witness_in(folder), url, address, read).look()).seen == "no-token"


async def test_a_disk_that_is_gone_leaves_nothing_cosigned(folder: WitnessFolder) -> None:
    witness = witness_in(folder)
    os.rename(folder.path, folder.path.with_name("moved"))
    assert (await look(witness, Published(LOG.files(3)))).seen == "not-saved"
    assert witness.latest(ORIGIN) is None
