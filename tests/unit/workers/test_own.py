"""What a worker has of its own, and what workers tell each other."""

from msgspec.structs import replace

from gateway.settings import Settings
from gateway.workers.backoff import FIRST_S, LONGEST_S, SOUND_S, Backoff
from gateway.workers.messages import Failed, Place, Ready, Reloaded, line_of, message_of
from gateway.workers.own import settings_of

PLACE = Place("hub", 2, 4, 3, 5, "unix:///run/valkey.sock")


def test_each_worker_writes_under_a_name_of_its_own_and_shares_the_counters() -> None:
    settings = settings_of(Settings(writer="gw-7"), PLACE)
    assert (settings.writer, settings.workers, settings.redis_url) == ("gw-7-2", 4, "unix:///run/valkey.sock")


def test_a_server_that_the_settings_name_is_the_one_that_is_used() -> None:
    settings = Settings(redis_url="rediss://counters.example:6379")
    assert settings_of(settings, replace(PLACE, redis_url="")).redis_url == settings.redis_url


def test_only_the_first_worker_builds_trees_and_that_only_where_the_gateway_does() -> None:
    built = [settings_of(Settings(), replace(PLACE, number=number)).sequence for number in (1, 2, 3)]
    assert built == ["serve", "alone", "alone"]
    assert settings_of(Settings(sequence="alone"), replace(PLACE, number=1)).sequence == "alone"


def test_a_message_arrives_as_it_was_sent_and_what_is_cut_off_is_none() -> None:
    for message in (Ready("http://127.0.0.1:1", "ab"), Failed("the disk\nis full"), Reloaded(False, "cd")):
        line = line_of(message)
        assert line.count(b"\n") == 1
        assert message_of(line) == message
        assert message_of(line[:-3]) is None
    assert message_of(b'{"type":"other"}\n') is None


def test_pauses_double_up_to_a_bound_and_begin_again_after_a_sound_life() -> None:
    now_s = 0.0
    backoff = Backoff(lambda: now_s)
    pauses_s = [backoff.ended() for _ in range(100)]
    assert pauses_s[:4] == [FIRST_S, 2 * FIRST_S, 4 * FIRST_S, 8 * FIRST_S]
    assert max(pauses_s) == pauses_s[-1] == LONGEST_S
    backoff.began()
    now_s = SOUND_S
    assert backoff.ended() == FIRST_S
