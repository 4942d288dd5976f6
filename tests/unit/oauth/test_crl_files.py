"""The files of lists: what is read at the start, what is taken over, and what operators hear of the rest."""

import datetime
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from structlog.testing import capture_logs

from gateway.oauth.certificates import Authorities
from gateway.oauth.crl import CRL_BYTES_MAX
from gateway.oauth.crl_files import CrlFileError, CrlFiles
from tests.unit.oauth.issued import DAY, FOR_CLIENTS, Issued, issue
from tests.unit.oauth.revoking import der, listed, part, pem

ROOT = issue("Client CA", authority=True)
OTHER = issue("Client CA", authority=True)  # of the same name
BETWEEN = issue("Client CA 1", ROOT, authority=True)
BANK, NEIGHBOUR = issue("bank", ROOT, extensions=[FOR_CLIENTS]), issue("neighbour", ROOT)
NOW = datetime.datetime.now(datetime.UTC)
EARLIER = NOW - DAY / 8


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now_s = NOW.timestamp()

    def __call__(self) -> float:
        return self.now_s


class Followed:
    """A folder with files of lists, and whoever follows them. What is written differs in size or place from before."""

    def __init__(self, folder: Path, **files: x509.CertificateRevocationList | bytes) -> None:
        self.folder, self.clock = folder, Clock()
        self.authorities = Authorities([ROOT.certificate])
        for name, content in files.items():
            self.write(name, content)
        self.files = CrlFiles(folder, list(files), self.authorities, now=self.clock)

    def write(self, name: str, content: x509.CertificateRevocationList | bytes) -> None:
        """By renaming, as whoever fetches lists should."""
        new = self.folder / f"{name}.new"
        new.write_bytes(content if isinstance(content, bytes) else pem(content))
        new.rename(self.folder / name)

    def fault(self, whose: Issued = BANK) -> str | None:
        return self.authorities.fault(whose.shown, self.clock())

    async def look(self, times: int = 1) -> list[Any]:
        """What was said meanwhile."""
        with capture_logs() as said:
            for _ in range(times):
                await self.files.follow()
        return [(line["log_level"], line.get("file", line.get("reason"))) for line in said]


async def test_a_file_that_is_replaced_is_taken_over_and_looked_at_no_more_than_that(tmp_path: Path) -> None:
    followed = Followed(tmp_path, a=listed(ROOT, NEIGHBOUR, begins=EARLIER))
    assert (followed.fault(), followed.fault(NEIGHBOUR)) == (None, "certificate-revoked")
    assert await followed.look(2) == []
    followed.write("a", listed(ROOT, BANK))
    assert followed.fault() is None
    assert await followed.look(2) == [("info", "a")]
    assert (followed.fault(), followed.fault(NEIGHBOUR)) == ("certificate-revoked", None)


async def test_a_file_that_is_overwritten_in_its_place_is_taken_over_too(tmp_path: Path) -> None:
    followed = Followed(tmp_path, a=listed(ROOT, begins=EARLIER))
    (tmp_path / "a").write_bytes(der(listed(ROOT, BANK)))
    assert await followed.look() == [("info", "a")]
    assert followed.fault() == "certificate-revoked"


async def test_what_was_remembered_of_a_certificate_ends_with_the_list(tmp_path: Path) -> None:
    followed = Followed(tmp_path, a=listed(ROOT, begins=EARLIER))
    shown, now_s = BANK.shown, followed.clock()
    assert followed.authorities.still(shown, now_s) is None
    followed.write("a", listed(ROOT, BANK))
    await followed.look()
    assert followed.authorities.still(shown, now_s) == "certificate-revoked"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"canary", "a holds no list of revoked certificates (X.509 CRL), neither as PEM nor as DER"),
        (der(listed(ROOT, BANK))[:-1], "a is no X.509 CRL that can be read"),
        (pem(listed(ROOT, BANK, extensions=[(x509.DeltaCRLIndicator(1), True)])), "a is a delta CRL, which says only"),
        (pem(listed(OTHER)), "a is not signed by the authority of client_ca_file whose name it has"),
        (pem(listed(ROOT, begins=EARLIER - DAY / 8)), "a is older than what was there before"),
        (b"\x30\x84" + bytes(CRL_BYTES_MAX), "a is larger than 16 MiB"),
        (None, "a cannot be read: No such file or directory"),
    ],
    ids=["text", "cut short", "delta", "another signer", "older", "too large", "gone"],
)
async def test_what_cannot_be_used_is_said_once_and_what_was_there_before_goes_on_until_its_end(
    tmp_path: Path, content: bytes | None, says: str
) -> None:
    followed = Followed(tmp_path, a=listed(ROOT, NEIGHBOUR, begins=EARLIER))
    if content is None:
        (tmp_path / "a").unlink()
    else:
        followed.write("a", content)
    ((level, said),) = await followed.look(3)
    assert level == "error"
    assert said.startswith(says)
    assert str(tmp_path) not in said
    assert (followed.fault(), followed.fault(NEIGHBOUR)) == (None, "certificate-revoked")
    followed.clock.now_s = (EARLIER + DAY).timestamp()
    assert followed.fault() == "crl-stale"
    followed.clock.now_s = NOW.timestamp()
    followed.write("a", listed(ROOT, BANK))
    assert await followed.look(2) == [("info", "a")]
    assert followed.fault() == "certificate-revoked"


