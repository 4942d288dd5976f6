"""Of two who change the same state one has it; what is loaded is what was committed."""

import asyncio

import pytest
from msgspec import structs

from gateway.store.log_state import Anchoring, LogState, LogStates, Position, Records, TreeState
from gateway.store.store import Store

POSITION = Position(3, 4096, 3500, 2, 41, "ab" * 32, 2)
TREE = TreeState("partners/swift", 42, b"\0\xff" * 16, "a note\n\n— of ours\n", 1_800_000_000_000_001, 3, 40, 1)
STATE = LogState(origin="gateway.example/log", positions={"gw-1": POSITION}, trees={TREE.name: TREE}, updated_us=7)


async def test_what_was_committed_is_loaded(store: Store) -> None:
    states = LogStates(store)
    assert await states.load() == LogState()
    assert await states.origin() == ""
    committed = await states.swap(LogState(), STATE)
    assert committed == structs.replace(STATE, generation=1)
    assert await states.load() == committed
    assert await states.origin() == "gateway.example/log"


@pytest.mark.parametrize("intent", [Records({"gw-1": POSITION, "gw-2": Position()}), Anchoring(), None])
async def test_an_intent_is_kept_until_it_is_fulfilled(store: Store, intent: Records | Anchoring | None) -> None:
    states = LogStates(store)
    first = await states.swap(LogState(), STATE)
    assert first is not None
    second = await states.swap(first, structs.replace(first, intent=intent))
    assert second is not None
    assert (await states.load()).intent == intent


async def test_whoever_comes_second_changes_nothing(store: Store) -> None:
    states = LogStates(store)
    assert await states.swap(LogState(), STATE) is not None
    assert await states.swap(LogState(), structs.replace(STATE, origin="another")) is None
    first = await states.load()
    second = await states.swap(first, structs.replace(first, trees={TREE.name: structs.replace(TREE, size=50)}))
    assert second is not None
    late = structs.replace(first, positions={}, trees={TREE.name: structs.replace(TREE, size=60)})
    assert await states.swap(first, late) is None
    assert await states.load() == second
    assert [await states.is_current(generation) for generation in (1, 2, 3)] == [False, True, False]


async def test_of_many_at_once_exactly_one_has_it(store: Store) -> None:
    states = LogStates(store)
    for _ in range(3):
        before = await states.load()
        changed = [
            structs.replace(before, origin="o", trees={TREE.name: structs.replace(TREE, size=size)})
            for size in range(1, 9)
        ]
        outcomes = await asyncio.gather(*(states.swap(before, after) for after in changed))
        (won,) = [outcome for outcome in outcomes if outcome is not None]
        assert await states.load() == won


async def test_trees_that_did_not_change_stay_and_new_ones_come(store: Store) -> None:
    states = LogStates(store)
    first = await states.swap(LogState(), STATE)
    assert first is not None
    other = structs.replace(TREE, name="hub", missing=0)
    second = await states.swap(first, structs.replace(first, trees={**first.trees, "hub": other}))
    assert (await states.load()).trees == {"hub": other, TREE.name: TREE}
    assert second == await states.load()


async def test_a_fault_is_kept_until_somebody_goes_on(store: Store) -> None:
    states = LogStates(store)
    first = await states.swap(LogState(), STATE)
    assert first is not None
    await states.note_fault(first.generation + 1, "of another life")
    assert (await states.load()).fault == ""
    await states.note_fault(first.generation, "log-corrupt: gw-1")
    stopped = await states.load()
    assert stopped == structs.replace(first, fault="log-corrupt: gw-1")
    second = await states.swap(stopped, stopped)
    assert second is not None
    assert (await states.load()).fault == ""


async def test_the_witnesses_still_wanted_are_noted_beside_the_generation(store: Store) -> None:
    states = LogStates(store)
    first = await states.swap(LogState(), STATE)
    await states.note_missing(TREE.name, 2)
    await states.note_missing("no/such/tree", 5)
    loaded = await states.load()
    assert loaded.trees == {TREE.name: structs.replace(TREE, missing=2)}
    assert first is not None
    assert loaded.generation == first.generation
