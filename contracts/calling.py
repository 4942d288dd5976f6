"""What the hub may call of its partners: the services that agreements name, compiled operation by operation."""

from collections.abc import Iterable, Mapping

from contracts.agreement import HUB, Agreement, ServiceReference
from contracts.finding import Finding, KeyPath, clipped
from contracts.plan import Contract, ServicePlan
from contracts.service import Service
from contracts.service_operation import Operation, compile_operation, operation_ids
from contracts.service_schema import Schemas
from contracts.workspace import Broken, Loaded, is_broken

_NAMES_MAX = 20


class Services:
    """Services by name and version. Each operation is compiled once: many agreements may share a service."""

    def __init__(self, documents: Mapping[tuple[str, str], Loaded[Service]], broken: tuple[Broken, ...]) -> None:
        self._documents, self._broken = documents, broken
        self._schemas: dict[tuple[str, str], Schemas] = {}
        self._compiled: dict[tuple[str, str, str], Operation | list[Finding]] = {}

    def named(self, agreement: Agreement) -> list[Loaded[Service]]:
        """The very documents that the agreement names, in the order in which it names them."""
        keys = [(reference.service, reference.version) for reference in agreement.services]
        return [self._documents[key] for key in keys if key in self._documents]

    def findings(self, loaded: Loaded[Agreement]) -> list[Finding]:
        """What is wrong with the services of one agreement. With none, `plans` can be made of it."""
        found: list[Finding] = []
        agreement, source = loaded.value, loaded.source
        if agreement.partner.id == HUB:
            message = f"{HUB} is what the hub's own programs are called: give the partner another id"
            found.append(source.finding("reserved-partner", message, ("partner", "id")))
        taken: dict[str, str] = {}
        for index, reference in enumerate(agreement.services):
            at: KeyPath = ("services", index)
            if (reference.service, reference.version) not in self._documents:
                if not is_broken(self._broken, reference.service):
                    found.append(source.finding(*self._unknown(reference), at))
                continue
            for position, name in enumerate(reference.operations):
                place = (*at, "operations", position)
                if name in taken:
                    message = f"{name} is an operation of {taken[name]} already: callers could not tell them apart"
                    found.append(source.finding("duplicate-operation", message, place))
                taken.setdefault(name, reference.service)
                operation = self._operation(reference, name)
                if operation is None:
                    known = operation_ids(self._documents[reference.service, reference.version].source.data)
                    said = ", ".join(clipped(known_name) for known_name in known[:_NAMES_MAX])
                    message = f"{reference.service} {reference.version} has no operation {name}; there are: {said}"
                    found.append(source.finding("unknown-service", message, place))
                elif isinstance(operation, list):
                    found += operation
        return found

    def plans(self, agreement: Agreement, contract: Contract) -> list[ServicePlan]:
        """A plan for each operation; the agreement has no finding."""
        made: list[ServicePlan] = []
        for reference in agreement.services:
            for name in reference.operations:
                operation = self._operation(reference, name)
                if isinstance(operation, Operation):
                    scope = f"out:{contract.partner}:{name}"
                    made.append(ServicePlan(contract, reference.service, reference.version, operation, scope))
        return made

    def _unknown(self, reference: ServiceReference) -> tuple[str, str]:
        if any(name == reference.service for name, _ in self._documents):
            message = f"service {reference.service} has no version {reference.version} here"
            return "unknown-service-version", message
        return "unknown-service", f"there is no service {reference.service}"

    def _operation(self, reference: ServiceReference, name: str) -> Operation | list[Finding] | None:
        key = (reference.service, reference.version, name)
        if key not in self._compiled:
            document = self._documents[key[:2]]
            if key[:2] not in self._schemas:
                self._schemas[key[:2]] = Schemas(document.source.data)
            made = compile_operation(document.source.data, self._schemas[key[:2]], name)
            if made is None:
                return None
            if isinstance(made, list):
                said = [
                    document.source.finding("bad-service", f"operation {name}: {wrong.message}", wrong.path)
                    for wrong in made
                ]
                self._compiled[key] = said
            else:
                self._compiled[key] = made
        return self._compiled[key]


def in_order_of_time(plans: Iterable[ServicePlan]) -> dict[tuple[str, str], tuple[ServicePlan, ...]]:
    """Plans by partner and operation, in order of effective date."""
    by_name: dict[tuple[str, str], list[ServicePlan]] = {}
    for plan in plans:
        by_name.setdefault((plan.contract.partner, plan.operation.name), []).append(plan)
    return {
        name: tuple(sorted(found, key=lambda plan: plan.contract.effective_from_s)) for name, found in by_name.items()
    }
