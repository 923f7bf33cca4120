"""Street addresses in Latin and other alphabets: punctuation, abbreviations, flats."""

import re

__all__ = ["street_address"]

_APOSTROPHE = re.compile(r"(?<=\w)'(?=\w)|(?<=\w)\.(?=\w\.)|(?<=\w)\.(?=\s|,|$)")
_NOT_WORD = re.compile(r"[^\w#\u0300-\u036f\u0e00-\u0e7f\u0900-\u0dff]+|_")
_COUNT = re.compile(r"\bno\.?\s*(?=\d)|\bnumber\s+(?=\d)")
_UNIT = re.compile(
    r"(?:(?:^|[\s,])(?:apt|apartment|unit|flat|suite|ste|room|rm)\b\.?\s*#?|[\s,]#)\s*"
    r"(?P<unit>\d+[a-z]?|[a-z]\d*)(?=$|[\s,/])"
)
_PO_BOX = re.compile(r"\bp\.?\s*o\.?\s*box\b")
_GERMAN_STREET = re.compile(r"(?<=[a-z]{3})(?:strasse| str)\b")
# Usual abbreviations, as in Publication 28 of the United States Postal Service, and British ones.
_WORDS = {
    "alley": "aly", "avenue": "ave", "av": "ave", "boulevard": "blvd", "bridge": "brg",
    "building": "bldg", "centre": "ctr", "center": "ctr", "circle": "cir", "close": "cl",
    "court": "ct", "courts": "cts", "crescent": "cres", "crossing": "xing", "drive": "dr",
    "estate": "est", "expressway": "expy", "floor": "fl", "fort": "ft", "garden": "gdn",
    "gardens": "gdns", "green": "grn", "grove": "grv", "gr": "grv", "heights": "hts",
    "highway": "hwy", "hill": "hl", "hills": "hls", "house": "hse", "island": "is",
    "junction": "jct", "lane": "ln", "lodge": "ldg", "mount": "mt", "mountain": "mtn",
    "parade": "pde", "park": "pk", "parkway": "pkwy", "place": "pl", "plaza": "plz",
    "point": "pt", "road": "rd", "route": "rte", "saint": "st", "square": "sq",
    "station": "sta", "street": "st", "terrace": "ter", "terr": "ter", "tce": "ter",
    "trail": "trl", "turnpike": "tpke", "valley": "vly", "view": "vw", "village": "vlg",
    "walk": "wlk", "way": "wy",
    "north": "n", "south": "s", "east": "e", "west": "w", "northeast": "ne", "northwest": "nw",
    "southeast": "se", "southwest": "sw",
    "strasse": "str", "str": "str", "calle": "c", "avenida": "avda", "rue": "r", "post": "po",
}  # fmt: skip


def street_address(folded: str) -> tuple[str, str]:
    """Return a folded address with usual abbreviations, and the flat or room.

    Examples:
        >>> street_address("10 st mary's road"), street_address("10 saint marys rd.")
        (('10 st marys rd', ''), ('10 st marys rd', ''))
        >>> street_address("12b hauptstrasse"), street_address("1 high street, flat 2a")
        (('12b hauptstr', ''), ('1 high st', '2a'))
    """
    given = _PO_BOX.sub("po box", folded)
    unit = _UNIT.search(given)
    rest = _UNIT.sub(" ", given, count=1) if unit else given
    bare = _COUNT.sub("", _APOSTROPHE.sub("", rest))
    words = _NOT_WORD.sub(" ", bare).replace("#", " ").split()
    place = " ".join(_WORDS.get(word, word) for word in words)
    return _GERMAN_STREET.sub("str", place), unit["unit"] if unit else ""
