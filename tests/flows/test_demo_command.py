"""The demo as a command: what it shows, what it leaves, how it ends, what it refuses."""

import json
import re
import shutil
import signal
import socket
import stat
from pathlib import Path

import pytest
from msgspec import Struct
from rich.cells import cell_len

from tests.flows.demo import clausegate, running, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


class Made(Struct, frozen=True):
    """What one `--once` left behind and what it said; `spare` is a copy of its folder, to be started again."""

    folder: Path
    spare: Path
    stdout: str
    credentials: bytes


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("demo") / "d"
    done = clausegate("demo", "--dir", folder, "--port", 0, "--once")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    spare = folder.with_name("spare")
    shutil.copytree(folder, spare)
    return Made(folder, spare, done.stdout, (folder / "credentials.json").read_bytes())


def test_once_shows_the_eight_sights_and_ends(made: Made) -> None:
    sights = re.findall(r"^(\d)  (.+)$", made.stdout, re.MULTILINE)
    assert [number for number, _ in sights] == ["1", "2", "3", "4", "5", "6", "7", "8"]
    sight = re.split(r"^\d  ", made.stdout, flags=re.MULTILINE)[1:]
    first, others, lead, quote, refusal, limit, receipt, flipped = sight
    assert re.search(r"customer\.phone +1\d{10} +\*{7}\d{4} ", first)
    assert re.search(r"customer\.id_number +canary-\S+ +–", first)
    assert re.search(r"Harbor Bank.*\n.*gets.*\n(.*\n)+? +never .*customer", others)
    assert re.search(r"its token +bound to a key: in other hands 401, invalid-token", others)
    assert others.count("its token") == 1
    assert re.search(r"gets +201, lead 501 of dealer SUMMIT", lead)
    assert re.search(r"again .*201, lead 501, no second one", lead)
    assert re.search(r"schedule +\S+工, \d{4}-\d{2}-\d{2}, HT75C", lead)
    assert re.search(r"gets +200, 22826\.87 a month at 4\.10 % a year", quote)
    assert re.search(r"record +harbor-financing quote → 200, \d+ ms", quote)
    assert quote.count("/months") == 2
    assert "403" in refusal
    assert "clause 2.1" in refusal
    assert "乙方" in refusal
    assert "429" in limit
    assert "clause 4.1" in limit
    assert "10 calls were answered" in limit
    assert re.search(r"receipt +leaf=:.{43}=:", receipt)
    assert "GET /v1/shipments/{key} → 200" in receipt
    assert re.search(r"the log: intact, \d+ records", flipped)
    assert re.search(r"byte \d+ of the copy flipped", flipped)
    assert "the copy: corrupt" in flipped


def test_the_tour_fits_a_terminal_of_eighty_columns(made: Made) -> None:
    wide = [line for line in made.stdout.splitlines() if cell_len(line.rstrip()) > 80]
    assert [line for line in wide if not line.startswith("  receipt ")] == []


def test_credentials_are_readable_by_their_owner_only_and_hold_exactly_what_is_promised(made: Made) -> None:
    file = made.folder / "credentials.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    common = {"client_id", "partner", "role", "auth_method"}
    found = {credential["client_id"]: credential for credential in json.loads(made.credentials)}
    assert {name: (one["partner"], one["role"], one["auth_method"]) for name, one in found.items()} == {
        "swift-logistics-app": ("swift-logistics", "logistics", "client_secret_basic"),
        "harbor-bank-app": ("harbor-bank", "bank", "private_key_jwt"),
        "delta-repair-app": ("delta-repair", "repair", "client_secret_basic"),
        "summit-dealer-app": ("summit-dealer", "dealer", "client_secret_basic"),
    }
    own_file = made.folder / "hub-credentials.json"
    assert stat.S_IMODE(own_file.stat().st_mode) == 0o600
    mine = json.loads(own_file.read_bytes())
    assert (mine["client_id"], mine["partner"], mine["auth_method"]) == ("hengtai-app", "hub", "client_secret_basic")
    for name, credential in found.items():
        own = {"private_key_file", "dpop_key_file"} if name == "harbor-bank-app" else {"client_secret"}
        assert credential.keys() == common | own
        files = [Path(credential[each]) for each in own if each.endswith("_file")]
        assert [stat.S_IMODE(file.stat().st_mode) for file in files] == [0o600] * len(files)
        assert len({file.read_bytes() for file in files}) == len(files)


