"""A walk through keys is recognised by neighbours beyond chance, in any order and direction; a working set is none."""

import random

import pytest

from gateway.scraping.walk import Pages, Ring, Tops, place

DRAW = random.Random(5)  # noqa: S311 - a simulation


def excess(numbers: list[int]) -> float:
    """The share of keys with a neighbour, beyond chance."""
    ring, near, chance = Ring(), 0.0, 0.0
    for number in numbers:
        found = (1, number)
        is_near, by_chance = ring.neighbours(found)
        near, chance = near + is_near, chance + by_chance
        ring.add(found)
    return (near - chance) / (len(numbers) - chance)


def windows(numbers: list[int], size: int) -> list[int]:
    """The same, shuffled in windows."""
    out = []
    for first in range(0, len(numbers), size):
        window = numbers[first : first + size]
        DRAW.shuffle(window)
        out += window
    return out


def interleaved(walk: list[int], others: int) -> list[int]:
    """A walk with so many other keys between each two steps."""
    return [number for step in walk for number in (step, *(DRAW.randrange(10**6) for _ in range(others)))]


RISING = list(range(5_000, 6_000))
SPARSE = [number * 3 + DRAW.randint(0, 2) for number in range(1_000)]


@pytest.mark.parametrize(
    "walk",
    [RISING, RISING[::-1], SPARSE, SPARSE[::-1], windows(SPARSE, 40), windows(RISING, 40)],
    ids=["rising", "falling", "sparse", "sparse falling", "sparse in windows", "in windows"],
)
def test_a_walk_has_neighbours_beyond_chance(walk: list[int]) -> None:
    assert excess(walk) > 0.5


def test_a_walk_among_other_calls_has_them_as_well() -> None:
    assert excess(interleaved(RISING, 2)) > 0.25


@pytest.mark.parametrize("span", [1_500, 10_000, 10**6])
def test_keys_at_random_have_none_however_dense_they_are(span: int) -> None:
    assert abs(excess(DRAW.sample(range(span), min(3_000, span // 3)))) < 0.25


def test_the_place_of_a_key_is_its_last_number_within_what_stands_around_it() -> None:
    one, other = place("SHP-2026-000041/a"), place("SHP-2026-000042/a")
    assert one is not None
    assert other is not None
    assert (one[0], one[1] + 1) == other
    assert place("SHP-2027-000041/a") != one
    assert place("no number") is None
    assert place("1" * 18) is not None


def test_new_records_rise_above_those_of_the_days_before_and_old_ones_do_not() -> None:
    tops = Tops()
    assert not any(tops.rises((1, number)) for number in range(1_000, 1_100)), "the first day has none before it"
    tops.turn()
    assert tops.rises((1, 1_150))
    assert not tops.rises((1, 1_050))
    assert not tops.rises((1, 2_000)), "further than any day before"
    assert not tops.rises((2, 1_150)), "another series"


def test_a_list_is_read_in_depth_when_its_pages_follow_each_other() -> None:
    pages = Pages()
    found = [pages.follow("app", f"token {'x' * number}", 100) for number in range(1, 8)]
    assert found == [False] * 3 + [True] * 4
    assert not pages.follow("app", "", 100)
    assert not pages.follow("app", "token y", 100)


def test_reading_on_is_seen_among_polls_and_over_clients() -> None:
    pages, found = Pages(), []
    for number in range(10):
        pages.follow(f"app-{number % 3}", "", 40)
        found.append(pages.follow(f"app-{number % 3}", f"K{10_000 + 300 * number}", 100))
    assert found == [False] * 3 + [True] * 7


def test_the_second_page_of_a_poll_is_no_depth_however_often_it_is_read() -> None:
    pages = Pages()
    for number in range(50):
        pages.follow("app", "", 40)
        assert not pages.follow("app", f"K{10_000 + 5 * number}", 40)
