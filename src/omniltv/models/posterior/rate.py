"""The purchase rate of customers as a covariate, so that spend can depend on it."""

import numpy as np
from numpy.typing import NDArray

from omniltv._options import checked
from omniltv.data.history import PurchaseHistory
from omniltv.errors import ConfigError
from omniltv.models.posterior.draws import evenly
from omniltv.models.posterior.fits import PurchaseFit, SpendFit
from omniltv.models.posterior.fitted import Unseen
from omniltv.models.posterior.state_columns import purchase_state
from omniltv.models.processes.protocols import RateModel

__all__ = ["PURCHASE_RATE", "depends_on_rate", "rated", "with_purchase_rate"]

PURCHASE_RATE = "purchase_rate"
"""Name of the covariate."""

_DRAWS = 32
_STATES = 20_000  # at once, to limit memory
_STEP = 0.05  # the log rate is rounded, so that customers of similar rates share parameters


@checked
def with_purchase_rate(
    history: PurchaseHistory, purchases: PurchaseFit, *, unseen: Unseen = "error"
) -> PurchaseHistory:
    """Return the history with the covariate ``purchase_rate``, for a spend model.

    It is the posterior mean of the logarithm of each customer's purchase rate while active,
    to the nearest 0.05. If the log of spend is linear in the log rate, it stands for the rate
    exactly. Its own uncertainty is not carried further.

    A spend model that is fitted with this covariate knows that frequent buyers spend more, or
    less. `lifetime_value` then computes the covariate again, for the purchases to come: they
    are more likely those of customers with a high rate.

    Args:
        history: The history, with the group columns and covariates of the fit.
        purchases: The posterior of a purchase model that knows rates, see
            `omniltv.models.processes.RateModel`.
        unseen: How to treat a group that the fit did not see.

    Raises:
        ConfigError: If the model does not know rates.
        DataError: If a group column or covariate is missing, or a group was not seen.
        UnitError: If history and fit have different units of time.

    Examples:
        >>> from omniltv.models import GammaGamma, MbgNbd, fit
        >>> truth, rng = {"r": 0.8, "alpha": 6.0, "a": 0.7, "b": 2.5}, np.random.default_rng(1)
        >>> x, recency, T = MbgNbd().simulate(truth, np.full(400, 40.0), rng)
        >>> value = GammaGamma().simulate({"p": 4.0, "q": 4.0, "v": 8.0}, x, rng) * (1 + x)
        >>> history = PurchaseHistory(np.arange(400), x, recency, T, value, "week")
        >>> known = with_purchase_rate(history, fit(MbgNbd(), history, seed=1, method="map"))
        >>> spent = fit(GammaGamma(), known, seed=1, method="map",
        ...     covariates={"log_mean": ["purchase_rate"]})
        >>> bool(spent.draws.slopes.mean() > 0.2)  # frequent buyers spend more
        True
    """
    return history.with_covariate(PURCHASE_RATE, _log_rates(history, purchases, unseen))


def depends_on_rate(spend: SpendFit) -> bool:
    """Return whether a spend fit has the purchase rate as a covariate.

    Examples:
        >>> from omniltv.models import GammaGamma, fit
        >>> history = PurchaseHistory(np.arange(40), np.arange(40) % 4 + 1, np.full(40, 20.0),
        ...                           np.full(40, 30.0), np.linspace(5, 15, 40), "week")
        >>> depends_on_rate(fit(GammaGamma(), history, seed=1, method="map"))
        False
    """
    return any(effect.covariate == PURCHASE_RATE for effect in spend.effects)


def rated(
    history: PurchaseHistory, purchases: PurchaseFit, spend: SpendFit, unseen: Unseen
) -> PurchaseHistory:
    """Return the history with the rate of future purchases, if the spend fit depends on it.

    Examples:
        >>> from omniltv.models import BgNbd, GammaGamma, fit
        >>> history = PurchaseHistory(np.arange(40), np.arange(40) % 4 + 1, np.full(40, 20.0),
        ...                           np.full(40, 30.0), np.linspace(5, 15, 40), "week")
        >>> fits = [fit(model, history, seed=1, method="map") for model in (BgNbd(), GammaGamma())]
        >>> rated(history, *fits, "error") is history
        True
    """
    if not depends_on_rate(spend):
        return history
    return history.with_covariate(PURCHASE_RATE, _log_rates(history, purchases, unseen, ahead=True))


def _log_rates(
    history: PurchaseHistory, purchases: PurchaseFit, unseen: Unseen, *, ahead: bool = False
) -> NDArray[np.float64]:
    """Return the expected log rate of each row, of shape (n_rows,)."""
    model = purchases.model
    if not isinstance(model, RateModel):
        problem = f"{model.name} does not know the purchase rate of a customer"
        hint = "a model with log_rate, such as MbgNbd()"
        raise ConfigError(f"{problem}. Hint: {hint}", parameter="purchases")
    purchases.require_time(history)
    distinct, cells = purchases.states(history, unseen=unseen)
    picked = np.unique(evenly(_DRAWS, purchases.n_draws))
    found = np.empty(len(distinct.count))
    for start in range(0, len(found), _STATES):
        some = slice(start, start + _STATES)
        parameters = cells.take(some).parameters(picked)
        state = purchase_state(distinct.states, some)
        found[some] = model.log_rate(parameters, state, ahead=ahead).mean(axis=1)
    return distinct.expand(np.asarray(np.round(found / _STEP) * _STEP, dtype=np.float64))
