"""A sealed secret opens with its key, for its purpose, unchanged; with anything else it stays closed and unsaid."""

import asyncio
import base64
import logging
import os
from contextlib import suppress

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.store.encryption import Encryption, Purpose, sealed_by
from gateway.store.hidden import Hidden
from gateway.store.key_encryption import BadKeyError, KeyEncryptionError, LocalKey, local_keys
from gateway.store.transit import TransitKey
from tests.unit.store.transit_engine import TOKEN, URL, Engine

PURPOSE = Purpose("server secret", "pepper")
SECRET = b"s3cr3t-value-of-the-server"


def key() -> LocalKey:
    return LocalKey(Hidden(os.urandom(32)))


def opened(encryption: Encryption, value: bytes, purpose: Purpose = PURPOSE) -> bytes:
    return asyncio.run(encryption.open(value, purpose))


def sealed(encryption: Encryption, plain: bytes = SECRET, purpose: Purpose = PURPOSE) -> bytes:
    return asyncio.run(encryption.seal(plain, purpose))


@settings(max_examples=30, deadline=None)
@given(st.binary(max_size=400), st.text(max_size=40), st.data())
def test_what_was_sealed_opens_and_no_changed_byte_of_it_does(plain: bytes, name: str, data: st.DataObject) -> None:
    encryption, purpose = Encryption([key()]), Purpose("signing key", name)
    value = sealed(encryption, plain, purpose)
    assert opened(encryption, value, purpose) == plain
    place = data.draw(st.integers(0, len(value) - 1))
    other = data.draw(st.integers(0, 255).filter(lambda byte: byte != value[place]))
    changed = value[:place] + bytes([other]) + value[place + 1 :]
    with suppress(KeyEncryptionError):
        # Where it opens it is not sealed any more, or base64 that means the same; never another secret.
        assert opened(encryption, changed, purpose) in (changed, plain)


def test_a_value_is_its_own_each_time_and_says_by_whom_it_is_sealed() -> None:
    mine = key()
    encryption = Encryption([mine])
    first, second = sealed(encryption), sealed(encryption)
    assert first != second
    assert first.isascii()
    assert SECRET not in first
    assert sealed_by(first) == mine.key_id == encryption.key_id
    assert (sealed_by(SECRET), sealed_by(b'{"kty":"EC"}')) == ("", "")


def test_a_value_that_was_moved_to_another_row_does_not_open() -> None:
    encryption = Encryption([key()])
    value = sealed(encryption)
    assert opened(encryption, value) == SECRET
    for elsewhere in (Purpose("server secret", "throttle"), Purpose("signing key", "pepper")):
        with pytest.raises(KeyEncryptionError):
            opened(encryption, value, elsewhere)


class Careless:
    """A key that forgets what things are for."""

    key_id = "careless"

    async def encrypt(self, plain: bytes, context: bytes) -> bytes:
        return plain

    async def decrypt(self, sealed: bytes, context: bytes) -> bytes:
        return sealed


def test_a_value_is_bound_to_its_purpose_whatever_an_engine_makes_of_that() -> None:
    encryption = Encryption([Careless()])
    value = sealed(encryption)
    assert opened(encryption, value) == SECRET
    with pytest.raises(KeyEncryptionError):
        opened(encryption, value, Purpose("server secret", "throttle"))


def test_what_was_opened_once_is_not_given_for_another_purpose() -> None:
    encryption = Encryption([key()])

    async def both() -> None:
        value = await encryption.seal(SECRET, PURPOSE)
        assert await encryption.open(value, PURPOSE) == SECRET
        with pytest.raises(KeyEncryptionError):
            await encryption.open(value, Purpose("server secret", "throttle"))

    asyncio.run(both())


def test_the_first_key_seals_and_each_opens_what_it_sealed() -> None:
    old, new = key(), key()
    before = sealed(Encryption([old]))
    both = Encryption([new, old])
    assert opened(both, before) == SECRET
    assert sealed_by(sealed(both)) == new.key_id
    assert (both.knows(before), Encryption([new]).knows(before), Encryption().knows(before)) == (True, False, False)
    for without in (Encryption([new]), Encryption()):
        with pytest.raises(KeyEncryptionError, match=f"sealed under {old.key_id}, a key that neither"):
            opened(without, before)


def test_a_value_under_another_keys_name_does_not_open() -> None:
    old, new = key(), key()
    value = sealed(Encryption([old])).replace(old.key_id.encode(), new.key_id.encode())
    with pytest.raises(KeyEncryptionError, match="was changed, or belongs elsewhere"):
        opened(Encryption([new, old]), value)


def test_without_a_key_secrets_are_kept_as_they_are() -> None:
    assert sealed(Encryption()) == SECRET
    assert opened(Encryption(), SECRET) == SECRET
    assert Encryption().key_id == ""


def test_keys_are_read_from_the_setting_with_spaces_or_commas_between() -> None:
    texts = [base64.b64encode(os.urandom(32)).decode() for _ in range(3)]
    found = local_keys(f" {texts[0]},{texts[1]}  {texts[2]}\n")
    assert [each.key_id for each in found] == [local_keys(text)[0].key_id for text in texts]
    assert len({each.key_id for each in found}) == 3
    assert local_keys(" , ") == ()


@pytest.mark.parametrize("bad", ["hunter2", "aHVudGVyMg==", base64.b64encode(b"k" * 33).decode(), "ключ"])
def test_what_is_no_key_is_said_by_its_place_and_not_repeated(bad: str) -> None:
    good = base64.b64encode(os.urandom(32)).decode()
    with pytest.raises(BadKeyError) as caught:
        local_keys(f"{good} {bad}")
    assert str(caught.value) == "key_encryption_key: entry 2 is not 32 bytes in base64"


