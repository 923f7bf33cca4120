"""A long-run method of one's own: one class, public names only, beside the built-in ones."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from omniltv.experiments import Persistence, assign
from omniltv.experiments.design import Design
from omniltv.experiments.long_run import (
    ArmWeeks,
    EarlierCohort,
    JointLongRunMethod,
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


@dataclass(frozen=True)
class SameTogether(SameEveryWeek):
    """The same for the arms of a factorial experiment, with one draw of their control."""

    name: str = "same together"

    def estimate_jointly(
        self, samples: Sequence[LongRunSample], *, seed: int
    ) -> tuple[LongRunDraws, ...]:
        first = samples[0]
        held, window = first.discount * first.strength, first.window
        rng = np.random.default_rng(seed)
        control, *treated = (
            _drawn(side, rng) for side in (first.control, *(one.treated for one in samples))
        )
        return tuple(
            LongRunDraws(
                (own - control) * held[:window].sum(),
                (own - control) * held[window:].sum(),
                control * first.discount.sum(),
            )
            for own in treated
        )


def _drawn(side: ArmWeeks, rng: np.random.Generator) -> NDArray[np.float64]:
    weekly = side.value.mean(axis=1)
    return rng.normal(weekly.mean(), weekly.std(ddof=1) / np.sqrt(len(weekly)), 4000)


def test_a_joint_method_of_ones_own_gives_the_interaction_an_interval() -> None:
    assert isinstance(SameTogether(), JointLongRunMethod)
    assert not isinstance(SameEveryWeek(), JointLongRunMethod)
    design = Design(name="two", factors={"mail": 0.5, "coupon": 0.5})
    people = pd.DataFrame({"customer_id": range(300)})
    drawn = design.assign(people)
    orders = np.random.default_rng(1).poisson(0.5, (300, 8)).astype(float)
    found = long_run_lift(
        WeeklyPurchases(drawn.customer_id, orders, 10 * orders),
        drawn,
        control=design.control,
        treatments=design.treatments,
        persistence=Persistence.full(weeks(12)),
        discount=Discount(per_year=0.1),
        methods=(SameTogether(),),
    )
    row = found.interactions["same together"][0].row
    assert row.low < row.estimate < row.high


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


@pytest.mark.parametrize("method", [SameEveryWeek(), SameTogether()], ids=lambda one: one.name)
@pytest.mark.parametrize("law", laws()[:-1], ids=lambda law: law.__name__)
def test_they_obey_the_laws(law: Callable[[LongRunMethod], None], method: LongRunMethod) -> None:
    law(method)
