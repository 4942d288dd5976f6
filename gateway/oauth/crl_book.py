"""What is remembered of lists of revoked certificates, so that whoever can replace the files takes nothing back.

A file is fetched, often over plain HTTP: what is in it is its signer's word, or nobody's. So:

- A list counts where the key of its issuer verified it, and only a newer one that the same key verified, about the same
  certificates, takes its place. What is in the files no longer, or was forged, displaces nothing and keeps nothing out.
- The keys of the anchors are known from the start. That of an authority below them is known by a chain that leads to an
  anchor: until one is shown, a list waits beside, and each time that its file is replaced the ones before it wait on,
  the last few of them. From then on the key is known by the list that it verified.

This is of one process, for as long as it runs.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain as joined
from typing import Final, Literal, TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from msgspec import Struct

from gateway.oauth.crl import Crl
from gateway.oauth.crl_scope import CrlScope

__all__ = ["CrlBook", "Entered", "NamedCrl"]

HELD_MAX: Final = 1024
"""Keys and scopes of which a list is held. Beyond, what ends first is forgotten: each was signed by an authority."""
TO_COME_MAX: Final = 8
"""Of one key and scope, lists whose time has not come."""
GENERATIONS_MAX: Final = 5
"""Of one file, contents with lists that no known key verified: the present one, and those before it."""
_REFUSED_MAX: Final = 64

Entered: TypeAlias = Literal["entered", "older", "unknown-key"]
"""What came of a file: `older`, it is not taken over, being older than what it said before; `unknown-key`, it waits,
although a list of its issuer's name is held."""
NamedCrl: TypeAlias = tuple[str, Crl]
"""With the name of the file that it came from."""

_Key: TypeAlias = tuple[x509.Name, bytes]
_Place: TypeAlias = tuple[_Key, CrlScope]


class _Held(Struct, frozen=True):
    """A list that `issuer` signed."""

    name: str
    crl: Crl
    issuer: x509.Certificate


class _Waiting:
    """A list that no known key verified, and the certificates (SHA-256) whose keys were tried, so that each is once."""

    def __init__(self, crl: Crl) -> None:
        self.crl = crl
        self._refused: set[bytes] = set()

    def is_signed_by(self, issuer: x509.Certificate) -> bool:
        if self.crl.issuer != issuer.subject:
            return False
        tried = issuer.fingerprint(hashes.SHA256())
        if tried in self._refused:
            return False
        if self.crl.is_signed_by(issuer):
            return True
        if len(self._refused) >= _REFUSED_MAX:
            self._refused.clear()
        self._refused.add(tried)
        return False


class _Generation(Struct, frozen=True):
    """What waits of one content of a file; `digest` tells contents apart."""

    digest: bytes
    lists: tuple[_Waiting, ...]


