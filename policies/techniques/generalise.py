"""generalise: the value becomes coarser: a span of time, a band of numbers, a cell of a grid, a city."""

from decimal import Decimal
from itertools import pairwise
from typing import Annotated, Any, ClassVar, Literal

from msgspec import Meta

from policies.generalising.address import CITY_LENGTH_MAX, city_of
from policies.generalising.bands import BAND, banded, edge_labels, edged, gridded
from policies.generalising.calendar import PATTERNS, calendar_span
from policies.keys import PartnerKeys
from policies.numerals import DECIMAL
from policies.reference import Words
from policies.technique import Disclosed, Masker, Target, Technique

Numeral = Annotated[str, Meta(pattern=DECIMAL)]

_STEP_WORDS: dict[str, Words] = {
    "day": {"zh": "仅到日", "en": "day only"},
    "month": {"zh": "仅到月", "en": "month only"},
    "quarter": {"zh": "仅到季度", "en": "quarter only"},
    "year": {"zh": "仅到年", "en": "year only"},
    "city": {"zh": "仅到城市", "en": "city only"},
}


class Generalise(Technique, frozen=True, forbid_unknown_fields=True):
    """The value is replaced by something coarser that holds it (ISO/IEC 20889: generalisation, rounding, and top and
    bottom coding).

    Exactly one of `step`, `width`, `edges` and `grid` says how. A value that cannot be read is withheld.
    Examples: `{generalise: quarter}` serves `2026-03-14` as `2026-Q1`; `{generalise: {width: "5000", bottom: "0", top:
    "20000"}}` serves `7200` as `[5000, 10000)`; `{generalise: {grid: "0.01"}}` serves `31.2304` as `31.23`.
    """

    name = "generalise"
    family = "generalisation"
    manner: ClassVar[Words] = {"zh": "泛化", "en": "generalised"}
    degree = 4

    step: Literal["day", "month", "quarter", "year", "city"] | None = None
    width: Numeral | None = None
    bottom: Numeral | None = None
    top: Numeral | None = None
    edges: Annotated[tuple[Numeral, ...], Meta(min_length=1, max_length=100)] | None = None
    grid: Numeral | None = None

    def __post_init__(self) -> None:
        """Raises ValueError for parameters that contradict each other."""
        ways = [way for way in (self.step, self.width, self.edges, self.grid) if way is not None]
        if len(ways) != 1:
            raise ValueError("say how with one of `step` (a word alone will do), `width`, `edges` and `grid`")
        if self.width is None and (self.bottom is not None or self.top is not None):
            raise ValueError("`bottom` and `top` go with `width`; `edges` have both by themselves")
        if any(size is not None and Decimal(size) <= 0 for size in (self.width, self.grid)):
            raise ValueError("a width and a grid are greater than 0")
        edges = [Decimal(edge) for edge in self.edges or ()]
        if any(low >= high for low, high in pairwise(edges)):
            raise ValueError("edges ascend")
        self._check_top()

    def _check_top(self) -> None:
        if self.width is None or self.top is None:
            return
        span = Decimal(self.top) - Decimal(self.bottom or 0)
        if self.bottom is not None and span <= 0:
            raise ValueError("`top` is above `bottom`")
        if span % Decimal(self.width):
            raise ValueError("`top` is a whole number of widths away from `bottom`, or from 0 where there is none")

    def unfit(self, target: Target) -> str | None:
        kind = target.logical_type
        if self.step == "city":
            return None if kind == "string" else f"an address is text and the field is {kind}"
        if self.step == "day" and kind == "date":
            return "a date is a day already, so nothing would be masked: take month, quarter or year"
        if self.step is not None:
            return None if kind in ("date", "timestamp") else f"{self.step} is of a date or timestamp, not of {kind}"
        return None if kind in ("number", "integer") else f"bands and grids are of numbers and the field is {kind}"

    def apply(self, value: str) -> Disclosed:
        return self._masker()(value)

    def masker(self, target: Target, keys: PartnerKeys | None) -> Masker:
        return self._masker()

    def _masker(self) -> Masker:
        if self.step == "city":
            return city_of
        if self.step is not None:
            return calendar_span(self.step)
        if self.edges is not None:
            return edged([Decimal(edge) for edge in self.edges])
        if self.grid is not None:
            return gridded(Decimal(self.grid))
        ends = (None if end is None else Decimal(end) for end in (self.bottom, self.top))
        return banded(Decimal(self.width or 1), *ends)

    def schema(self, target: Target) -> dict[str, Any]:
        if self.step == "city":
            return {"type": "string", "maxLength": CITY_LENGTH_MAX}
        if self.step is not None:
            return {"type": "string", "pattern": PATTERNS[self.step]}
        if self.edges is not None:
            return {"type": "string", "enum": list(edge_labels([Decimal(edge) for edge in self.edges]))}
        if self.grid is not None:
            return {"type": "number" if "." in self.grid else "integer"}
        return {"type": "string", "pattern": BAND}

    def words(self) -> Words:
        if self.step is not None:
            return _STEP_WORDS[self.step]
        if self.edges is not None:
            return {"zh": f"分档，界限为 {'、'.join(self.edges)}", "en": f"bands with edges {', '.join(self.edges)}"}
        if self.grid is not None:
            return {"zh": f"归入 {self.grid} 的网格", "en": f"cell of a grid of {self.grid}"}
        zh, en = f"每 {self.width} 一档", f"bands of {self.width}"
        if self.bottom is not None:
            zh, en = f"{zh}，{self.bottom} 以下合为一档", f"{en}, all below {self.bottom} together"
        if self.top is not None:
            zh, en = f"{zh}，{self.top} 及以上合为一档", f"{en}, all from {self.top} on together"
        return {"zh": zh, "en": en}
