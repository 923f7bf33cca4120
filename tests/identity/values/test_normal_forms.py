"""Laws of every normaliser."""

# ruff: noqa: RUF001 - the look-alike characters are what is tested
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniltv.identity import FIELDS, Spelling, normalise
from omniltv.identity.records.reading import reader_of

_LETTERS = st.text(
    "0123456789０１一二三十百千〇-−ー/.,'’@+#()㈱株式会社番地丁目号のノ町条 　abxyz"
    "éßłアイカタナーｱあいう김иΩغ\u0301\U000e0100年月日昭和SHT元",
    max_size=40,
)
_ANYTHING = st.one_of(
    st.none(),
    st.text(max_size=60),
    _LETTERS,
    st.integers(),
    st.floats(),
    st.dates(),
    st.datetimes(),
    st.binary(max_size=30),
    st.decimals(),
    st.booleans(),
)
_SPELLINGS = st.builds(
    Spelling,
    phone_region=st.sampled_from(["JP", "US", "GB"]),
    drop_tags=st.booleans(),
    date_order=st.sampled_from(["inferred", "day first", "month first"]),
)


@given(field=st.sampled_from(FIELDS), value=_ANYTHING, spelling=_SPELLINGS)
def test_a_value_or_a_reason_and_always_the_same(
    field: str, value: object, spelling: Spelling
) -> None:
    found = reader_of(field, spelling)(value)
    assert found == reader_of(field, spelling)(value)
    assert found.value is None or (found.value == found.value.strip() != "")


_IDEMPOTENT: tuple[Callable[[object], str | None], ...] = (
    normalise.plain,
    normalise.reading,
    normalise.written_name,
    normalise.card_number,
    normalise.birth_date,
    normalise.gender,
    normalise.email,
    normalise.phone,
    normalise.postcode,
)


@pytest.mark.parametrize("function", _IDEMPOTENT, ids=lambda function: str(function.__name__))
@given(value=st.one_of(_LETTERS, st.text(max_size=40)))
def test_a_normalised_value_is_its_own_normal_form(
    function: Callable[[object], str | None], value: str
) -> None:
    once = function(value)
    if once is not None:
        assert function(once) == once


@given(
    town=st.sampled_from(["霞が関", "一番町", "北1条西", "3条通", "二十四軒4条"]),
    numbers=st.lists(st.integers(1, 99), min_size=1, max_size=3),
    unit=st.sampled_from(["", "101", "b-12", "4f"]),
)
def test_an_address_is_its_own_normal_form(town: str, numbers: list[int], unit: str) -> None:
    once = normalise.address(f"東京都中央区{town}{'-'.join(map(str, numbers))} {unit}")
    assert once is not None
    assert normalise.address(once) == once