def backend_port(folder: Path) -> int:
    found = re.search(r'^url = "http://127\.0\.0\.1:(\d+)"', (folder / "workspace" / "backends.toml").read_text(), re.M)
    assert found
    return int(found[1])


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_ctrl_c_ends_the_demo_and_its_backend(made: Made, tmp_path: Path) -> None:
    with running(tmp_path / "said", "demo", "--dir", made.spare, "--port", 0) as process:
        process.says("Ctrl-C ends the demo")
        port = backend_port(made.spare)
        assert listens(port)
        assert process.end(signal.SIGINT) == 0, process.stderr
        assert not listens(port)
        assert "Traceback" not in process.stderr


def test_ctrl_c_in_the_middle_of_the_tour_ends_it_too(made: Made, tmp_path: Path) -> None:
    with running(tmp_path / "said", "demo", "--dir", made.spare, "--port", 0) as process:
        process.says("ready ")
        port = backend_port(made.spare)
        assert process.end(signal.SIGINT) == 0, process.stderr
        assert not listens(port)
        assert "Traceback" not in process.stderr


def test_a_demo_that_is_killed_leaves_no_backend_behind(made: Made, tmp_path: Path) -> None:
    with running(tmp_path / "said", "demo", "--dir", made.spare, "--port", 0) as process:
        process.says("ready ")
        port = backend_port(made.spare)
        process.end(signal.SIGKILL)
        until(lambda: not listens(port))


def test_an_edit_that_spoils_the_tour_leaves_the_demo_up(made: Made, tmp_path: Path) -> None:
    agreement = made.spare / "workspace" / "agreements" / "delta-repair-2026.yaml"
    before = agreement.read_text()
    agreement.write_text(before.replace("{limit: 30, burst: 10}", "{limit: 90000, burst: 9000}"))
    try:
        with running(tmp_path / "said", "demo", "--dir", made.spare, "--port", 0) as process:
            process.says("Ctrl-C ends the demo")
            assert "200 calls were answered and no limit bound" in process.stderr
            assert process.end(signal.SIGINT) == 0
        once = clausegate("demo", "--dir", made.spare, "--port", 0, "--once")
        assert (once.returncode, "no limit bound" in once.stderr) == (2, True)
    finally:
        agreement.write_text(before)


def test_an_edit_with_a_mistake_is_reported_with_its_place(made: Made) -> None:
    agreement = made.spare / "workspace" / "agreements" / "delta-repair-2026.yaml"
    before = agreement.read_text()
    agreement.write_text(before.replace("limit: 30", "limit: thirty"))
    try:
        done = clausegate("demo", "--dir", made.spare, "--port", 0, "--once")
    finally:
        agreement.write_text(before)
    assert done.returncode == 2
    assert re.search(r"agreements/delta-repair-2026\.yaml:\d+: ", done.stderr)
    assert "Traceback" not in done.stderr
    assert not listens(backend_port(made.spare))


def test_fresh_begins_anew_with_new_credentials(made: Made) -> None:
    before = json.loads((made.spare / "credentials.json").read_bytes())
    (made.spare / "workspace" / "agreements" / "delta-repair-2026.yaml").write_text("not: [an agreement")
    done = clausegate("demo", "--dir", made.spare, "--port", 0, "--once", "--fresh")
    assert done.returncode == 0, done.stdout + done.stderr
    after = json.loads((made.spare / "credentials.json").read_bytes())
    assert [one["client_id"] for one in after] == [one["client_id"] for one in before]
    secrets = {one.get("client_secret") for one in before} - {None}
    assert not secrets & {one.get("client_secret") for one in after}


@pytest.mark.parametrize("options", [[], ["--fresh"]])
def test_a_folder_that_no_demo_made_is_left_as_it_is(tmp_path: Path, options: list[str]) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    done = clausegate("demo", "--dir", tmp_path, "--port", 0, "--once", *options)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_port_in_use_is_said_plainly(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = clausegate("demo", "--dir", tmp_path / "d", "--port", port, "--once")
    assert done.returncode == 2
    assert done.stderr.strip() == (
        f"error: cannot listen on 127.0.0.1:{port}: Address already in use; "
        'choose another with --port (make demo ARGS="--port 8090")'
    )
    assert not (tmp_path / "d").exists()
