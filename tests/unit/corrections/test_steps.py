"""Whatever order steps are heard in, and however often, they come to the same; and none is taken out of turn."""

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.audit.leaf import Authority, Pulse
from gateway.corrections.heard import HeardCorrections
from gateway.corrections.steps import OPEN, RULES, Action, Taken, action_of, course_of, may_follow, side_of

ACTIONS: tuple[Action, ...] = tuple(RULES)


@settings(max_examples=50)
@given(st.lists(st.sampled_from(ACTIONS), max_size=12), st.data())
def test_steps_come_to_the_same_in_any_order_of_hearing_and_twice_over(
    actions: list[Action], data: st.DataObject
) -> None:
    steps = [Taken(10 * number, action) for number, action in enumerate(actions)]
    again = data.draw(st.permutations(steps + steps))
    assert course_of(again) == course_of(steps)


@settings(max_examples=50)
@given(st.lists(st.sampled_from(ACTIONS), max_size=12))
def test_a_course_is_what_a_person_would_make_of_its_steps(actions: list[Action]) -> None:
    state, taken = "", []
    for number, action in enumerate(actions):
        rule = RULES[action]
        if (action == "report" and not state) or state in rule.after:
            state = rule.to
            taken.append(Taken(number, action))
    course = course_of(Taken(number, action) for number, action in enumerate(actions))
    if not taken:
        assert course is None
        return
    assert course is not None
    assert course == course_of(taken)
    assert course.state == state
    assert (course.closed_us is None) == (state in OPEN)
    answered = [step.time_us for step in taken if step.action in ("acknowledge", "fix", "reject")]
    assert course.acknowledged_us == (answered[0] if answered else None)
    assert len(course.closed) == sum(step.action == "reopen" for step in taken)
    assert all(begun < end for begun, end in course.closed)


def test_every_state_leaves_each_side_its_own_steps() -> None:
    assert may_follow("reported", "hub", "hub") == ("acknowledge", "fix", "reject")
    assert may_follow("reported", "hub", "partner") == ("withdraw",)
    assert may_follow("fixed", "partner", "hub") == ("reopen",)
    assert may_follow("withdrawn", "hub", "partner") == ()
    assert side_of("reporter", "partner") == "hub"


def test_a_withdrawal_is_told_from_a_rejection_by_its_last_word() -> None:
    subject = ("c-1", "a", "6.1", "minor", "hub")
    assert action_of("correction-rejected", subject) == "reject"
    assert action_of("correction-rejected", (*subject, "withdrawn")) == "withdraw"
    assert action_of("task-created", subject) is None


def test_records_of_something_else_and_of_no_form_are_passed_over() -> None:
    heard = HeardCorrections()
    for entry in (
        Pulse(1),
        Authority(2, "client-added", "app"),
        Authority(3, "correction-reported", "c-1 a 6.1"),
        Authority(4, "correction-reported", "c-1 a 6.1 minor nobody"),
    ):
        heard.hear(entry)
    assert heard.histories() == ()
