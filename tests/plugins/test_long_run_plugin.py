"""A long-run method of one's own: one class, public names only, beside the built-in ones."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from omniltv.experiments import Persistence, assign
from omniltv.experiments.long_run import (
    EarlierCohort,
    LongRunDraws,
    LongRunMethod,
    LongRunSample,
    WeeklyDecay,
    WeeklyPurchases,
    long_run_lift,
)
from omniltv.testing.long_run_laws import laws
from omniltv.units import Discount, weeks


@dataclass(frozen=True)
class SameEveryWeek:
    """The mean weekly difference of the window, in every week in which the treatment is on."""

    name: str = "same every week"

    def estimate(self, sample: LongRunSample, *, seed: int) -> LongRunDraws:
        sides = [side.value.mean(axis=1) for side in (sample.treated, sample.control)]
        error = np.sqrt(sum(side.var(ddof=1) / len(side) for side in sides))
        gap = np.random.default_rng(seed).normal(sides[0].mean() - sides[1].mean(), error, 4000)
        held = sample.discount * sample.strength
        control = np.full(4000, sides[1].mean() * sample.discount.sum())
        return LongRunDraws(
            gap * held[: sample.window].sum(), gap * held[sample.window :].sum(), control
        )


def test_a_method_of_ones_own_is_shown_beside_the_others() -> None:
    assert isinstance(SameEveryWeek(), LongRunMethod)
    rng = np.random.default_rng(1)
    drawn = assign(range(300), arms={"control": 0.5, "mail": 0.5}, salt="spring")
    orders, past = (rng.poisson(0.5, (300, n)).astype(float) for n in (8, 20))
    found = long_run_lift(
        WeeklyPurchases(drawn.customer_id, orders, 10 * orders),
        drawn,
        control="control",
        persistence=Persistence.full(weeks(12)),
        discount=Discount(per_year=0.1),
        earlier=[EarlierCohort("2024", WeeklyPurchases(drawn.customer_id, past, 10 * past))],
        methods=(WeeklyDecay(), SameEveryWeek()),
    )
    assert found.to_frame()["method"].tolist() == ["weekly decay", "same every week"]


@pytest.mark.parametrize("law", laws()[:-1], ids=lambda law: law.__name__)
def test_it_obeys_the_laws(law: Callable[[LongRunMethod], None]) -> None:
    law(SameEveryWeek())
