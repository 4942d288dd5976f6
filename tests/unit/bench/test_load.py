"""wrk's report is read to the figure, and a report with a single bad answer is no result."""

import math

import pytest

from bench.load import Round, read
from bench.run import GATEWAY, LUA, PROXY, shares

REPORT = """\
Running 4s test @ http://127.0.0.1:45233/v1/shipments?limit=10
  1 threads and 16 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.48ms  201.30us   6.10ms   92.11%
    Req/Sec    10.85k   310.12    11.30k    80.00%
  Latency Distribution
     50%    1.46ms
     75%    1.51ms
     90%  990.00us
     99%    1.02s
  43300 requests in 4.00s, 250.91MB read
Requests/sec:  10825.00
Transfer/sec:     62.71MB
"""


def test_every_figure_is_read_with_its_unit() -> None:
    result = read(REPORT, cpu_s=2.0)
    assert result == Round(requests_per_s=10825.0, per_cpu_s=21650.0, busy=0.5, p50_ms=1.46, p99_ms=1020.0)


@pytest.mark.parametrize(
    "line", ["  Non-2xx or 3xx responses: 1\n", "  Socket errors: connect 0, read 1, write 0, timeout 0\n"]
)
def test_one_bad_answer_spoils_the_round(line: str) -> None:
    assert read(REPORT.replace("Requests/sec", f"{line}Requests/sec"), 2.0) is None


def test_a_report_without_a_rate_is_none() -> None:
    assert read("unable to connect to 127.0.0.1:1 Connection refused\n", 2.0) is None


def one(rate: float) -> list[Round]:
    return [Round(rate, rate, 1.0, math.nan, math.nan)]


def test_the_share_of_each_yardstick_is_held_against_its_goal() -> None:
    found = shares({GATEWAY: one(8_000), PROXY: one(50_000), LUA: one(16_000)})
    assert [line.rpartition(": ")[2] for line in found] == ["reached", "MISSED"]
    assert "0.16 of its requests" in found[0]
    assert "0.50 of its requests" in found[1]


def test_a_yardstick_that_was_kept_waiting_decides_nothing() -> None:
    waiting = [Round(20_000, 56_000, 0.32, math.nan, math.nan)]
    assert "not decided" in shares({GATEWAY: one(8_000), PROXY: waiting})[0]


def test_without_the_gateway_or_a_yardstick_there_is_no_share() -> None:
    assert shares({PROXY: one(50_000)}) == []
    assert len(shares({GATEWAY: one(8_000), PROXY: one(50_000)})) == 1