class CrlBook:
    """Lists by the key that verified them, and those that wait for one. Belongs to one event loop."""

    def __init__(self, anchors: Iterable[x509.Certificate], *, held_max: int = HELD_MAX) -> None:
        self._anchors, self._held_max = tuple(anchors), held_max
        self._held: dict[_Place, tuple[_Held, ...]] = {}  # the newest whose time has come, then those to come
        self._waiting: dict[str, deque[_Generation]] = {}
        self._present: dict[str, bytes] = {}  # what each file has now

    def enter(self, name: str, digest: bytes, crls: Iterable[Crl], now_s: float) -> Entered:
        """What a file says from now on (Unix seconds); `digest` is that of its content."""
        verified: list[_Held] = []
        others: list[Crl] = []
        for crl in crls:
            issuer = next((each for each in self._known(crl.issuer) if crl.is_signed_by(each)), None)
            if issuer is None:
                others.append(crl)
            else:
                verified.append(_Held(name, crl, issuer))
        if self._is_older(verified):
            return "older"
        is_odd = any(held.crl.issuer == crl.issuer for held in self._all() for crl in others)
        self._present[name] = digest
        for held in verified:
            self._hold(held, now_s)
        if others:
            self._wait(name, _Generation(digest, tuple(map(_Waiting, others))))
        return "unknown-key" if is_odd else "entered"

    def lists_of(self, chain: Sequence[x509.Certificate], now_s: float) -> tuple[Crl, ...]:
        """Those by the issuers in a chain that leads to an anchor and is verified: what waited for one is held now."""
        issuers = chain[1:]
        for issuer in issuers:
            self._meet(issuer, now_s)
        keys = {_key_of(issuer) for issuer in issuers}
        return tuple(held.crl for (key, _), several in self._held.items() if key in keys for held in several)

    def named(self) -> Iterator[NamedCrl]:
        """What is held, and of what waits in the files now those lists beside which no other is held for its issuer."""
        held = list(self._all())
        yield from ((each.name, each.crl) for each in held)
        issuers = {each.crl.issuer for each in held}
        for name, generations in self._waiting.items():
            present = (each for each in generations if each.digest == self._present[name])
            for each in joined.from_iterable(generation.lists for generation in present):
                if each.crl.issuer not in issuers:
                    yield name, each.crl

    def _known(self, name: x509.Name) -> list[x509.Certificate]:
        """Issuers of a name whose keys are known."""
        known = joined(self._anchors, (held.issuer for held in self._all()))
        return list({_key_of(each): each for each in known if each.subject == name}.values())

    def _all(self) -> Iterator[_Held]:
        return joined.from_iterable(self._held.values())

    def _is_older(self, verified: Iterable[_Held]) -> bool:
        """Whether a file takes back what it said of the same certificates: held against what it gave for the same
        scope, or where that is nothing, for all that overlap."""
        newest: dict[_Place, _Held] = {}
        for held in sorted(verified, key=lambda held: _age(held.crl)):
            newest[_place_of(held)] = held
        for place, held in newest.items():
            before = [place] if place in self._held else [each for each in self._held if _overlap(each, place)]
            firsts = (self._held[each][0] for each in before)
            if any(held.crl.this_update_s < first.crl.this_update_s for first in firsts if first.name == held.name):
                return True
        return False

    def _hold(self, new: _Held, now_s: float) -> None:
        place = _place_of(new)
        before = self._held.get(place, ())
        if any(_age(held.crl) == _age(new.crl) for held in before):
            return
        several = sorted((*before, new), key=lambda held: _age(held.crl))
        begun = sum(held.crl.this_update_s <= now_s for held in several)
        self._held[place] = tuple(several[max(0, begun - 1) :][: 1 + TO_COME_MAX])
        if len(self._held) > self._held_max:
            del self._held[min(self._held, key=lambda each: self._held[each][-1].crl.next_update_s)]

    def _wait(self, name: str, generation: _Generation) -> None:
        """The same content again, as a timer fetches it, is no other generation: it would push one out."""
        generations = self._waiting.setdefault(name, deque(maxlen=GENERATIONS_MAX))
        for each in [each for each in generations if each.digest == generation.digest]:
            generations.remove(each)
        generations.append(generation)

    def _meet(self, issuer: x509.Certificate, now_s: float) -> None:
        for name, generations in self._waiting.items():
            for number, generation in enumerate(generations):
                signed = [each for each in generation.lists if each.is_signed_by(issuer)]
                if signed:
                    rest = tuple(each for each in generation.lists if each not in signed)
                    generations[number] = _Generation(generation.digest, rest)
                for each in signed:
                    self._hold(_Held(name, each.crl, issuer), now_s)


def _key_of(issuer: x509.Certificate) -> _Key:
    return issuer.subject, issuer.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _place_of(held: _Held) -> _Place:
    return _key_of(held.issuer), held.crl.scope


def _overlap(one: _Place, other: _Place) -> bool:
    return one[0] == other[0] and one[1].overlaps(other[1])


def _age(crl: Crl) -> tuple[float, int]:
    return crl.this_update_s, crl.number
