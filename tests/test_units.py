import math

import numpy as np
import pytest

from omniltv.errors import ConfigError, DataError
from omniltv.units import Discount, Span, TimeUnit, days, months, weeks, years


def test_a_year_is_twelve_months_and_365_and_a_quarter_days() -> None:
    assert years(1).to(TimeUnit.MONTH) == pytest.approx(12)
    assert years(4).to(TimeUnit.DAY) == 1461
    assert weeks(3).to(TimeUnit.DAY) == 21
    assert months(2).to(TimeUnit.MONTH) == 2.0
    assert str(days(1)) == "1 day"


@pytest.mark.parametrize("amount", [-1.0, math.nan, math.inf])
def test_a_span_is_finite_and_not_negative(amount: float) -> None:
    with pytest.raises(ConfigError, match="Hint"):
        Span(amount, TimeUnit.DAY)


@pytest.mark.parametrize("rate", [-1.0, math.nan, math.inf])
def test_a_discount_rate_is_above_minus_one(rate: float) -> None:
    with pytest.raises(ConfigError):
        Discount(per_year=rate)


@pytest.mark.parametrize("unit", list(TimeUnit))
def test_discount_compounds_to_its_yearly_rate_in_every_unit(unit: TimeUnit) -> None:
    per_year = years(1).to(unit)
    factor = Discount(per_year=0.10).factor(np.array([0.0, per_year, 2 * per_year]), unit)
    np.testing.assert_allclose(factor, [1.0, 1 / 1.1, 1 / 1.21])


def test_a_data_error_carries_its_rows_and_survives_a_process_border() -> None:
    error = DataError("bad", column="value", rows=range(7), hint="mend it")
    assert error.rows == (0, 1, 2, 3, 4, 5, 6)
    assert str(error) == "column 'value': bad (7 rows; first ids: 0, 1, 2, 3, 4). Hint: mend it"
    kind, arguments = error.__reduce__()[:2]
    assert callable(kind)
    assert isinstance(arguments, tuple)
    assert str(kind(*arguments)) == str(error)
