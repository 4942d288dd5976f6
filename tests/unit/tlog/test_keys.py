"""Each tree has keys of its own; the log keeps the name of its first checkpoint."""

from pathlib import Path

import pytest

from gateway.settings import Settings
from gateway.store.hidden import Hidden
from gateway.store.log_state import LogState, LogStates
from gateway.store.store import Store
from gateway.tlog.keys import LogKeys, OriginError, load_log_keys, origin_from
from gateway.tlog.layout import HUB, ROOT
from tests.unit.store.ready_file import ready_file

SECRET = Hidden(b"s" * 32)
TREES = (ROOT, HUB, "partners/swift", "partners/harbor")


def test_every_tree_and_the_receipts_have_keys_of_their_own_under_their_names() -> None:
    keys = LogKeys("gateway.example/log", Hidden(b"c" * 32), Hidden(b"r" * 32))
    assert [keys.verifier(tree).name for tree in TREES] == [
        "gateway.example/log/root".removesuffix("/root"),
        "gateway.example/log/hub",
        "gateway.example/log/partners/swift",
        "gateway.example/log/partners/harbor",
    ]
    public = {keys.verifier(tree).public for tree in TREES} | {keys.receipt_signer().verifier.public}
    assert len(public) == 5
    assert keys.receipt_signer().verifier.name == "gateway.example/log/receipts"
    assert len({keys.blinding_key(tree) for tree in TREES}) == 4
    assert keys.verifier(HUB) == keys.signer(HUB).verifier


def test_another_name_or_secret_gives_other_keys() -> None:
    keys = LogKeys("a.example/log", SECRET, SECRET)
    for other in (LogKeys("b.example/log", SECRET, SECRET), LogKeys("a.example/log", Hidden(b"t" * 32), SECRET)):
        assert keys.verifier(HUB).public != other.verifier(HUB).public
        assert keys.blinding_key(HUB) != other.blinding_key(HUB)


def test_a_log_is_named_by_the_settings_or_the_host_or_by_chance() -> None:
    assert origin_from(Settings(log_origin="log.example"), SECRET) == "log.example"
    assert origin_from(Settings(base_url="https://gateway.example:8443/x"), SECRET) == "gateway.example:8443/log"
    unnamed = origin_from(Settings(), SECRET)
    assert unnamed.startswith("log.invalid/")
    assert unnamed != origin_from(Settings(), Hidden(b"t" * 32))


async def test_the_name_is_fixed_with_the_first_checkpoint(tmp_path: Path) -> None:
    store = await Store.open(ready_file(tmp_path))
    before = await load_log_keys(store, Settings(log_origin="first.example/log"), 1)
    assert (await load_log_keys(store, Settings(log_origin="second.example"), 2)).origin == "second.example"
    await LogStates(store).swap(LogState(), LogState(origin=before.origin))
    for settings in (Settings(), Settings(base_url="https://moved.example"), Settings(log_origin="first.example/log")):
        keys = await load_log_keys(store, settings, 3)
        assert keys.origin == "first.example/log"
        assert keys.verifier(ROOT) == before.verifier(ROOT)
    with pytest.raises(OriginError, match=r"named first\.example/log since its first checkpoint"):
        await load_log_keys(store, Settings(log_origin="second.example"), 4)
    await store.close()
