"""Allocators on random problems: never a broken constraint, and close to the optimum."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from omniltv.errors import ConfigError
from omniltv.segmentation.allocation import AllocationProblem, Allocator, DualAscent, ExactAllocator
from omniltv.testing import check_allocator
from omniltv.testing.allocation_laws import random_problem

SEEDS = st.integers(0, 2**31)


@pytest.mark.parametrize(
    "allocator", [DualAscent(), ExactAllocator()], ids=["dual ascent", "exact"]
)
def test_the_laws_hold(allocator: Allocator) -> None:
    check_allocator(allocator)


def compare(problem: AllocationProblem) -> None:
    """Assert that dual ascent misses at most .1 % and one offer of the proven optimum."""
    exact, dual = ExactAllocator().solve(problem), DualAscent().solve(problem)
    optimum, value = (float(problem.net[one.chosen].sum()) for one in (exact, dual))
    assert exact.bound == pytest.approx(optimum, rel=1e-6, abs=1e-6)
    assert dual.bound >= optimum - 1e-6
    for choice in (exact, dual):
        assert (problem.used(choice.chosen) <= problem.allowed).all()
    one_offer = float(problem.net[problem.possible].max(initial=0.0))
    assert optimum + 1e-6 >= value >= 0.999 * optimum - one_offer


@settings(max_examples=15, deadline=None)
@given(SEEDS, st.integers(1, 60))
def test_dual_ascent_is_close_to_the_optimum(seed: int, customers: int) -> None:
    compare(random_problem(seed, customers))


@pytest.mark.slow
@pytest.mark.parametrize("customers", [300, 1000, 2000])
def test_dual_ascent_is_close_to_the_optimum_of_larger_problems(customers: int) -> None:
    compare(random_problem(customers, customers))


@settings(max_examples=10, deadline=None)
@given(SEEDS, st.integers(1, 300))
def test_scales_do_not_matter(seed: int, customers: int) -> None:
    """Other units of value and of resources give the same net gain, up to ties."""
    problem = random_problem(seed, customers)
    units = np.float64(2.0) ** np.arange(len(problem.capacity))
    use = csr_array(problem.use.multiply(units[None, :]))
    other = replace(problem, net=1024 * problem.net, use=use, capacity=units * problem.capacity)
    mine, theirs = (DualAscent().solve(one) for one in (problem, other))
    gain = problem.net[mine.chosen].sum(), problem.net[theirs.chosen].sum()
    largest = problem.net.max(initial=0.0)
    assert abs(gain[0] - gain[1]) <= 0.001 * max(gain) + largest
    assert theirs.bound / 1024 == pytest.approx(mine.bound, rel=1e-3, abs=1e-6)


def test_more_capacity_is_worth_its_price() -> None:
    """In a problem of many customers, a price is the gain of one more unit."""
    rng = np.random.default_rng(5)
    n = 4000
    use = csr_array(np.ones((n, 1)))
    start = np.arange(n + 1)
    problem = AllocationProblem(rng.exponential(10.0, n), start, use, np.array([1000.0]))
    found = DualAscent().solve(problem)
    ordered = np.sort(problem.net)[::-1]
    assert problem.net[found.chosen].sum() == pytest.approx(ordered[:1000].sum())
    assert ordered[1005] <= found.prices[0] <= ordered[995]


def test_a_sample_of_customers_starts_large_problems() -> None:
    rng = np.random.default_rng(6)
    n = 45_000
    use = csr_array(rng.integers(1, 4, (n, 1)).astype(np.float64))
    problem = AllocationProblem(rng.random(n) + 0.1, np.arange(n + 1), use, np.array([20_000.0]))
    found = DualAscent().solve(problem)
    assert problem.net[found.chosen].sum() >= 0.9999 * found.bound


def test_exact_refuses_large_problems() -> None:
    with pytest.raises(ConfigError, match="DualAscent"):
        ExactAllocator(max_offers=3).solve(random_problem(3, 9))
