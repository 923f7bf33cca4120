"""Addresses and postcodes: Japanese addresses by rules, others as street addresses."""

# ruff: noqa: RUF002 - the look-alike characters are what this file is about

import re

from omniltv._options import checked
from omniltv.identity.records.normalise._numbers import KANJI_DIGITS, kanji_number
from omniltv.identity.records.normalise._street import street_address
from omniltv.identity.records.normalise._text import PLACEHOLDER, Read, fold, one_digit_only, read

__all__ = ["address", "house", "postcode", "read_address", "read_postcode", "room"]

_DIGITS = re.compile(r"\D")
_ZIP_4 = re.compile(r"(\d{5})-\d{4}")
_POSTCODE_LENGTH = 7
_LOST_ZERO = 6
_NOT_POSTCODE = Read(None, "no postcode")
_NOT_ADDRESS = Read(None, "no letter or digit")
_ROOM = " #"

_JAPANESE = re.compile(r"[\u3041-\u30ff\u3400-\u9fff]")
_LEADING_CODE = re.compile(r"^(?:〒\s*)?\d{3}-?\d{4}(?=\s|\D)\s*|^〒\s*|^日本国?[,、\s]+")
_PREFECTURE = re.compile(
    r"^(?:東京都|北海道|京都府|大阪府|神奈川県|和歌山県|鹿児島県|[^\d\s]{2}県)\s*"
)
# There are two of each, in different prefectures.
_TWO_CITIES = ("府中市", "伊達市")
_NUMBER = f"[{KANJI_DIGITS}]{{1,12}}"
# The first character of each pattern is plain, and what precedes it is checked after it: such
# patterns skip most characters. 番町, 番丁 and 番館 are parts of names; 条 and 線 are
# numbered streets.
_BLOCK_NUMBER = re.compile(rf"{_NUMBER}(?=丁目|番|号|条|線|-|の\d|地割|区)|第{_NUMBER}")
_LAST_NUMBER = re.compile(rf"-(?<=\d-){_NUMBER}(?=$|[\s-])")
_GAP = re.compile(r"(丁目|番地の?|番(?![ \d]*号室)|-) +(?=\d)| +(?=[丁番号-])")
_SEPARATOR = re.compile(
    r"丁目の?|番地の?|番(?![町丁館街区組線])|号(?<=\d号)(?![室線棟館])"
    r"|[のノ](?<=\d[のノ])(?=\d)|[ー~](?<=\d[ー~])[ー~]*(?=\d)"
)
# The usual form, which needs no other rule.
_SIMPLE = re.compile(
    r"(?P<place>[^\d\s-]+(?<!第))(?P<house>[1-9]\d*-[1-9]\d*(?:-[1-9]\d*)?)(?: (?P<rest>.*))?"
)
_DASHES = re.compile(r"--+")
_ZEROS = re.compile(r"0(?<!\d0)0*(?=\d)")
_GA = re.compile(r"[ヶケヵが](?=[^\x00-\x7f])")
# What follows a number that is part of a name: 1番町, 北1条, 3号線, 24軒, 第2区.
_NAMED = "番[町丁館街]|条|線|号線|軒|[区町村里部社組]|地割|[のノ](?=[^\\d])"
_HOUSE = re.compile(
    rf"(?P<house>\d(?<![\d第]\d)\d*(?:-[左右東西南北]?\d+)*)(?!\d|-?[左右東西南北]?\d|{_NAMED})"
    r"(?P<branch>-?(?:[イロハニホヘト甲乙丙丁]|[a-z](?![a-z\d]))(?=$|\s))?"
)
_FLOOR = re.compile(r"(?<=\d)f(?:l|loor)$")
_UNITS = re.compile(r"[a-z\d]+")
_MOST_PARTS = 3  # block, house and number; a fourth is a room


def postcode(value: object) -> str | None:
    """Return a postcode: seven digits in Japan, other ones folded.

    Examples:
        >>> postcode("〒１００-０００１"), postcode("000-0000"), postcode("SW1A 1AA")
        ('1000001', None, 'sw1a1aa')
        >>> postcode("90210-1234")
        '90210'
    """
    return read_postcode(value).value


def read_postcode(value: object) -> Read:
    """Read a postcode as `postcode` does."""
    return read(value, _postcode)


