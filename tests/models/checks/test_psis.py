"""Pareto-smoothed leave-one-out densities of many states at once, against ArviZ."""

import numpy as np
import pytest

from omniltv.models.checks.psis import leave_one_out


@pytest.mark.parametrize(("draws", "relative"), [(100, 1.0), (400, 0.4)])
def test_they_are_those_of_arviz(draws: int, relative: float) -> None:
    from arviz_stats.base.array import array_stats  # slow to import

    rng = np.random.default_rng(1)
    spread = np.exp(rng.uniform(-6, 1.5, (20, 1)))  # k-hat from below 0 to above 1
    loglik = -rng.gamma(2, 1, (20, 1)) + spread * rng.normal(size=(20, draws))
    loglik[:5] -= rng.gamma(1, 1, (5, draws)) ** 2
    found = leave_one_out(loglik, relative)
    theirs = np.stack(array_stats.loo(loglik[:, None], r_eff=relative))
    np.testing.assert_allclose(found, theirs, rtol=1e-10, atol=1e-12)
    assert found[1].min() < 0.3
    assert found[1].max() > 0.7


def test_a_flat_tail_is_left_as_it_is() -> None:
    loglik = np.where(np.arange(200) % 2, -1.0, -2.0)[None]
    elpd, khat, _ = leave_one_out(loglik, 1.0)[:, 0]
    assert khat == np.inf
    assert elpd == pytest.approx(-np.log(np.exp(-loglik).mean()))
