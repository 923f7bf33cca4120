# ruff: noqa: RUF001  # full-width characters are the dirt
"""Customer lists: how the system of each channel writes down the people."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from omniltv.data.simulate._config import FIELDS, ChannelConfig, Dirt
from omniltv.data.simulate._names import NameStock, family_names, given_names
from omniltv.data.simulate._persons import Population
from omniltv.data.simulate._places import N_STYLES, write_addresses

__all__ = ["write_records"]

type _Texts = NDArray[np.object_]

_LOOKALIKES = str.maketrans(
    {
        "高": "髙", "崎": "﨑", "辺": "邊", "沢": "澤", "斎": "齋", "斉": "斎", "浜": "濱",
        "島": "嶋", "桜": "櫻", "広": "廣", "国": "國", "真": "眞", "恵": "惠", "関": "關",
        "太": "大", "大": "太", "原": "源", "佐": "左", "裕": "祐", "祐": "裕", "和": "知",
        "子": "了", "一": "市", "木": "本", "田": "由", "井": "丼", "美": "実", "川": "河",
    }
)  # fmt: skip
_KANA_SLIPS = str.maketrans("カサタハキシチヒウツンクスコト", "ガザダバギジヂビクシソグズゴド")
_FULL = str.maketrans("0123456789-", "０１２３４５６７８９－")
_DEFAULT_PHONES = ("0000000000", "00000000000", "09000000000", "0312345678", "9999999999")
_GENDERS = np.array([["M", "F"], ["男", "女"], ["male", "female"], ["1", "2"]], dtype=object)


@dataclass(frozen=True, eq=False)
class _Writer:
    """The customer list of one channel while it is written: the person of each row, and chance."""

    people: Population
    person: NDArray[np.intp]
    channel: ChannelConfig
    dirt: Dirt
    rng: np.random.Generator

    def hit(self, name: str) -> NDArray[np.bool_]:
        """Return which rows have an error of one kind."""
        return self.rng.random(len(self.person)) < self.dirt.rate(name)

    def style(self, n_styles: int) -> NDArray[np.int64]:
        """Return the style of writing of each row; 0 is the standard one."""
        other = self.rng.integers(1, n_styles, len(self.person))
        return np.where(self.hit("writing"), other, 0)


def write_records(
    people: Population,
    person: NDArray[np.intp],
    channel: ChannelConfig,
    dirt: Dirt,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Return the customer list of one channel.

    Args:
        people: All people.
        person: The person of each record, shape (n_records,).
        channel: The channel.
        dirt: Errors of the list.
        rng: Random generator.

    Returns:
        One row per record: `source`, `record_id` and the fields of a customer list,
        None if a field is empty.
    """
    writer = _Writer(people, person, channel, dirt, rng)
    fields = _names(writer) | {
        "email": _emails(writer),
        "phone": _phones(writer),
        **_places(writer),
        "birth_date": _births(writer),
        "gender": _genders(writer),
        "card_number": people.card[person],
    }
    serial = rng.permutation(len(person)).tolist()
    keys = {
        "source": np.full(len(person), channel.name, dtype=object),
        "record_id": _texts([f"{channel.name[0].upper()}{k:07d}" for k in serial]),
    }
    return pd.DataFrame(keys | {name: _keep(writer, name, fields[name]) for name in FIELDS})


def _keep(writer: _Writer, name: str, values: _Texts) -> _Texts:
    """Return the values that the list has, None for the others."""
    coverage = writer.channel.coverage.get(name, 0.0)
    lost = writer.rng.random(len(values)) >= coverage
    kept = values.copy()
    kept[lost | writer.hit("missing") | (values == "")] = None
    return kept


def _names(writer: _Writer) -> dict[str, _Texts]:
    people, person = writer.people, writer.person
    family = np.where(writer.hit("maiden"), people.maiden[person], people.family[person])
    given = people.given[person]
    names = {
        "family_name": _written(family_names(), family, style := writer.style(6)),
        "given_name": _written(given_names(), given, style),
        "family_name_kana": _read(family_names(), family, style := writer.style(3)),
        "given_name_kana": _read(given_names(), given, style),
    }
    names = {name: _slips(writer, values) for name, values in names.items()}
    _join(writer, names, "family_name", "given_name")
    _join(writer, names, "family_name_kana", "given_name_kana")
    return names


def _written(stock: NameStock, name: NDArray[np.intp], style: NDArray[np.int64]) -> _Texts:
    """Return names as written: kanji, or katakana, Latin capitals, hiragana, Latin."""
    table = [
        stock.kanji,
        stock.katakana,
        _texts([text.upper() for text in stock.latin]),
        _texts([f"{text} " for text in stock.kanji]),
        stock.hiragana,
        stock.latin,
    ]
    return np.array(table, dtype=object)[style, name]


def _read(stock: NameStock, name: NDArray[np.intp], style: NDArray[np.int64]) -> _Texts:
    return np.array([stock.katakana, stock.halfwidth, stock.hiragana], dtype=object)[style, name]


