"""Postal addresses, Chinese or English, to province and city: always a name out of a closed list, never text of the
address.
"""

import re
from collections import Counter
from collections.abc import Iterator

from msgspec import UNSET, UnsetType

from policies.generalising.places import MUNICIPALITIES, PROVINCES, REGIONS, Province

_BEFORE_ZH = re.compile(r"^[\s0-9]*(?:中华人民共和国|中国)?\s*")
_AFTER_EN = re.compile(
    r"(?:[\s,.]|\b[0-9]{6}\b|\bP\.?\s?R\.?\s?China\b|\bPRC\b|\bPeople's Republic of China\b|\bChina\b)+$", re.I
)
_RANK_CITY = re.compile(
    r"\s+(?:city|municipality|(?:autonomous )?prefecture|league|(?:special administrative )?region)$", re.I
)
_RANK_PROVINCE = re.compile(r"\s+(?:province|(?:zhuang |hui |uygur )?autonomous region)$", re.I)
# Streets are called after cities (上海路): a municipality without 市 counts only where one of its districts follows.
_DISTRICT = r"(?:[^路街道巷弄号\s0-9]{1,7}[区县])"
_MUNICIPALITY = re.compile(rf"({'|'.join(MUNICIPALITIES)})(?:市|\s*{_DISTRICT})")


def city_of(address: str) -> str | UnsetType:
    """Province and city of an address, written as 江苏省苏州市 or as `Suzhou, Jiangsu`; a municipality alone.

    The province alone where no city of prefecture level follows it, such as before a county-level city. UNSET for an
    address that names neither in a place where addresses name them: at the start in Chinese, at the end in English.
    """
    found = _chinese(_BEFORE_ZH.sub("", address, count=1)) or _english(_AFTER_EN.sub("", address[-200:]))
    return found or UNSET


def _chinese(address: str) -> str | None:
    if municipality := _MUNICIPALITY.match(address):
        return f"{municipality[1]}市"
    if region := next((region for region in REGIONS if address.startswith(region)), None):
        return region
    for province in PROVINCES:
        if address.startswith(province.full):
            return province.full + _city_in(province, address[len(province.full) :].lstrip())
    for province in PROVINCES:  # without its rank, only with a city: streets are called after provinces too
        if address.startswith(province.stem) and (
            city := _city_in(province, address[len(province.stem) :].removeprefix("省").lstrip())
        ):
            return province.full + city
    return next((name for start, name in _CITY_STARTS if address.startswith(start)), None)


def _city_in(province: Province, text: str) -> str:
    return next((city.full for city in province.cities if text.startswith(city.stem)), "")


def _city_starts() -> Iterator[tuple[str, str]]:
    """How an address begins that leaves out its province; never with a bare stem: 朝阳 is a district of Beijing too."""
    for province in PROVINCES:
        for city in province.cities:
            yield city.full, province.full + city.full
            if city.full.endswith("自治州"):
                yield f"{city.stem}州", province.full + city.full


_CITY_STARTS = tuple(_city_starts())
_LATIN_SINGLE = {name.lower(): name for name in (*MUNICIPALITIES.values(), *REGIONS.values())}
_LATIN_PROVINCES = {province.latin.lower(): province for province in PROVINCES}
_TIMES = Counter(city.latin for province in PROVINCES for city in province.cities)
_LATIN_CITIES = {
    city.latin.lower(): f"{city.latin}, {province.latin}"
    for province in PROVINCES
    for city in province.cities
    if _TIMES[city.latin] == 1 and city.latin.lower() not in _LATIN_PROVINCES
}
"""Cities whose name says which province they are in: there is a Suzhou in Jiangsu and one in Anhui."""


def _english(address: str) -> str | None:
    *_before, city, last = ["", "", *(part.strip() for part in address.replace("’", "'").split(","))]
    last, city = _AFTER_EN.sub("", last), _RANK_CITY.sub("", _AFTER_EN.sub("", city)).lower()
    name = _RANK_CITY.sub("", last).lower()
    if name in _LATIN_SINGLE:
        return _LATIN_SINGLE[name]
    province = _LATIN_PROVINCES.get(_RANK_PROVINCE.sub("", last).lower())
    if province is None:
        return _LATIN_CITIES.get(name)
    return next(
        (f"{found.latin}, {province.latin}" for found in province.cities if found.latin.lower() == city), province.latin
    )


CITY_LENGTH_MAX = max(
    *(len(province.full + city.full) for province in PROVINCES for city in province.cities),
    *(len(f"{city.latin}, {province.latin}") for province in PROVINCES for city in province.cities),
)
"""Characters of the longest name that comes out."""
