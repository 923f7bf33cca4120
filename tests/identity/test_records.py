from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest

from omniltv.errors import ColumnWarning, DataError
from omniltv.identity import Spelling, stitch
from omniltv.identity.records.columns import MISSING, Records
from omniltv.identity.records.intake import read_records
from omniltv.identity.records.masking import Masked, mask_shared


def _records(**columns: Sequence[object]) -> tuple[Records, tuple[Masked, ...]]:
    n = len(next(iter(columns.values())))
    keys: dict[str, Sequence[object]] = {
        "source": ["ec"] * n,
        "record_id": [f"r{k:03d}" for k in range(n)],
    }
    frame = pd.DataFrame(keys | columns, dtype=object)
    _, records = read_records(frame, normalised=False, spelling=Spelling())
    return mask_shared(records, max_sharing=30)


def _values(records: Records, name: str) -> list[str | None]:
    column = records.columns[name]
    return [None if code == MISSING else column.values[code] for code in column.codes]


@pytest.mark.parametrize("missing", ["source", "record_id"])
def test_key_columns_are_needed(missing: str) -> None:
    columns = {"source": ["a"], "record_id": ["1"], "email": ["x@y.jp"]}
    del columns[missing]
    with pytest.raises(DataError, match="no such column") as error:
        stitch(pd.DataFrame(columns))
    assert error.value.column == missing


def test_a_list_without_a_personal_column_is_noticed() -> None:
    with pytest.warns(ColumnWarning, match=r"no personal column.*Hint"):
        stitch(pd.DataFrame({"source": ["a"], "record_id": ["1"], "colour": ["red"]}))


def test_rejected_rows_have_a_reason() -> None:
    frame = pd.DataFrame(
        {
            "source": ["ec", None, "ec", "ec", "ec", "ec", "store", "ec"],
            "record_id": ["1", "2", float("nan"), "3", "3", "4", "4", "4"],
            "email": ["a@b.jp", "a@b.jp", "a@b.jp", "c@d.jp", "c@d.jp", "e@f.jp", None, "g@h.jp"],
        }
    )
    found = stitch(frame)
    differ = "record_id: rows of one id differ"
    assert found.rejected["reason"].tolist() == [
        "source: missing",
        "record_id: missing",
        "record_id: copy of an earlier row",
        differ,
        differ,
    ]
    assert found.crosswalk["source"].tolist() == ["ec", "ec", "store"]


def test_a_full_name_in_one_field_is_split() -> None:
    records, _ = _records(
        family_name=["山田 太郎", "山田", "田中花子", "田中", "Smith", None],
        given_name=[None, "太郎", None, "花子", "John", "高木 次郎"],
    )
    assert _values(records, "family_written") == ["山田", "山田", "田中", "田中", None, "高木"]
    assert _values(records, "given_written") == ["太郎", "太郎", "花子", "花子", None, "次郎"]


def test_a_full_name_in_kana_is_split_with_a_space_or_by_what_the_list_knows() -> None:
    records, _ = _records(
        family_name_kana=["タカハシ ハナコ", "タカハシハナコ", "タカハシ"],
        given_name_kana=[None, None, "ハナコ"],
    )
    assert _values(records, "family_reading") == ["takahashi"] * 3
    assert _values(records, "given_reading") == ["hanako"] * 3


def test_the_order_of_a_latin_name_does_not_matter_to_its_full_sound() -> None:
    records, _ = _records(
        family_name=["Hanako Takahashi", "Takahashi", "TAKAHASHI, Hanako"],
        given_name=[None, "Hanako", None],
    )
    assert _values(records, "full_sound") == ["hanako takahasi"] * 3


def test_a_reading_is_borrowed_from_namesakes_only_where_they_agree() -> None:
    records, _ = _records(
        given_name=["裕子", "裕子", "裕子", "裕子", "健", "健", "健"],
        given_name_kana=["ユウコ", "ユウコ", "ヒロコ", None, "ケン", "タケシ", None],
    )
    assert _values(records, "given_reading")[3] == "yuuko"
    assert _values(records, "given_reading")[6] is None


def test_values_that_many_families_share_are_masked_with_their_records() -> None:
    names = ["佐藤", "鈴木", "高橋", "田中", "伊藤", "渡辺"]
    kana = ["サトウ", "スズキ", "タカハシ", "タナカ", "イトウ", "ワタナベ"]
    records, masked = _records(
        family_name=[*names, "山本", "山本"],
        family_name_kana=[*kana, "ヤマモト", "ヤマモト"],
        phone=["03-1234-1234"] * 6 + ["090-1111-2222"] * 2,
    )
    assert [(value.column, len(value.rows)) for value in masked] == [("phone", 6)]
    assert _values(records, "phone") == [None] * 6 + ["+819011112222"] * 2


def test_a_default_birth_date_is_masked_and_common_birthdays_are_not() -> None:
    days = [f"19{y:02d}-0{m}-15" for y in range(50, 95) for m in range(1, 10)]
    records, masked = _records(birth_date=[*days, *["1970-01-01"] * 60])
    assert [len(value.rows) for value in masked] == [60]
    assert np.sum(records.columns["birth_date"].codes == MISSING) == 60


def test_no_personal_values_in_reprs() -> None:
    records, masked = _records(phone=["090-9876-5432"] * 40)
    assert "9876" not in repr(records) + repr(masked) + repr(records.columns)
