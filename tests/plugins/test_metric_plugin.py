"""A metric of one's own: one class, public names only, measured beside the built-in ones."""

from dataclasses import dataclass

import pandas as pd

from omniltv.experiments import Assignment, Outcome
from omniltv.experiments.metrics import Mean, Metric, Tables, measure


@dataclass(frozen=True)
class PositiveReviews:
    """The number of reviews with at least four stars."""

    name: str = "positive reviews"
    definition: str = "reviews with at least four stars"
    unit: str = "reviews per customer"

    def outcome(self, tables: Tables, assignment: Assignment) -> Outcome:
        del assignment
        reviews = tables["reviews"]
        assert isinstance(reviews, pd.DataFrame)
        good = reviews.assign(good=(reviews["stars"] >= 4).astype(float))
        return Outcome(good, column="good", missing="zero")


def test_a_metric_of_ones_own_is_measured() -> None:
    people = pd.DataFrame({"customer_id": range(8), "arm": ["a", "b"] * 4})
    reviews = pd.DataFrame({"customer_id": [1, 1, 3, 2], "stars": [5, 4, 1, 5]})
    assert isinstance(PositiveReviews(), Metric)
    found = measure(
        [PositiveReviews(), Mean("reviews", table="reviews")],
        {"reviews": reviews},
        Assignment.from_frame(people),
        control="a",
    )
    row = found.lifts["positive reviews"].overall()
    assert (row.mean, row.control_mean) == (0.5, 0.25)
    assert found.units["positive reviews"] == "reviews per customer"