def _postcode(given: str) -> Read:
    written = fold(given).lstrip("〒 ")
    american = _ZIP_4.fullmatch(written)
    digits = american[1] if american else _DIGITS.sub("", written)
    if not digits:
        return _NOT_POSTCODE
    if any(character.isalpha() for character in written):
        return Read(re.sub(r"[\W_]", "", written))
    if one_digit_only(digits):
        return PLACEHOLDER
    return Read(digits.zfill(_POSTCODE_LENGTH) if len(digits) == _LOST_ZERO else digits)


def address(value: object) -> str | None:
    """Return an address as one key: place, house numbers and room.

    A Japanese address loses its prefecture and the name of the building. Numbers inside the
    name of a place are not house numbers. The room stands behind ``#``. Other addresses are
    street addresses with usual abbreviations.

    Examples:
        >>> address("東京都千代田区霞ヶ関一丁目２番３号 霞ビル4F"), address("千代田区霞が関1-2-3")
        ('千代田区霞が関1-2-3 #4f', '千代田区霞が関1-2-3')
        >>> address("札幌市中央区北一条西２丁目１"), address("松山市一番町4丁目4-2")
        ('札幌市中央区北1条西2-1', '松山市1番町4-4-2')
        >>> address("Flat 3, 10 King’s Road")
        '10 kings rd #3'
    """
    return read_address(value).value


def read_address(value: object) -> Read:
    """Read an address as `address` does."""
    return read(value, _address)


@checked
def house(place: str) -> str | None:
    """Return the address of the house, without the room.

    Examples:
        >>> house("10 kings rd #3"), house("10 kings rd")
        ('10 kings rd', '10 kings rd')
    """
    return place.partition(_ROOM)[0] or None


def room(place: str) -> str:
    """Return the room of an address, "" if there is none.

    Examples:
        >>> room("10 kings rd #3"), room("10 kings rd")
        ('3', '')
    """
    return place.partition(_ROOM)[2]


def _address(given: str) -> Read:
    folded = fold(given)
    if not any(map(str.isalnum, folded)):
        return _NOT_ADDRESS
    place, unit = _japanese(folded) if _JAPANESE.search(folded) else street_address(folded)
    return Read(f"{place}{_ROOM}{unit}" if unit else place) if place else _NOT_ADDRESS


def _japanese(folded: str) -> tuple[str, str]:
    """Return place with house numbers, and room."""
    local = _without_prefecture(_LEADING_CODE.sub("", folded)).replace("大字", "")
    spelt = _BLOCK_NUMBER.search(local)
    simple = None if spelt else _SIMPLE.fullmatch(local)
    if simple is not None:
        return _place(simple["place"]) + simple["house"], _unit(simple["rest"] or "")
    counted = _BLOCK_NUMBER.sub(_figures, local) if spelt else local
    dashed = _SEPARATOR.sub("-", _GAP.sub(r"\1", counted) if " " in counted else counted)
    dashed = _DASHES.sub("-", _ZEROS.sub("", _LAST_NUMBER.sub(_figures, dashed)))
    found = _HOUSE.search(dashed)
    if found is None:
        return _place(dashed), ""
    numbers, unit = _parts(found["house"])
    place = _place(dashed[: found.start()]) + numbers + (found["branch"] or "")
    return place, unit or _unit(dashed[found.end() :])


def _figures(number: "re.Match[str]") -> str:
    """Return a number in figures; a mark before it stays."""
    mark = number[0][0] if number[0][0] in "第-" else ""
    return mark + kanji_number(number[0].removeprefix(mark))


def _without_prefecture(folded: str) -> str:
    local = _PREFECTURE.sub("", folded)
    return folded.replace(" ", "") if local.startswith(_TWO_CITIES) else local


def _place(text: str) -> str:
    return _GA.sub("が", text.replace(" ", "").strip("-,、"))


def _parts(numbers: str) -> tuple[str, str]:
    """Return house numbers, and the room if it is written as a fourth number."""
    parts = numbers.split("-")
    return "-".join(parts[:_MOST_PARTS]), "-".join(parts[_MOST_PARTS:])


def _unit(rest: str) -> str:
    """Return the numbers and single letters behind a house, without the name of the building."""
    words = _UNITS.findall(rest.replace("階", "f")) if rest else []
    units = [_FLOOR.sub("f", word) for word in words if len(word) == 1 or not word.isalpha()]
    return "-".join(units)
