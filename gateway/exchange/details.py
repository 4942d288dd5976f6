"""Whether a token that was narrowed by `authorization_details` (RFC 9396) still covers what is asked for."""

from contracts.plan import Plan
from gateway.oauth.grant import Detail
from policies.kinds.purpose import PurposeGate


def covers(detail: Detail, agreement: str, product: str, action: str) -> bool:
    """Whether it covers one operation of a product, or of a partner's service, whatever the purpose."""
    return detail.agreement == agreement and product in detail.products and action in detail.actions


def covered(details: tuple[Detail, ...], plan: Plan, purpose: bytes | None) -> bool:
    """Whether one of them covers a call of this plan. `purpose` is the one stated; None: the one assumed counts."""
    agreement, product, action = plan.contract.agreement, plan.product, plan.operation
    for detail in details:
        if covers(detail, agreement, product, action):
            if not detail.purposes:
                return True
            meant = _assumed(plan) if purpose is None else {purpose.decode("latin-1")}
            if meant and meant <= detail.purposes:
                return True
    return False


def _assumed(plan: Plan) -> set[str]:
    """What the agreement takes a call for that states no purpose. Nothing: no clause says so, and the token's own list
    would mean nothing if that were enough. A clause that assumes none refuses such a call by itself."""
    return {
        gate.when_unstated for gate in plan.gates if isinstance(gate, PurposeGate) and gate.when_unstated is not None
    }
