"""Scores of one's own: one class each, public names only, held to the public laws."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pytest

from omniltv.segmentation import Context
from omniltv.segmentation.conditions import Scope
from omniltv.segmentation.scores import CustomerScore, EventScore, scored
from omniltv.testing import check_score

PEOPLE = pd.DataFrame({"customer_id": list("abcd"), "spend": [10.0, 40.0, 0.0, 25.0]})
EVENTS = pd.DataFrame(
    {
        "customer_id": ["a", "a", "b", "d", "d", "d"],
        "kind": ["complaint", "visit", "complaint", "visit", "visit", "complaint"],
    }
)
CONTEXT = Context(today=date(2026, 4, 1), events=EVENTS)


@dataclass(frozen=True)
class Baskets:
    """How many baskets of a price the spend is."""

    price: float = 5.0
    columns: frozenset[str] = frozenset({"spend"})

    def expressions(self, scope: Scope) -> Mapping[str, nw.Expr]:
        del scope
        return {"baskets": nw.col("spend") / self.price}


@dataclass(frozen=True)
class Complaints:
    """Complaints as a share of all events of a person."""

    columns: frozenset[str] = frozenset()
    event_columns: frozenset[str] = frozenset({"kind"})

    def sums(self, scope: Scope) -> Mapping[str, nw.Expr]:
        del scope
        return {
            "_complaints": (nw.col("kind") == "complaint").cast(nw.Float64),
            "_events": nw.lit(1.0),
        }

    def expressions(self, scope: Scope) -> Mapping[str, nw.Expr]:
        del scope
        share = nw.col("_complaints") / nw.col("_events")
        return {"complaints": nw.when(nw.col("_events") > 0).then(share).otherwise(nw.lit(0.0))}


class AboveMean:
    """A score that compares customers with each other."""

    columns = frozenset({"spend"})

    def expressions(self, scope: Scope) -> Mapping[str, nw.Expr]:
        del scope
        return {"above": nw.col("spend") - nw.col("spend").mean()}


class Nothing:
    """A score without columns."""

    columns = frozenset[str]()

    def expressions(self, scope: Scope) -> Mapping[str, nw.Expr]:
        del scope
        return {}


class Unread:
    """A score that says that it reads a column that it does not read, and asks the kind."""

    columns = frozenset({"spend"})

    def expressions(self, scope: Scope) -> Mapping[str, nw.Expr]:
        lazy = isinstance(scope.table, nw.LazyFrame)
        return {"one": nw.col("spend") * (2.0 if lazy else 1.0)}


def test_scores_of_ones_own_keep_the_laws() -> None:
    assert isinstance(Baskets(), CustomerScore)
    assert not isinstance(Baskets(), EventScore)
    assert isinstance(Complaints(), EventScore)
    check_score(Baskets(), PEOPLE)
    check_score(Complaints(), PEOPLE, CONTEXT)
    check_score(AboveMean(), PEOPLE, relative=True)


@pytest.mark.parametrize(
    ("score", "words"),
    [
        (AboveMean(), "alone"),
        (Nothing(), "adds no column"),
        (Unread(), "other values in a lazy frame"),
    ],
)
def test_the_laws_catch_scores_that_break_them(score: CustomerScore, words: str) -> None:
    with pytest.raises(AssertionError, match=words):
        check_score(score, PEOPLE)


def test_they_are_added_to_any_frame() -> None:
    found = scored(PEOPLE, Complaints(), CONTEXT)
    assert list(found.columns) == [*PEOPLE.columns, "complaints"]
    assert np.allclose(found["complaints"], [0.5, 1.0, 0.0, 1 / 3])
    lazy = scored(
        pl.from_pandas(PEOPLE).lazy(), Complaints(), Context(events=pl.from_pandas(EVENTS).lazy())
    )
    assert np.allclose(lazy.sort("customer_id").collect()["complaints"], found["complaints"])
