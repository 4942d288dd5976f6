"""A product with several schema objects: a view, a route and a mask for each."""

import pytest

from tests.unit.contracts.sample import compiled
from tests.unit.contracts.test_document_cases import TABLE, findings_of

PRODUCT = "products/shipments.odcs.yaml"
SECOND = """\
  - name: events
    logicalType: object
    properties:
      - {name: event_id, logicalType: integer, primaryKey: true}
      - {name: carrier_code, logicalType: string}
      - {name: place, logicalType: string}
"""
VIEW_BEFORE = """\
          operations: [list, get]
          purpose: [delivery]
          rows: record.carrier_code == partner.code
          fields:
            shipment_id: clear
            weight_kg: clear
            customer.phone: {keep_last: 4}
"""
VIEW = """\
          purpose: [delivery]
          objects:
            shipment:
              operations: [list]
              rows: record.carrier_code == partner.code
              fields: {shipment_id: clear, weight_kg: clear}
            events:
              operations: [list, get]
              fields: {event_id: clear, place: {keep_first: 2}}
"""


def product(view: str = VIEW, second: str = SECOND) -> str:
    text = str(TABLE["workspace"][PRODUCT])
    assert VIEW_BEFORE in text
    return text.replace("roles:\n", f"{second}roles:\n", 1).replace(VIEW_BEFORE, view)


def findings(text: str) -> list[tuple[str, str]]:
    found = findings_of({**TABLE["workspace"], PRODUCT: text})
    return [(finding.code, finding.path) for finding in found]


def test_each_object_has_its_own_route_mask_and_rows_and_one_scope_for_all() -> None:
    before = TABLE["workspace"][PRODUCT]
    _, plans = compiled({PRODUCT: (before, product())})
    routes = {(plan.resource, plan.operation): plan for plan in plans.all_plans()}
    assert {key: plan.route for key, plan in routes.items()} == {
        ("shipments/shipment", "list"): "/v1/shipments/shipment",
        ("shipments/events", "list"): "/v1/shipments/events",
        ("shipments/events", "get"): "/v1/shipments/events/{key}",
    }
    assert {plan.scope for plan in routes.values()} == {"shipments:read"}
    shipment, events = routes["shipments/shipment", "list"], routes["shipments/events", "list"]
    assert shipment.rows is not None
    assert events.rows is None
    assert [".".join(field.path) for field, _ in events.view.leaves] == ["event_id", "place"]
    assert len({plan.id for plan in routes.values()}) == 3
    assert len({limit.key for plan in routes.values() for limit in plan.limits}) == 1


@pytest.mark.parametrize(
    ("view", "second", "expected"),
    [
        (VIEW_BEFORE, SECOND, [("bad-value", "roles[0].customProperties[0].value")]),
        (
            VIEW.replace("events:", "nothing:"),
            SECOND,
            [("unknown-field", "roles[0].customProperties[0].value.objects.nothing")],
        ),
        (VIEW, SECOND.replace("name: events", "name: Ev/ents"), None),
        (VIEW.replace("events:", "shipment2:"), SECOND.replace("name: events", "name: shipment"), None),
        (
            VIEW.replace("place: {keep_first: 2}", "secret: clear"),
            SECOND,
            [("unknown-field", "roles[0].customProperties[0].value.objects.events.fields.secret")],
        ),
    ],
    ids=["a view of none", "an unknown object", "a name that is no path", "the same name twice", "an unknown field"],
)
def test_a_view_of_several_objects_that_is_wrong_is_refused_at_its_place(
    view: str, second: str, expected: list[tuple[str, str]] | None
) -> None:
    found = findings(product(view, second))
    if expected is None:
        assert "bad-value" in {code for code, _ in found}
    else:
        assert found == expected
