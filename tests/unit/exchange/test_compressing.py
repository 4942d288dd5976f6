"""Content codings, with the formats' own readers as judges."""

import gzip
import zlib

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from gateway.exchange.compressing import COMPRESS_BYTES_MIN, compress, piecewise
from gateway.exchange.negotiate import Coding
from tests.unit.exchange.stage import Stage
from tests.unit.exchange.wares import WARES, ware, wares

CODINGS: tuple[Coding, ...] = ("gzip", "zstd")


def read(data: bytes, coding: Coding | None) -> bytes:
    """The whole stream, which must be complete."""
    if coding is None:
        return data
    if coding == "gzip":
        return gzip.decompress(data)
    reader = zstandard.ZstdDecompressor().decompressobj()
    plain = reader.decompress(data)
    assert reader.eof
    return plain


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("size", [0, 1, COMPRESS_BYTES_MIN, 300_000])
async def test_a_whole_body_reads_back(coding: Coding, size: int) -> None:
    data = bytes(number % 251 for number in range(size))
    packed = await compress(data, coding)
    assert read(packed, coding) == data
    assert size < COMPRESS_BYTES_MIN or len(packed) < size


@pytest.mark.parametrize("coding", [None, *CODINGS])
@given(pieces=st.lists(st.binary(max_size=300), max_size=6))
def test_pieces_read_back_as_one(coding: Coding | None, pieces: list[bytes]) -> None:
    stream = piecewise(coding)
    assert read(b"".join([*(stream.piece(piece) for piece in pieces), stream.end()]), coding) == b"".join(pieces)


@pytest.mark.parametrize("coding", CODINGS)
def test_each_piece_can_be_read_before_the_next_is_there(coding: Coding) -> None:
    stream = piecewise(coding)
    reader = zlib.decompressobj(31) if coding == "gzip" else zstandard.ZstdDecompressor().decompressobj()
    for piece in (b"first line\n", b"second line\n" * 1000, b"third\n"):
        assert reader.decompress(stream.piece(piece)) == piece


@pytest.mark.parametrize("coding", CODINGS)
async def test_an_answer_in_a_coding_is_the_same_answer_with_a_tag_of_its_own(
    tmp_path_factory: pytest.TempPathFactory, coding: Coding
) -> None:
    stage = Stage(tmp_path_factory.mktemp("log"), wares())
    stage.grant = WARES
    stage.adapter.json({"data": [ware(f"W-{number}") for number in range(40)]})
    plain = await stage.get("/v1/wares?limit=50")
    packed = await stage.get("/v1/wares?limit=50", accept_encoding=coding)
    assert read(packed.body, coding) == plain.body
    assert packed.headers["content-encoding"] == coding
    assert packed.headers["content-length"] == str(len(packed.body))
    assert packed.headers["etag"] == plain.headers["etag"][:-1] + f'-{coding}"'
    again = await stage.get("/v1/wares?limit=50", accept_encoding=coding, if_none_match=packed.headers["etag"])
    assert (again.status, again.body) == (304, b"")
    assert "content-encoding" not in again.headers


async def test_what_is_small_and_what_is_a_problem_stays_as_it_is(tmp_path_factory: pytest.TempPathFactory) -> None:
    stage = Stage(tmp_path_factory.mktemp("log"), wares())
    stage.grant = WARES
    stage.adapter.json({"data": []})
    for target in ("/v1/wares", "/v1/wares?limit=0"):
        reply = await stage.get(target, accept_encoding="gzip")
        assert "content-encoding" not in reply.headers
        assert reply.json()
