"""Cases of value that came out wrong once, by their number."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from omniltv.data import PurchaseHistory, PurchaseLog
from omniltv.errors import DataError
from omniltv.models import BgNbd, GammaGamma, MbgNbd, ModelError, Pooling, fit, lifetime_value
from omniltv.units import Discount, weeks

made: Any = PurchaseHistory  # it converts lists, other numbers and names of units

X = np.arange(60) % 4


def history(**columns: object) -> PurchaseHistory:
    found: PurchaseHistory = made(
        np.arange(60), X, np.where(X, 20.0, 0.0), np.full(60, 40.0), np.where(X, 9.0 + X, np.nan),
        "week", **columns,
    )  # fmt: skip
    return found


def test_c3_totals_of_channels_carry_the_error_of_the_model() -> None:
    by_channel = history().with_group("channel", np.where(np.arange(60) % 3, "ec", "store"))
    pooling = Pooling.none("channel")
    bought = fit(MbgNbd(), by_channel, seed=1, method="laplace", pooling=pooling)
    spent = fit(GammaGamma(), by_channel, seed=1, method="laplace", pooling=pooling)

    def spread(error: ModelError) -> NDArray[np.float64]:
        value = lifetime_value(
            bought, spent, by_channel, horizon=weeks(26), discount=Discount(per_year=0.0), seed=1,
            model_error=error,
        )  # fmt: skip
        return value.predictive_total("channel").values.std(axis=1)

    default = ModelError.default()
    assert (spread(default) > spread(ModelError.none())).all()
    assert default.at(weeks(26)) > 0.1, "the default is not zero"


@pytest.mark.parametrize("values", [["north", "south"] * 30, [None, 1.0] * 30])
def test_c4_covariates_that_are_no_numbers_name_column_and_remedy(values: Any) -> None:
    with pytest.raises(DataError) as error:
        history().with_covariate("region", values)
    assert error.value.column == "region"
    assert "0/1" in error.value.hint
    with pytest.raises(DataError) as other:
        history(covariates={"region": values})
    assert other.value.column == "region"


def test_c4_an_effect_is_told_per_sd_and_per_unit() -> None:
    known = history().with_covariate("age", 20.0 + np.arange(60) % 30)
    found = fit(BgNbd(), known, seed=1, method="laplace", covariates={"log_rate": ["age"]})
    told = found.summary().set_index("parameter")
    mean = told["mean"].to_dict()
    ratio = mean["log_rate:age per sd"] / mean["log_rate:age per unit"]
    assert ratio == pytest.approx(known.covariates["age"].std())
    assert (told["lower"] <= told["upper"]).all()


def test_c5_channel_and_value_are_not_needed_and_internal_names_not_shown() -> None:
    day = pd.Timestamp("2026-01-05") + pd.to_timedelta(np.arange(80) * 7 % 90, "D")
    table = pd.DataFrame({"customer_id": np.arange(80) % 20, "time": day})
    log = PurchaseLog.from_frame(table)
    assert fit(MbgNbd(), log.history(unit="week"), seed=1, method="map").findings.each
    with pytest.raises(DataError) as error:
        PurchaseLog.from_frame(table.drop(columns="time"))
    assert error.value.column == "time"
    assert "_row" not in str(error.value)
