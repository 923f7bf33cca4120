"""Whatever comes in, every row is either in the crosswalk or rejected with a reason."""

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from omniltv.data import check
from omniltv.errors import DataError
from omniltv.identity import stitch

KEYS = st.one_of(st.none(), st.sampled_from(["ec", "store", "", " 1 ", "1"]), st.integers(0, 3))
VALUES = st.one_of(
    st.none(),
    st.text(max_size=8),
    st.sampled_from(["高橋", "タロウ", "taro", "09012345678", "a@b.jp", "1980-01-02", "0000000"]),
    st.floats(),
    st.integers(),
)
ROWS = st.fixed_dictionaries(
    {
        "source": KEYS,
        "record_id": KEYS,
        "family_name": VALUES,
        "given_name": VALUES,
        "phone": VALUES,
        "email": VALUES,
        "birth_date": VALUES,
    }
)


@given(rows=st.lists(ROWS, min_size=1, max_size=8))
@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
def test_valid_and_rejected_make_all(rows: list[dict[str, object]]) -> None:
    frame = pd.DataFrame(rows).astype(object)
    try:
        checked = check(frame, "records")
    except DataError:  # no value of a key column can be read: the export is wrong as a whole
        with pytest.raises(DataError, match="no value can be read"):
            stitch(frame)
        return
    found = stitch(frame)
    assert len(found.crosswalk) == checked.n_valid
    assert len(found.crosswalk) + len(found.rejected) == len(frame)
    assert (found.rejected["reason"].astype(str) != "").all()
    assert not found.crosswalk.duplicated(["source", "record_id"]).any()
    assert found.clusters["n_records"].sum() == len(found.crosswalk)
    assert found.crosswalk["probability"].between(0, 1).all()
