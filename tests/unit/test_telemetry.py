"""Telemetry: metrics equal the counts, spans appear for sampled calls and name nothing that is private."""

from pathlib import Path

import msgspec
import pytest
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from gateway.otlp import open_telemetry
from gateway.settings import Settings
from gateway.telemetry import Telemetry
from tests.unit.exchange.stage import Stage

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
UNSAMPLED = TRACE[:-2] + "00"


class Watched:
    """A stage with telemetry into memory."""

    def __init__(self, folder: Path, ratio: float = 0.0) -> None:
        self.stage = Stage(folder)
        self.reader, self.spans = InMemoryMetricReader(), InMemorySpanExporter()
        self.telemetry = Telemetry(
            self.stage.tally, self.stage.writer, ratio, [self.reader], SimpleSpanProcessor(self.spans)
        )
        self.stage.gateway.observe = self.telemetry.observe

    def metrics(self) -> dict[str, int]:
        """The sum of each metric's points, by name."""
        data = msgspec.json.decode(self.reader.get_metrics_data().to_json())  # type: ignore[union-attr]
        found: dict[str, int] = {}
        for scope in data["resource_metrics"][0]["scope_metrics"]:
            for metric in scope["metrics"]:
                found[metric["name"]] = sum(point["value"] for point in metric["data"]["data_points"])
        return found


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return Watched(tmp_path)


async def test_metrics_are_the_counts_that_exist_anyway(watched: Watched) -> None:
    await watched.stage.get("/v1/shipments")
    await watched.stage.get("/v1/shipments", clausegate_purpose="marketing")
    watched.stage.adapter.json({"data": [{"carrier_code": "SWIFT", "weight_kg": {"a": 1}}]})
    await watched.stage.get("/v1/shipments")
    found = watched.metrics()
    assert found["clausegate.exchange.requests"] == 3
    assert found["clausegate.exchange.refusals"] == 1
    assert found["clausegate.exchange.withheld"] == 1
    assert found["clausegate.log.records"] == watched.stage.writer.state.seq + 1


async def test_what_limits_let_pass_and_cut_short_is_a_metric_by_clause(watched: Watched) -> None:
    await watched.stage.get("/v1/shipments")
    (entry,) = watched.stage.records()
    changes: list[dict[str, str]] = [{"observed": "4.1 4.2"}, {"uncounted": "4.1"}, {"clause": "4.3"}]
    for said in changes:
        watched.stage.tally.add(msgspec.structs.replace(entry, **said))
    found = watched.metrics()
    names = ("observed", "uncounted", "cuts", "refusals")
    assert [found.get(f"clausegate.exchange.{name}", 0) for name in names] == [2, 1, 1, 0]


async def test_a_call_whose_caller_traces_gets_a_span_below_the_callers(watched: Watched) -> None:
    await watched.stage.get("/v1/shipments/S-secret?", traceparent=TRACE)
    (span,) = watched.spans.get_finished_spans()
    assert span.parent is not None
    assert format(span.parent.span_id, "016x") == "00f067aa0ba902b7"
    assert span.name == "GET /v1/shipments/{key}"
    assert span.attributes is not None
    assert span.attributes["http.route"] == "/v1/shipments/{key}"
    assert "S-secret" not in span.to_json()


async def test_a_call_that_nobody_samples_gets_none(watched: Watched) -> None:
    await watched.stage.get("/v1/shipments")
    await watched.stage.get("/v1/shipments", traceparent=UNSAMPLED)
    assert watched.spans.get_finished_spans() == ()


async def test_with_a_ratio_of_one_every_call_that_says_nothing_is_sampled(tmp_path: Path) -> None:
    watched = Watched(tmp_path, ratio=1.0)
    await watched.stage.get("/v1/shipments")
    await watched.stage.get("/v1/shipments", traceparent=UNSAMPLED)
    assert len(watched.spans.get_finished_spans()) == 1


def test_without_an_endpoint_there_is_no_telemetry(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    assert open_telemetry(Settings(), stage.tally, stage.writer) is None
