"""What the gateway's own steps cost, each beside a yardstick: something no gateway could do without, done bare.

Times move with the machine and its neighbours; the ratio of a step to its yardstick, measured in the same second,
hardly does. Each figure is the best of several batches, taken in turns.
"""

import asyncio
import hashlib
import os
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc.jwk import ECKey

from adapters.base import Envelope
from bench.audit import ENTRY
from bench.gateway import CLIENT, PARTNER, shipments_file
from bench.limits import charges_of, six
from bench.page import PRODUCT, page, view
from contracts.mask import Mask, NotMaskable
from gateway.audit.faults import LogFault
from gateway.audit.writer import Writer
from gateway.oauth.authority import Authority
from gateway.oauth.certificate import Certificate
from gateway.oauth.dpop import Proofs
from gateway.oauth.grant import Admitted, Presented, Rejected
from gateway.oauth.guard import Guard
from gateway.oauth.keys import KeyRing, Signer
from gateway.oauth.nonces import Nonces
from gateway.oauth.proof import ProofKey, make_proof
from gateway.oauth.replay import Claim, LocalReplayCache
from gateway.oauth.tokens import UNBOUND, Held, claims_for, sign
from gateway.oauth.verify import TokenVerifier
from gateway.store.hidden import Hidden
from policies.counters import Counters
from policies.limit import Moment

Work = Callable[[], object]
BATCHES = 7
BATCH_S = 0.08
HASH = "sha256 of it"


@dataclass(frozen=True)
class Step:
    """A step of the exchange and its yardstick."""

    name: str
    work: Work
    yardstick: str
    bare: Work


def batch_us(work: Work, times: int) -> float:
    """Microseconds a call, over one batch."""
    started = time.perf_counter_ns()
    for _ in range(times):
        work()
    return (time.perf_counter_ns() - started) / times / 1000


def best_us(*works: Work) -> list[float]:
    """Microseconds a call for each, from batches in turns."""
    times = [max(1, int(BATCH_S * 1_000_000 / max(batch_us(work, 20), 0.02))) for work in works]
    rounds = [[batch_us(work, count) for work, count in zip(works, times, strict=True)] for _ in range(BATCHES)]
    return [min(column) for column in zip(*rounds, strict=True)]


def masking(body: bytes) -> Step:
    """Decode, mask and encode a page, beside decoding it into plain values."""
    mask = Mask(view(PRODUCT), Envelope())

    def work() -> bytes:
        masked = mask.page(body)
        if isinstance(masked, NotMaskable):
            raise TypeError(masked.reason)
        return mask.encode(masked.records)

    return Step(f"mask a page of {len(body):,} bytes", work, "msgspec decodes it", lambda: msgspec.json.decode(body))


def limiting() -> Step:
    """One decision over one limit that is never reached, beside counting in a dict. More of them: bench/limits.py."""
    counters, charges = Counters(), charges_of(six()[:1])
    time_us = time.time_ns() // 1000
    counts: dict[str, int] = {}

    def work() -> None:
        deciding = counters.decide(charges, Moment(time_us, time.monotonic_ns()))
        with suppress(StopIteration):  # it never suspends, so it needs no event loop
            deciding.send(None)

    def bare() -> None:
        counts["bench/4.1"] = counts.get("bench/4.1", 0) + 1

    return Step("decide on a limit", work, "count in a dict", bare)


