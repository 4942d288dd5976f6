"""The clause that a finding recommends: YAML for a policy, with room above the partner's normal use.

Its number is one that the lawyer will change: what is free in the policy is not known here.
"""

_CLAUSE = "90.1"
_ROOM = 2
"""Twice of what a busy day or hour has had: it must not bind normal use."""
_LEAST = 100
"""Where nothing is known of normal use."""


def roomy(normal: int) -> int:
    """Twice the normal use, rounded up to two digits that a person would write."""
    amount = max(_LEAST, _ROOM * normal)
    step: int = 10 ** (len(str(amount)) - 2)
    return -(-amount // step) * step


def people_a_day(normal: int) -> str:
    """A quota of different people in a day."""
    return _quota("subjects", "day", min(roomy(normal), 1_000_000))


def records_an_hour(normal: int) -> str:
    """A quota of records in an hour."""
    return _quota("records", "hour", roomy(normal))


def calls_an_hour(normal: int) -> str:
    """A limit on the calls in any hour."""
    limit = min(roomy(normal), 1_000_000)
    return f"""\
- id: "{_CLAUSE}"
  kind: rate_limit
  per: partner
  limit: {limit}
  window: PT1H
  burst: {max(10, limit // 10)}
  on_outage: local
  text:
    zh: >-
      乙方调用接口，任意 {{window}}内不得超过 {{limit}} 次，瞬时突发不得超过 {{burst}} 次，
      按{{per}}计数；计数服务不可用期间，{{on_outage}}。
    en: >-
      The Partner makes at most {{limit}} calls in any period of {{window}}, and at most {{burst}} at once, counted per
      {{per}}; while the counting service is unavailable, calls are {{on_outage}}.
"""


def throttle(detector: str, normal: int) -> str:
    """Fewer calls once a person confirmed what a detector found; `normal` are the calls of a busy hour."""
    return f"""\
- id: "{_CLAUSE}"
  kind: anomaly
  findings: [{detector}]
  action: throttle
  calls: {min(roomy(normal), 1_000_000)}
  window: PT1H
  lasts: P1D
  text:
    zh: >-
      流量出现下列情形的，{{action}}：{{findings}}。限频期间每 {{window}}不超过 {{calls}} 次，
      {{lasts}}后自动解除，甲方可提前解除。
    en: >-
      When the traffic shows {{findings}}, calls are {{action}}: at most {{calls}} in any
      {{window}}. It ends by itself after {{lasts}}, or earlier when the Hub lifts it.
"""


def _quota(unit: str, period: str, limit: int) -> str:
    return f"""\
- id: "{_CLAUSE}"
  kind: quota
  unit: {unit}
  period: {period}
  per: partner
  limit: {limit}
  on_outage: local
  text:
    zh: 乙方每{{period}}读取不得超过 {{limit}} {{unit}}，按{{per}}计数；计数服务不可用期间，{{on_outage}}。
    en: >-
      The Partner obtains at most {{limit}} {{unit}} in each {{period}}, counted per {{per}}; while the counting service
      is unavailable, calls are {{on_outage}}.
"""