def transit(engine: Engine, token: str = TOKEN) -> TransitKey:
    return TransitKey(URL, Hidden(token), engine)


async def test_an_engine_encrypts_a_data_key_and_never_sees_the_secret() -> None:
    engine = Engine()
    encryption = Encryption([transit(engine)])
    value = await encryption.seal(SECRET, PURPOSE)
    assert sealed_by(value) == "transit-clausegate"
    assert await encryption.open(value, PURPOSE) == SECRET
    assert [url for url, _ in engine.asked] == [
        "https://vault.example:8200/v1/transit/encrypt/clausegate",
        "https://vault.example:8200/v1/transit/decrypt/clausegate",
    ]
    assert {base64.b64decode(body["associated_data"]).decode() for _, body in engine.asked} == {PURPOSE.context}
    assert len(base64.b64decode(engine.asked[0][1]["plaintext"])) == 32
    assert base64.b64encode(SECRET).decode() not in str(engine.asked)


async def test_an_engine_is_asked_once_for_each_value_also_by_many_at_once() -> None:
    engine = Engine()
    encryption = Encryption([transit(engine)])
    value = await encryption.seal(SECRET, PURPOSE)
    assert set(await asyncio.gather(*(encryption.open(value, PURPOSE) for _ in range(8)))) == {SECRET}
    assert await encryption.open(value, PURPOSE) == SECRET
    assert engine.count("decrypt") == 1


async def test_who_waits_no_longer_leaves_the_answer_to_the_next() -> None:
    engine = Engine()
    encryption = Encryption([transit(engine)])
    value = await encryption.seal(SECRET, PURPOSE)
    engine.held = asyncio.Event()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.001):
            await encryption.open(value, PURPOSE)
    engine.held.set()
    assert await encryption.open(value, PURPOSE) == SECRET
    assert engine.count("decrypt") == 1


async def test_what_could_not_be_opened_is_asked_for_again() -> None:
    engine = Engine()
    encryption = Encryption([transit(engine)])
    value = await encryption.seal(SECRET, PURPOSE)
    engine.mood = httpx.ConnectError("no route")
    with pytest.raises(KeyEncryptionError):
        await encryption.open(value, PURPOSE)
    engine.mood = None
    assert await encryption.open(value, PURPOSE) == SECRET


async def test_an_engine_whose_key_was_rotated_opens_what_it_sealed_before() -> None:
    engine = Engine()
    encryption = Encryption([transit(engine)])
    value = await encryption.seal(SECRET, PURPOSE)
    engine.rotate()
    assert await encryption.open(value, PURPOSE) == SECRET


@pytest.mark.parametrize(
    ("mood", "said"),
    [
        (httpx.Response(503, json={"errors": [TOKEN]}), "answers 503 to encrypt"),
        (httpx.Response(307, headers={"Location": "https://elsewhere.example/"}), "answers 307 to encrypt"),
        (httpx.ConnectError(TOKEN), "cannot be asked (ConnectError)"),
        (httpx.ReadTimeout(TOKEN), "cannot be asked (ReadTimeout)"),
        (httpx.Response(200, content=b"x" * 70_000), "answers with more than can be a key"),
        (httpx.Response(200, headers={"Content-Encoding": "br"}), "answers in a coding"),
        (httpx.Response(200, content=b"\xff"), "answers with something else than a key"),
        (httpx.Response(200, json=[]), "answers with something else than a key"),
        (httpx.Response(200, json={"data": None}), "answers with something else than a key"),
        (httpx.Response(200, json={"data": {"ciphertext": 3}}), "answers without a ciphertext"),
    ],
)
async def test_an_engine_that_does_not_encrypt_is_named_without_what_it_was_told_or_said(
    mood: httpx.Response | Exception, said: str
) -> None:
    engine = Engine()
    engine.mood = mood
    with pytest.raises(KeyEncryptionError) as caught:
        await Encryption([transit(engine)]).seal(SECRET, PURPOSE)
    assert str(caught.value) == f"the engine at https://vault.example:8200 {said}"


async def test_a_token_that_the_engine_does_not_take_is_on_no_log(caplog: pytest.LogCaptureFixture) -> None:
    for name in ("", "httpx", "httpcore"):
        caplog.set_level(logging.DEBUG, name)
    wrong = "hvs.wr0ng"
    with pytest.raises(KeyEncryptionError, match="answers 403") as caught:
        await transit(Engine(), wrong).encrypt(SECRET, b"")
    assert wrong not in str(caught.value) + caplog.text


@pytest.mark.parametrize(
    "url",
    [
        "http://vault.example/v1/transit/keys/name",
        "https://vault.example/v1/transit/name",
        "https://vault.example/transit/keys/name",
        "https://vault.example/v1/../keys/name",
        "https://a:hunter2@vault.example/v1/transit/keys/name",
        "https://vault.example/v1/transit/keys/name?token=hunter2",
        "https:///v1/transit/keys/name",
        "https://vault.example:x/v1/transit/keys/name",
        "vault",
    ],
)
def test_what_is_no_url_of_a_key_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(BadKeyError, match=r"^key_encryption_url: ") as caught:
        TransitKey(url, Hidden(TOKEN))
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("token", ["", "hunter2\r\nX-Other: 1", "hunter2é"])
def test_what_is_no_token_is_refused_and_not_repeated(token: str) -> None:
    with pytest.raises(BadKeyError, match=r"^key_encryption_token: ") as caught:
        TransitKey(URL, Hidden(token))
    assert "hunter2" not in str(caught.value)