def _join(writer: _Writer, names: dict[str, _Texts], first: str, second: str) -> None:
    """Put the full name into the first field of some rows, with or without a space."""
    whole = writer.hit("unsplit")
    space = writer.rng.choice(["", " ", "　"], size=len(whole)).astype(object)
    names[first] = np.where(whole, names[first] + space + names[second], names[first])
    names[second] = np.where(whole, "", names[second])


def _slips(writer: _Writer, values: _Texts) -> _Texts:
    """Return the values, with a typo in some of them."""
    out = values.copy()
    at = np.flatnonzero(writer.hit("typo"))
    dice = writer.rng.integers(0, 1 << 30, len(at)).tolist()
    out[at] = [_slip(text, die) for text, die in zip(values[at], dice, strict=True)]
    return out


def _slip(text: str, die: int) -> str:
    """Return a text with one typo: a similar letter, or one lost, doubled or swapped."""
    if not text:
        return text
    at = die % len(text)
    kind = die // 64 % 4
    swapped = text[at].translate(_LOOKALIKES).translate(_KANA_SLIPS)
    if swapped != text[at] or len(text) == 1:
        return text[:at] + swapped + text[at + 1 :]
    if kind == 0 and at:
        return text[: at - 1] + text[at] + text[at - 1] + text[at + 1 :]
    if kind == 1:
        return text[: at + 1] + text[at:]
    return text[:at] + text[at + 1 :]


def _emails(writer: _Writer) -> _Texts:
    people, person = writer.people, writer.person
    second = writer.hit("other_contact")
    values = _slips(writer, np.where(second, people.email_mobile[person], people.email[person]))
    return _restyle(values, writer.style(5), (str.upper, str.title, _spaced, _full_width_at))


def _spaced(text: str) -> str:
    return f" {text} "


def _full_width_at(text: str) -> str:
    return text.replace("@", "＠")


def _phones(writer: _Writer) -> _Texts:
    people, person, rng = writer.people, writer.person, writer.rng
    home = writer.hit("other_contact")
    values = np.where(home, people.landline[person], people.mobile[person])
    values = np.where(writer.hit("outdated") & ~home, people.old_phone[person], values)
    style = writer.style(6).tolist()
    values = _texts([_phone(text, kind) for text, kind in zip(values, style, strict=True)])
    return np.where(writer.hit("placeholder"), _default_phones(len(person), rng), values)


def _default_phones(n: int, rng: np.random.Generator) -> _Texts:
    """Return numbers that belong to nobody; most are those of shops, one per 400 records."""
    shop = rng.integers(0, 1 + n // 400, n).tolist()
    shops = _texts([f"0120{number * 37 % 1_000_000:06d}" for number in shop])
    return np.where(rng.random(n) < 0.3, rng.choice(_DEFAULT_PHONES, size=n).astype(object), shops)


def _phone(number: str, style: int) -> str:
    head = 3 if len(number) == 11 else 2
    hyphens = f"{number[:head]}-{number[head:-4]}-{number[-4:]}"
    if style == 1:
        return hyphens
    if style == 2:
        return _full_width(hyphens)
    if style == 3:
        return f"+81{number[1:]}"
    if style == 4:
        return number[1:]
    if style == 5:
        return f"({number[:head]}) {number[head:-4]} {number[-4:]}"
    return number


def _places(writer: _Writer) -> dict[str, _Texts]:
    people, person = writer.people, writer.person
    outdated = writer.hit("outdated")
    address = type(people.address)(
        *(
            np.where(outdated, old[person], new[person])
            for old, new in zip(people.old_address, people.address, strict=True)
        )
    )
    codes = _restyle(address.postcode(), writer.style(4), (_bare, _full_width, "〒{}".format))
    return {"postcode": codes, "address": write_addresses(address, writer.style(N_STYLES))}


def _restyle(
    values: _Texts, style: NDArray[np.int64], ways: Sequence[Callable[[str], str]]
) -> _Texts:
    """Return the values; those of style 1 are rewritten in the first way, and so on."""
    out = values.copy()
    for number, rewrite in enumerate(ways, start=1):
        rows = style == number
        out[rows] = [rewrite(text) for text in values[rows]]
    return out


def _bare(text: str) -> str:
    return text.replace("-", "")


def _slashed(text: str) -> str:
    return text.replace("-", "/")


def _full_width(text: str) -> str:
    return text.translate(_FULL)


def _births(writer: _Writer) -> _Texts:
    birth = writer.people.birth[writer.person]
    slip = np.where(writer.hit("typo"), writer.rng.choice([-10, -1, 1, 10], size=len(birth)), 0)
    iso = (birth + slip.astype("timedelta64[D]")).astype("datetime64[D]").astype(str).astype(object)
    values = _restyle(iso, writer.style(3), (_slashed, _bare))
    default = writer.hit("placeholder")
    return np.where(default, "1900-01-01", values)


def _genders(writer: _Writer) -> _Texts:
    table: _Texts = _GENDERS[writer.style(4), writer.people.gender[writer.person]]
    return table


def _texts(values: list[str]) -> _Texts:
    return np.array(values, dtype=object)
