"""Lifetime value over imputed crosswalks: mixtures by hand, and what is refused."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from omniltv.data import PurchaseLog
from omniltv.errors import ConfigError, DataError
from omniltv.models import (
    BgNbd,
    Diagnostics,
    GammaGamma,
    ImputedValue,
    LifetimeValue,
    ModelError,
    Pooling,
    PosteriorDraws,
    PurchaseFit,
    SpendFit,
    imputed_value,
    lifetime_value,
)
from omniltv.models.processes.protocols import PurchaseModel, SpendModel
from omniltv.units import Discount, TimeUnit, weeks

N_DRAWS = 40
KEYS = {"source": ["ec", "ec", "store", "store"], "record_id": ["E1", "E2", "S1", "S2"]}
DECIDED = ["a", "b", "a", "d"]
DRAWN = (
    DECIDED,
    ["a", "a", "a", "d"],  # b is part of a
    ["a", "b", "c", "d"],  # S1 is somebody else, who is in this one only
)


def crosswalk(ids: Sequence[str]) -> pd.DataFrame:
    return pd.DataFrame(KEYS | {"customer_id": ids})


def around(model: PurchaseModel | SpendModel, point: Sequence[float]) -> PosteriorDraws:
    noise = 0.1 * np.random.default_rng(1).normal(size=(1, N_DRAWS, 1, len(point)))
    return PosteriorDraws(
        tuple(c.name for c in model.coordinates), ("",), np.asarray(point) + noise
    )


def fits() -> tuple[PurchaseFit, SpendFit]:
    sound = Diagnostics(
        rhat={}, ess_bulk={}, ess_tail={}, divergences=0, draws=1, bfmi=1.0, steps=1.0, seconds=0.0
    )
    buying = around(BgNbd(), [-2.0, -0.5, -1.5, 1.5])
    spending = around(GammaGamma(), [3.4, 1.6, 1.5])
    return (
        PurchaseFit(BgNbd(), Pooling.complete(), buying, sound, TimeUnit.WEEK),
        SpendFit(GammaGamma(), Pooling.complete(), spending, sound),
    )


def bought() -> pd.DataFrame:
    """Purchases of E1, E2 and S1, one of them refunded; S2 has none."""
    rows = [
        ("t1", "ec", "E1", "2026-01-05", 30.0, None),
        ("t2", "ec", "E1", "2026-02-10", 50.0, None),
        ("t3", "store", "S1", "2026-03-01", 20.0, None),
        ("t4", "store", "S1", "2026-04-01", 80.0, None),
        ("t5", "store", "S1", "2026-04-02", -80.0, "t4"),
        ("t6", "ec", "E2", "2026-01-20", 10.0, None),
        ("t7", "ec", "E2", "2026-04-20", 15.0, None),
    ]
    names = ["transaction_id", "source", "record_id", "time", "value", "refund_of"]
    return pd.DataFrame(rows, columns=names).assign(channel=lambda frame: frame["source"])


def value_of(
    ids: Sequence[str],
    *,
    rows: pd.DataFrame | None = None,
    ahead: float = 52,
    model_error: ModelError | None = None,
) -> LifetimeValue:
    rows = bought() if rows is None else rows
    log = PurchaseLog.from_frame(rows.merge(crosswalk(ids), on=["source", "record_id"]))
    history = log.history(unit="week", by="channel", end="2026-04-30")
    discount = Discount(per_year=0.1)
    return lifetime_value(
        *fits(),
        history,
        horizon=weeks(ahead),
        discount=discount,
        seed=1,
        model_error=model_error or ModelError.default(),
    )


def imputed(drawn: Sequence[Sequence[str]] = DRAWN, of: Sequence[str] = DECIDED) -> ImputedValue:
    return imputed_value(
        [value_of(ids) for ids in drawn], [crosswalk(ids) for ids in drawn], of=crosswalk(of)
    )


def draws_of(ids: Sequence[str], customer: str) -> NDArray[np.float64]:
    value = value_of(ids).per_customer()
    return value.draws.take(value.customer_id == customer).to_array().ravel()


def test_a_row_is_the_person_that_most_of_its_records_belong_to() -> None:
    found = imputed()
    assert found.customer_id.tolist() == ["a", "b"]  # d has bought nothing in any
    assert found.draws.n_draws == 3 * N_DRAWS
    by_hand = [
        [draws_of(DRAWN[0], "a"), draws_of(DRAWN[1], "a"), draws_of(DRAWN[2], "a")],
        [draws_of(DRAWN[0], "b"), draws_of(DRAWN[1], "a"), draws_of(DRAWN[2], "b")],
    ]
    np.testing.assert_allclose(found.draws.to_array(), np.reshape(by_hand, (2, -1)), rtol=1e-12)
    np.testing.assert_allclose(found.mean(), np.mean(by_hand, axis=(1, 2)))
    assert found.n_customers().tolist() == [2, 1, 3]


def test_a_record_is_the_person_it_belongs_to_and_zero_without_purchases() -> None:
    found = imputed(of=["E1", "E2", "S1", "S2"])
    assert found.customer_id.tolist() == ["E1", "E2", "S1"]
    of_s1 = found.draws.to_array()[2].reshape(3, -1)
    np.testing.assert_allclose(of_s1[2], draws_of(DRAWN[2], "c"))
    np.testing.assert_allclose(of_s1[0], draws_of(DRAWN[0], "a"))
    together = [["a", "b", "c", "a"], ["a", "b", "c", "d"]]
    of_s2 = imputed(together, of=["E1", "E2", "S1", "S2"]).draws.to_array()[-1].reshape(2, -1)
    np.testing.assert_allclose(of_s2[0], draws_of(together[0], "a"))
    assert (of_s2[1] == 0).all()  # S2 by itself has bought nothing


def test_totals_are_those_of_the_imputations_and_channels_add_up() -> None:
    found = imputed()
    whole = np.concatenate([value_of(ids).total().values[0] for ids in DRAWN])
    np.testing.assert_allclose(found.total().values[0], whole)
    by_channel = found.total("channel")
    assert by_channel.labels == ("ec", "store")
    np.testing.assert_allclose(by_channel.values.sum(axis=0), whole)
    real = found.predictive_total("channel").values.sum(axis=0)
    np.testing.assert_allclose(real, found.predictive_total().values[0])
    np.testing.assert_allclose(found.total().size, [np.mean([3, 2, 3])])


def test_a_channel_that_an_imputation_lacks_is_zero_in_it() -> None:
    ids = ["a", "b", "a", "d"]
    part = value_of(ids, rows=bought().query("channel == 'ec'"))
    both = imputed_value([value_of(ids), part], [crosswalk(ids)] * 2, of=crosswalk(ids))
    store = both.total("channel").values[1].reshape(2, -1)
    assert (store[0] > 0).all()
    assert (store[1] == 0).all()


def test_one_imputation_is_the_value_itself() -> None:
    found, value = imputed([DECIDED]), value_of(DECIDED).per_customer()
    columns, own = found.columns(0.8), value.columns(0.8)
    for name, expected in own.items():
        assert columns[name].tolist() == expected.tolist()
    assert columns["identity_share"].tolist() == [0.0, 0.0]
    assert list(found.to_frame().columns) == list(columns)
    assert len(found) == 2


def test_a_single_customer() -> None:
    everybody = ["a"] * 4
    plain = value_of(everybody, model_error=ModelError.none())
    found = imputed_value([plain] * 2, [crosswalk(everybody)] * 2, of=crosswalk(everybody))
    assert found.customer_id.tolist() == ["a"]
    np.testing.assert_allclose(found.total().values, found.draws.to_array())
    assert found.identity_share() == pytest.approx([0.0])


def test_refunds_are_netted_in_every_imputation() -> None:
    kept = bought().query("transaction_id not in ['t4', 't5']")
    without = [value_of(ids, rows=kept) for ids in DRAWN]
    found = imputed_value(without, [crosswalk(ids) for ids in DRAWN], of=crosswalk(DECIDED))
    np.testing.assert_array_equal(found.draws.to_array(), imputed().draws.to_array())


def test_identity_share_is_what_lies_between_the_imputations() -> None:
    found = imputed()
    share = found.identity_share()
    block = found.draws.to_array().reshape(2, 3, -1)
    np.testing.assert_allclose(share, block.mean(axis=2).var(axis=1) / block.var(axis=(1, 2)))
    assert (share > 0.1).all()


def test_many_rows_are_worked_out_in_blocks() -> None:
    n = 1_000
    rng = np.random.default_rng(3)
    keys = {"source": "ec", "record_id": np.arange(n).astype(str)}
    first = np.arange(n).astype(str)
    second = np.where(rng.random(n) < 0.1, first[rng.permutation(n)], first)
    drawn = [pd.DataFrame(keys | {"customer_id": ids}) for ids in (first, second)]
    days = pd.Timestamp("2026-01-01") + pd.to_timedelta(rng.integers(0, 90, n), unit="D")

    def value(table: pd.DataFrame) -> LifetimeValue:
        rows = table.assign(time=days, value=10.0, channel="ec")
        history = PurchaseLog.from_frame(rows).history(unit="week", end="2026-04-30")
        discount = Discount(per_year=0.1)
        return lifetime_value(*fits(), history, horizon=weeks(52), discount=discount, seed=2)

    values = [value(table) for table in drawn]
    found = imputed_value(values, drawn, of=drawn[0])
    at = {name: k for k, name in enumerate(values[1].customer_id.tolist())}
    mine = values[1].predictive.to_array()[[at[name] for name in second]]
    np.testing.assert_array_equal(found.predictive.to_array()[:, N_DRAWS:], mine)


@pytest.mark.parametrize("number", [0, 1])
def test_as_many_crosswalks_as_values(number: int) -> None:
    with pytest.raises(ConfigError, match=f"{number} values for 2 crosswalks"):
        imputed_value([value_of(DECIDED)] * number, [crosswalk(DECIDED)] * 2, of=crosswalk(DECIDED))


def test_values_must_be_alike() -> None:
    with pytest.raises(ConfigError, match="26 weeks by 40 draws, 52 weeks by 40 draws"):
        imputed_value(
            [value_of(DECIDED), value_of(DECIDED, ahead=26)],
            [crosswalk(DECIDED)] * 2,
            of=crosswalk(DECIDED),
        )


def test_what_does_not_fit_together_is_refused_with_its_rows() -> None:
    decided = crosswalk(DECIDED)
    values = [value_of(DRAWN[2])]
    with pytest.raises(DataError, match="not in crosswalk 0") as error:
        imputed_value(values, [decided], of=decided)
    assert error.value.rows == ("c",)
    more = pd.concat([decided, pd.DataFrame([["app", "A1", "z"]], columns=decided.columns)])
    with pytest.raises(DataError, match="records that are not in crosswalk 0") as error:
        imputed_value([value_of(DECIDED)], [decided], of=more)
    assert error.value.rows == ("app/A1",)
    with pytest.raises(DataError, match="is repeated"):
        imputed_value([value_of(DECIDED)], [decided], of=pd.concat([decided, decided]))
    with pytest.raises(DataError, match="no such column"):
        imputed_value([value_of(DECIDED)], [decided], of=decided.drop(columns="customer_id"))
    with pytest.raises(DataError, match="no such group column"):
        imputed().total("region")
