"""The next product: repurchase, sequence, season, own taste, and probabilities that sum to 1."""

import tracemalloc
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from omniltv.errors import DataError
from omniltv.segmentation.products import fit_next_product

START = pd.Timestamp("2025-01-01")


def lines(customers: int, products: np.ndarray, gap: int = 20) -> pd.DataFrame:
    """Return lines of customers, each with the same number of visits; one product a visit."""
    visits = len(products) // customers
    day = np.tile(np.arange(visits) * gap, customers)
    return pd.DataFrame(
        {
            "customer_id": np.repeat(np.arange(customers), visits),
            "category": products,
            "time": START + pd.to_timedelta(day, unit="D"),
        }
    )


def people(*ids: object) -> pd.DataFrame:
    return pd.DataFrame({"customer_id": list(ids)})


def test_probabilities_sum_to_one_and_ranks_fall() -> None:
    rng = np.random.default_rng(1)
    frame = lines(60, rng.choice(["tea", "cup", "pot"], 600))
    found = fit_next_product(frame).predict(people(1, 2, "new"), on=date(2026, 1, 1), top=3)
    total = found.groupby("customer_id")["probability"].sum()
    np.testing.assert_allclose(total, 1.0)
    assert found["rank"].tolist() == [1, 2, 3] * 3
    falls = found.groupby("customer_id")["probability"].apply(lambda p: p.is_monotonic_decreasing)
    assert falls.all()


def test_own_purchases_count() -> None:
    rng = np.random.default_rng(2)
    taste = np.repeat(np.array(["tea", "cup"])[np.arange(80) % 2], 10)
    frame = lines(80, np.where(rng.random(800) < 0.8, taste, rng.choice(["tea", "cup"], 800)))
    found = fit_next_product(frame).predict(people(0, 1), on=date(2026, 1, 1), top=1)
    assert found["product"].tolist() == ["tea", "cup"]
    assert (found["probability"] > 0.75).all()


def test_what_follows_the_last_visit_counts() -> None:
    """Customers alternate: tea, cup, tea, ..."""
    start = np.arange(60)[:, None] % 2
    frame = lines(60, np.array(["tea", "cup"])[(start + np.arange(10)) % 2].ravel())
    found = fit_next_product(frame).predict(people(0, 1), on=date(2025, 7, 25), top=1)
    assert found["product"].tolist() == ["tea", "cup"]


def test_a_product_that_was_just_bought_is_not_due() -> None:
    rng = np.random.default_rng(3)
    frame = lines(200, np.array(["pot"] * 2_400), gap=2)
    last = np.full(200, -100)
    kinds = []
    for visit in range(12):
        due = 1 - np.exp(-(2.0 * visit - last) / 20)
        kind = rng.random(200) < 0.6 * due
        last[kind] = 2 * visit
        kinds.append(np.where(kind, "oil", "tea"))
    frame["category"] = np.stack(kinds, axis=1).ravel()
    model = fit_next_product(frame)
    day = date(2025, 1, 25)
    found = model.predict(people(*range(200)), on=day, top=2).query("product == 'oil'")
    soon = last >= 18
    chance = found.sort_values("customer_id")["probability"].to_numpy()
    assert chance[soon].mean() < 0.25 < chance[~soon].mean()


def test_the_season_counts() -> None:
    month = (START + pd.to_timedelta(np.tile(np.arange(36) * 20, 50), unit="D")).month
    frame = lines(50, np.where(month >= 7, "coat", "shirt"))
    model = fit_next_product(frame)
    for day, kind in ((date(2026, 12, 15), "coat"), (date(2027, 4, 15), "shirt")):
        assert model.predict(people("new"), on=day, top=1)["product"].tolist() == [kind]


def test_later_purchases_are_not_used_and_the_order_of_rows_does_not_matter() -> None:
    rng = np.random.default_rng(4)
    frame = lines(40, rng.choice(["tea", "cup", "pot"], 400))
    one = fit_next_product(frame)
    other = fit_next_product(pl.from_pandas(frame.sample(frac=1, random_state=1)))
    asked = people(5, 3)
    first = one.predict(asked, on=date(2025, 3, 1))
    again = other.predict(pl.from_pandas(asked), on=date(2025, 3, 1))
    assert again["customer_id"].to_list() == [5, 5, 5, 3, 3, 3]
    assert first["product"].tolist() == again["product"].to_list()
    alone = one.predict(people(3), on=date(2025, 3, 1))
    np.testing.assert_allclose(alone["probability"], first["probability"].iloc[3:])


def test_a_prediction_has_no_parts_of_past_visits() -> None:
    """The state of 2,000 visits takes 8 arrays of visits and products; their parts take 20."""
    visits, products = 2_000, 100
    model = fit_next_product(lines(1, np.arange(visits) % products, gap=1))
    tracemalloc.start()
    try:
        model.predict(people(0), on=date(2040, 1, 1))
        assert tracemalloc.get_traced_memory()[1] < 12 * 8 * visits * products
    finally:
        tracemalloc.stop()


def test_an_empty_table_of_customers_has_columns_of_the_same_types() -> None:
    model = fit_next_product(lines(4, np.array(["tea"] * 8)))
    some = pl.DataFrame({"customer_id": [1]})
    found = (model.predict(rows, on=date(2026, 1, 1)).schema for rows in (some, some.head(0)))
    assert next(found) == next(found)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"time": "noon"}, "column 'time': not a column of times"),
        ({"time": pd.Timedelta(1, "D")}, "column 'time': not a column of times"),
        ({"category": None}, "column 'category': missing labels"),
        ({"customer_id": None}, "column 'customer_id': missing ids"),
    ],
)
def test_bad_lines_are_named(change: dict[str, Any], words: str) -> None:
    with pytest.raises(DataError, match=words):
        fit_next_product(lines(4, np.array(["tea"] * 8)).assign(**change))


def test_too_many_products_and_no_lines_are_refused() -> None:
    with pytest.raises(DataError, match="2,001 products are more than"):
        fit_next_product(lines(1, np.arange(2_001)))
    with pytest.raises(DataError, match="has no rows"):
        fit_next_product(lines(4, np.array(["tea"] * 8)).head(0))
    model = fit_next_product(lines(4, np.array(["tea"] * 8)))
    with pytest.raises(DataError, match="column 'rank': the column is a result"):
        model.predict(people(1).assign(rank=1), on=date(2026, 1, 1))