async def test_a_file_that_comes_back_as_it_was_is_said_too(tmp_path: Path) -> None:
    followed = Followed(tmp_path, a=listed(ROOT, BANK))
    (tmp_path / "a").rename(tmp_path / "b")
    assert [level for level, _ in await followed.look(2)] == ["error"]
    (tmp_path / "b").rename(tmp_path / "a")
    assert await followed.look(2) == [("info", "a")]
    assert followed.fault() == "certificate-revoked"


async def test_one_file_that_cannot_be_used_keeps_no_other_back(tmp_path: Path) -> None:
    followed = Followed(tmp_path, a=listed(BETWEEN), b=listed(ROOT, begins=EARLIER))
    followed.write("a", b"canary")
    followed.write("b", listed(ROOT, BANK))
    assert [level for level, _ in await followed.look(2)] == ["error", "info"]
    assert followed.fault() == "certificate-revoked"


async def test_a_list_that_ends_is_told_once_a_quarter_of_its_life_before_and_once_when_it_has(tmp_path: Path) -> None:
    followed = Followed(tmp_path, a=listed(ROOT, begins=NOW, lasts=DAY / 2))
    begins_s, life_s = NOW.replace(microsecond=0).timestamp(), DAY.total_seconds() / 2
    told: list[tuple[float, Sequence[Any]]] = []
    for share in (0.0, 0.74, 0.76, 0.99, 1.0, 1.5):
        followed.clock.now_s = begins_s + life_s * share
        told.append((share, await followed.look(2)))
    assert [each for each in told if each[1]] == [(0.76, [("warning", "a")]), (1.0, [("error", "a")])]
    followed.clock.now_s = begins_s + life_s * 1.5
    followed.write("a", listed(ROOT, begins=NOW + DAY / 2))
    assert await followed.look() == [("info", "a")]
    assert followed.fault() is None


async def test_a_list_that_a_newer_one_has_replaced_may_end(tmp_path: Path) -> None:
    followed = Followed(tmp_path, a=listed(ROOT, begins=NOW - DAY * 2), b=listed(ROOT, begins=NOW))
    assert await followed.look() == []


def test_at_the_start_every_file_has_to_be_one_that_can_be_used(tmp_path: Path) -> None:
    with pytest.raises(CrlFileError, match="a holds no list"):
        Followed(tmp_path, a=b"canary")
    os.mkfifo(tmp_path / "pipe")
    for name, says in (("absent", "absent cannot be read: No such file"), ("pipe", "pipe cannot be read: .*regular")):
        with pytest.raises(CrlFileError, match=says) as caught:
            CrlFiles(tmp_path, [name], Authorities([ROOT.certificate]))
        assert str(tmp_path) not in str(caught.value)


async def test_without_files_that_speak_of_it_a_certificate_authenticates_nobody(tmp_path: Path) -> None:
    followed = Followed(tmp_path, a=listed(BETWEEN))
    assert followed.fault() == "crl-missing"
    followed.write("a", listed(ROOT))
    await followed.look()
    assert followed.fault() is None


def at(place: str, *revoked: Issued, begins: datetime.datetime = NOW) -> x509.CertificateRevocationList:
    """A list of the certificates that say that it is at this place."""
    where = part(full_name=[x509.UniformResourceIdentifier(f"http://ca.example/{place}.crl")])
    return listed(ROOT, *revoked, begins=begins, extensions=[(where, True)])


async def test_of_several_places_of_one_authority_each_list_that_ends_is_told_of(tmp_path: Path) -> None:
    followed = Followed(tmp_path, a=at("1", begins=NOW - DAY * 2), b=at("2"))
    assert await followed.look(2) == [("error", "a")]


@pytest.mark.parametrize(
    ("before", "after", "taken"),
    [
        (at("1"), at("1", begins=EARLIER), False),
        (at("1"), at("2", begins=EARLIER), True),
        (listed(ROOT, begins=NOW), at("1", begins=EARLIER), False),
        (at("1"), listed(ROOT, begins=EARLIER), False),
        (at("1", begins=EARLIER), listed(ROOT, begins=NOW), True),
    ],
    ids=["of the same place", "of another", "a part of the whole", "the whole of a part", "a newer whole"],
)
async def test_nothing_older_replaces_what_spoke_of_the_same_certificates(
    tmp_path: Path, before: x509.CertificateRevocationList, after: x509.CertificateRevocationList, taken: bool
) -> None:
    followed = Followed(tmp_path, a=before)
    followed.write("a", after)
    ((level, said),) = await followed.look()
    assert (level == "info") is taken
    assert taken or said == "a is older than what was there before"


async def test_a_part_may_be_older_than_the_whole_beside_it_where_it_is_newer_than_the_part_before(
    tmp_path: Path,
) -> None:
    followed = Followed(tmp_path, a=pem(at("1", begins=EARLIER - DAY / 8), listed(ROOT, begins=EARLIER)))
    followed.write("a", pem(at("1", begins=EARLIER - DAY / 24), listed(ROOT, begins=NOW)))
    assert await followed.look() == [("info", "a")]
