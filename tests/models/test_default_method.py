"""The default method: Laplace where its draws reach far enough, else NUTS."""

from dataclasses import replace

import numpy as np
import pytest

from omniltv.data.history import PurchaseHistory
from omniltv.models import BgNbd, ParetoNbd, Sampling, fit


def test_the_default_is_laplace_where_its_draws_reach_far_enough(history: PurchaseHistory) -> None:
    found = fit(BgNbd(), history, seed=1)
    assert found.diagnostics.method == "laplace"
    assert found.diagnostics.reach >= 0.95
    assert not found.diagnostics.handed_over
    by_name = fit(BgNbd(), history, seed=1, method="laplace")
    np.testing.assert_array_equal(found.draws.coordinates, by_name.draws.coordinates)
    assert np.isnan(by_name.diagnostics.reach)


@pytest.mark.sampling
@pytest.mark.filterwarnings("error:.*sampled by NUTS")
@pytest.mark.filterwarnings("ignore::omniltv.errors.FitWarning")  # a short chain
def test_the_default_is_nuts_where_draws_would_be_too_narrow(history: PurchaseHistory) -> None:
    """The shape of the dropout rates of Pareto/NBD has a long tail with few customers."""
    few = history.take(np.arange(0, len(history), 10))
    short = Sampling(draws=20, warmup=40, chains=1)
    found = fit(ParetoNbd(), few, seed=1, method=short, progress=False)
    assert found.diagnostics.method == "nuts"
    assert "too narrow" in found.diagnostics.handed_over
    assert repr(found).endswith(f"20 draws by NUTS ({found.diagnostics.handed_over}))")
    by_name = fit(ParetoNbd(), few, seed=1, method=replace(short, method="laplace"))
    assert by_name.diagnostics.method == "laplace"
