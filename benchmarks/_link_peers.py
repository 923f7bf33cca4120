"""Settings of other libraries for customer lists of any shape, as their users would choose them.

Which comparisons, blocking rules and training rules a list gets depends on its fields and on
the number of pairs in a block, and never on the true people. **Tutorial** settings are those of
Splink's own tutorials, on the texts as they are. **Careful** settings are on values in one
spelling, default values masked, with more rules to block and to train.
"""

from collections.abc import Mapping, Sequence

import pandas as pd

from omniltv.identity.records.columns import MISSING, Records

__all__ = ["Settings", "careful", "ecm", "normal_table", "tutorial"]

type Settings = dict[str, object]
type Rule = tuple[str, ...]

_PAIRS = 2_000_000  # of one blocking rule; the tutorials count them before they choose
_PER_RECORD = 40
_FEW = 20  # pairs that a rule must have to train on
_WRITES_OTHERWISE = 0.05  # share of names that do not stand as they sound

_TUTORIAL = {
    "given_name": "name",
    "family_name": "name",
    "given_name_kana": "name",
    "family_name_kana": "name",
    "birth_date": "birth",
    "email": "email",
    "phone": "exact",
    "card_number": "slips",
    "postcode": "exact_tf",
    "address": "exact_tf",
}
_CAREFUL = {
    "given_reading": "name",
    "family_reading": "name",
    "given_written": "exact_tf",
    "birth_date": "birth",
    "email": "email",
    "phone": "slips",
    "card_number": "exact",
    "postcode": "exact_tf",
    "address": "alike",
    "gender": "exact",
}
_KINDS = {"name": "name", "email": "exact", "slips": "slips", "alike": "alike"}
_NAMES = ("given_name", "family_name")
_KANA = ("given_name_kana", "family_name_kana")
_SOUNDS = ("given_reading", "family_reading")
_WRITTEN = ("given_written", "family_written")


def tutorial(lists: pd.DataFrame) -> Settings:
    """Return Splink's settings for lists as they are, in the manner of its tutorials."""
    table = lists[[name for name in _TUTORIAL if name in lists and lists[name].notna().any()]]
    names = _NAMES if _NAMES[0] in table else _KANA
    single = [(name,) for name in ("card_number", "email", "phone", "birth_date", "address")]
    loose = [(names[0],), (names[1],), ("postcode",)]
    certain = [(*names, "birth_date"), ("email",), ("card_number",)]
    fallback = [(*names, "phone"), (*names, "postcode"), names]
    trains = [names, *((name,) for name in _TUTORIAL if name not in {*_NAMES, *_KANA})]
    return {
        "tool": "splink",
        "comparisons": _comparisons(_TUTORIAL, table),
        "blocks": _small([names, *single, *loose], table),
        "certain": _known(certain, table) or _known(fallback, table)[:1],
        "recall": 0.7,
        "train": _training(trains, table)[:2],
    }


def careful(table: pd.DataFrame) -> Settings:
    """Return Splink's settings for normalised columns."""
    table = _informative(table)
    certain = [("card_number",), *((name, _SOUNDS[0]) for name in ("email", "phone", "birth_date"))]
    fallback = [(*_SOUNDS, "postcode"), _SOUNDS, ("email",), ("phone",)]
    trains = [_SOUNDS, ("birth_date",), ("phone",), ("email",), ("card_number",), ("postcode",)]
    return {
        "tool": "splink",
        "comparisons": _comparisons(_CAREFUL, table),
        "blocks": _careful_blocks(table),
        "certain": _known(certain, table) or _known(fallback, table)[:1],
        "recall": 0.7,
        "train": _training(trains, table)[:4],
    }


def ecm(table: pd.DataFrame) -> Settings:
    """Return recordlinkage's settings for normalised columns: binary features."""
    table = _informative(table)
    kinds = {name: _KINDS.get(kind, "exact") for name, kind in _CAREFUL.items()}
    comparisons = _comparisons(kinds, table)
    return {"tool": "ecm", "comparisons": comparisons, "blocks": _careful_blocks(table)}


def normal_table(records: Records) -> pd.DataFrame:
    """Return our normalised columns, masked values among the missing."""
    return pd.DataFrame(
        {
            name: [
                None if code == MISSING else column.values[code] for code in column.codes.tolist()
            ]
            for name, column in records.columns.items()
        },
        dtype=object,
    )


def _informative(table: pd.DataFrame) -> pd.DataFrame:
    """Return the columns to compare; written names only if they are more than their sound."""
    if {"given_written", "given_reading"} <= {*table.columns}:
        both = table[["given_written", "given_reading"]].dropna()
        other = (both["given_written"] != both["given_reading"]).mean()
        if not other > _WRITES_OTHERWISE:
            table = table.drop(columns=["given_written", "family_written"], errors="ignore")
    return table


def _careful_blocks(table: pd.DataFrame) -> list[Rule]:
    single = [(name,) for name in ("card_number", "email", "phone", "address", "birth_date")]
    crossed = [
        (place, name)
        for place in ("birth_date", "postcode")
        for name in (*_SOUNDS, "given_written")
    ]
    loose = [("postcode",), (_SOUNDS[0],), (_SOUNDS[1],)]
    swapped = [("full_reading",)]
    return _small([*single, _WRITTEN, _SOUNDS, *swapped, *crossed, *loose], table)


def _comparisons(kinds: Mapping[str, str], table: pd.DataFrame) -> list[tuple[str, str]]:
    return [(_kind(kind, table[name]), name) for name, kind in kinds.items() if name in table]


def _kind(kind: str, values: "pd.Series[object]") -> str:
    """Return the kind of comparison; dates of eight digits are read as such."""
    if kind != "birth":
        return kind
    text = values.dropna().astype(str)
    return "birth8" if text.str.fullmatch(r"\d{8}").mean() > 0.5 else "birth"


def _known(rules: Sequence[Rule], table: pd.DataFrame) -> list[Rule]:
    return [rule for rule in rules if {*rule} <= {*table.columns}]


def _small(rules: Sequence[Rule], table: pd.DataFrame) -> list[Rule]:
    """Return the rules whose blocks hold no more pairs than a user would accept."""
    most = max(_PAIRS, _PER_RECORD * len(table))
    return [rule for rule in _known(rules, table) if 0 < _pairs(rule, table) <= most]


def _training(rules: Sequence[Rule], table: pd.DataFrame) -> list[Rule]:
    """Return the rules to train on, which leave something else to compare."""
    if len(table.columns) < 2:
        return []
    return [rule for rule in _small(rules, table) if _pairs(rule, table) >= _FEW]


def _pairs(rule: Rule, table: pd.DataFrame) -> int:
    size = table.dropna(subset=list(rule)).groupby(list(rule)).size().to_numpy()
    return int((size * (size - 1) // 2).sum())
