"""An allocator of one's own: one class, public names only, held to the public laws."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest

from omniltv.errors import DataError
from omniltv.segmentation.allocation import AllocationProblem, Allocator, Choice, allocate
from omniltv.testing import check_allocator


@dataclass(frozen=True)
class HighestGainFirst:
    """Offers by net gain, as long as there is room."""

    name: str = "highest gain first"

    def solve(self, problem: AllocationProblem) -> Choice:
        order = np.argsort(-problem.net, kind="stable")
        chosen = problem.fill(order[problem.net[order] > 0])
        prices = np.zeros(len(problem.capacity))
        return Choice(chosen, prices, problem.bound(prices))


@dataclass(frozen=True)
class Broken:
    """An allocator that breaks a law."""

    spoil: Callable[[AllocationProblem, Choice], Choice]
    name: str = "broken"

    def solve(self, problem: AllocationProblem) -> Choice:
        return self.spoil(problem, HighestGainFirst().solve(problem))


def everything(problem: AllocationProblem, choice: Choice) -> Choice:
    return replace(choice, chosen=problem.net > 0)


def best_of_each(problem: AllocationProblem, choice: Choice) -> Choice:
    free = replace(problem, capacity=np.full(len(problem.capacity), np.inf))
    return replace(choice, chosen=HighestGainFirst().solve(free).chosen)


OFFERS = pd.DataFrame(
    {
        "customer_id": [1, 1, 2, 3],
        "treatment": ["visit", "call", "visit", "call"],
        "channel": ["store", "call", "store", "call"],
        "gain": [50.0, 30.0, 40.0, 9.0],
        "cost": 1.0,
        "minutes": [30, 5, 30, 5],
    }
)


def test_an_allocator_of_ones_own_keeps_the_laws() -> None:
    assert isinstance(HighestGainFirst(), Allocator)
    check_allocator(HighestGainFirst())


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (everything, "two offers to a group"),
        (best_of_each, "exceeds a capacity"),
        (lambda _, c: replace(c, chosen=c.chosen & False), "leaves out offers"),
        (lambda _, c: replace(c, bound=0.5 * c.bound), "below the optimum"),
        (lambda _, c: replace(c, prices=c.prices - 1), "negative or infinite prices"),
        (lambda _, c: replace(c, chosen=c.chosen.astype(int)), "one boolean per offer"),
    ],
)
def test_the_laws_catch_allocators_that_break_them(
    spoil: Callable[[AllocationProblem, Choice], Choice], words: str
) -> None:
    with pytest.raises(AssertionError, match=words):
        check_allocator(Broken(spoil))


def test_an_allocator_of_ones_own_chooses() -> None:
    found = allocate(OFFERS, {"minutes": 40}, allocator=HighestGainFirst())
    assert found.chosen["customer_id"].tolist() == [1, 3]
    assert found.net_gain == 57.0


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (everything, "broken makes two offers to a group"),
        (best_of_each, "broken exceeds a capacity"),
        (lambda _, c: replace(c, chosen=c.chosen[1:]), "broken does not return one boolean"),
    ],
)
def test_a_broken_constraint_is_refused(
    spoil: Callable[[AllocationProblem, Choice], Choice], words: str
) -> None:
    with pytest.raises(DataError, match=words):
        allocate(OFFERS, {"minutes": 40}, allocator=Broken(spoil))