def logging(folder: Path) -> Step:
    """One record handed to the operating system, beside hashing and writing as many bytes."""
    writer = Writer.open(folder, "bench")
    if isinstance(writer, LogFault):
        raise OSError(writer.detail)
    before = writer.state.size_bytes
    writer.append_written(ENTRY)
    record = b"x" * (writer.state.size_bytes - before)
    file = os.open(folder / "bare", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def bare() -> None:
        hashlib.sha256(record).digest()
        os.write(file, record)

    step = f"append a record of {len(record)} bytes, ack: write"
    return Step(step, lambda: writer.append_written(ENTRY), "sha256 and write as many bytes", bare)


def identifying() -> list[Step]:
    """A token that was seen before, beside the hash by which it is found again: by itself, and as the doors ask for it,
    bound to nothing and to a client certificate. A third of the last two is making what is asked and what is said."""
    key = ECKey.generate_key("P-256", private=True)
    issuer, now_s = "http://127.0.0.1", time.time()
    authority = Authority(KeyRing(Signer("bench", key), {"bench": key}, b""), {})
    verifier = TokenVerifier(issuer=issuer, audience=issuer, authority=authority)
    proofs = Proofs(base_url=issuer, nonces=Nonces(Hidden(bytes(32))), replay=LocalReplayCache())
    guard = Guard(verifier, proofs, metadata_url=issuer)
    steps: list[Step] = []
    for held in (UNBOUND, Held("mtls", "c" * 43)):
        claims = claims_for(
            issuer=issuer,
            audience=issuer,
            client_id=CLIENT,
            partner=PARTNER,
            scopes=["shipments:list"],
            now_s=now_s,
            epoch_s=0,
            held=held,
        )
        header = b"Bearer " + sign(claims, Signer("bench", key)).encode()
        if isinstance(verifier.verify(header, now_s), Rejected):
            raise TypeError("the token is not accepted")
        bare, shown = partial(_hash_of, header), Certificate(held.thumbprint, b"")
        steps += [
            Step(f"find a known token, bound: {held.binding}", partial(verifier.verify, header, now_s), HASH, bare),
            Step(
                f"admit its bearer, bound: {held.binding}", partial(_admitted, guard, header, shown, now_s), HASH, bare
            ),
        ]
    return steps


class _Forgetting:
    """A replay cache that forgets at once, so that one proof does for all calls: remembering costs 3 us more."""

    async def claim(self, who: str, jti: str, now_s: float, until_s: float) -> Claim:
        return "first"


def proving() -> Step:
    """A call with a DPoP proof of its own, by a key that was seen before, beside verifying one such signature."""
    signing, holder = ECKey.generate_key("P-256", private=True), ProofKey(ECKey.generate_key("P-256"), "ES256")
    issuer, now_s, nonces = "http://127.0.0.1", time.time(), Nonces(Hidden(bytes(32)))
    authority = Authority(KeyRing(Signer("bench", signing), {"bench": signing}, b""), {})
    verifier = TokenVerifier(issuer=issuer, audience=issuer, authority=authority)
    proofs = Proofs(base_url=issuer, nonces=nonces, replay=_Forgetting())
    guard = Guard(verifier, proofs, metadata_url=issuer)
    claims = claims_for(
        issuer=issuer,
        audience=issuer,
        client_id=CLIENT,
        partner=PARTNER,
        scopes=["shipments:list"],
        now_s=now_s,
        epoch_s=0,
        held=Held("dpop", holder.thumbprint),
    )
    token = sign(claims, Signer("bench", signing))
    proof = make_proof(holder, "GET", f"{issuer}/v1/shipments", now_s, token=token, nonce=nonces.issue(now_s))
    shown = Presented(f"DPoP {token}".encode(), "GET", b"/v1/shipments", proof.encode())

    def work() -> None:
        try:
            guard.admit(shown, now_s).send(None)
        except StopIteration as done:
            if not isinstance(done.value, Admitted):
                raise TypeError("the proof is not accepted") from None

    message = proof.rpartition(".")[0].encode()
    private = ec.generate_private_key(ec.SECP256R1())
    signature, public = private.sign(message, ec.ECDSA(hashes.SHA256())), private.public_key()
    bare = partial(public.verify, signature, message, ec.ECDSA(hashes.SHA256()))
    return Step("admit a call by its DPoP proof (ES256)", work, "verify one such signature", bare)


def _hash_of(header: bytes) -> bytes:
    return hashlib.sha256(header).digest()


def _admitted(guard: Guard, header: bytes, shown: Certificate, now_s: float) -> None:
    """Without a proof it never suspends, so it needs no event loop."""
    asking = guard.admit(Presented(header, "GET", b"/v1/shipments", None, shown), now_s)
    with suppress(StopIteration):
        asking.send(None)


def table(steps: list[Step]) -> str:
    """A Markdown table of all steps."""
    lines = ["| step | us | yardstick | us | ratio |", "|---|---:|---|---:|---:|"]
    for step in steps:
        work_us, bare_us = best_us(step.work, step.bare)
        lines.append(f"| {step.name} | {work_us:.2f} | {step.yardstick} | {bare_us:.2f} | {work_us / bare_us:.1f} |")
    return "\n".join(lines)


async def main() -> None:
    """Print the table. The log's writer belongs to an event loop, so all of it runs in one."""
    with tempfile.TemporaryDirectory(prefix="clausegate-bench-") as name:
        folder = Path(name)
        body = await asyncio.to_thread(lambda: page(shipments_file(folder)))
        print(table([*identifying(), proving(), limiting(), masking(body), logging(folder)]))


if __name__ == "__main__":
    asyncio.run(main())
