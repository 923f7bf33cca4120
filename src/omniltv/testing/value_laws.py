"""Laws of lifetime value: the results of a customer do not depend on other customers.

Value, intervals, P(alive) and draws of a customer depend on the customer, the fits and the
seed. They are identical to the last bit whether the customer is scored alone, among others, in
another order or in a batch. This holds for every model and pooling.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from omniltv.data.history import PurchaseHistory
from omniltv.models.posterior.diagnostics import Diagnostics
from omniltv.models.posterior.draws import PosteriorDraws
from omniltv.models.posterior.effects import Effect
from omniltv.models.posterior.fits import PurchaseFit, SpendFit
from omniltv.models.posterior.pooling import Pooling, PoolingKind
from omniltv.models.processes.gamma_gamma import GammaGamma
from omniltv.models.processes.numpy_namespace import NUMPY
from omniltv.models.processes.protocols import Parameters, PurchaseModel, SpendModel
from omniltv.models.value.lifetime_value import LifetimeValue, lifetime_value
from omniltv.units import Discount, Span, TimeUnit

__all__ = [
    "POOLINGS",
    "Invented",
    "answers_of",
    "check_answers",
    "check_own_answer",
    "invented",
]

POOLINGS: tuple[Pooling, ...] = (
    Pooling.complete(),
    Pooling.none("channel"),
    Pooling.partial("channel"),
)
"""One pooling of each kind."""

type Scorer = Callable[[PurchaseHistory], LifetimeValue]
"""Returns the value of any history, always under the same fits and seed."""

_CHANNELS = ("app", "ec", "store")
_NEW_CHANNELS = ("kiosk", "market")
_SPREAD = 0.15  # standard deviation of the draws in every coordinate
_BATCHES = 7


def check_own_answer(score: Scorer, history: PurchaseHistory, *, alone: int | None = None) -> None:
    """Require that the results of a customer are identical in any batch.

    The history is scored whole, reversed, in 7 batches of customers and one by one.

    Args:
        score: Returns the value of a history, always under the same fits, terms and seed.
        history: The customers, in any order.
        alone: Number of customers that are scored one by one, evenly spaced; all if None.

    Raises:
        AssertionError: If a result differs; names the customer and the quantity.

    Examples:
        >>> from omniltv.models.processes.bg_nbd import BgNbd
        >>> case = invented(BgNbd(), Pooling.complete(), customers=20, draws=40)
        >>> check_own_answer(case.score, case.history)
    """
    whole = answers_of(score(history))
    codes = np.unique(history.customer_id.astype(str), return_inverse=True)[1]
    order = np.unique(codes, return_index=True)[1]
    first = np.argsort(np.argsort(order))[codes]  # customers by first appearance
    for name, customers in _ways(int(first.max(initial=-1)) + 1, alone):
        rows = np.flatnonzero(np.isin(first, customers))
        rows = rows[::-1] if name == "reversed" else rows
        people = np.array(list(dict.fromkeys(first[rows].tolist())), dtype=np.intp)
        found = answers_of(score(history.take(rows)))
        for quantity, values in found.items():
            place = people if quantity.startswith("customer ") else rows
            _require_same(f"{name}, {quantity}", values, whole[quantity][place])


def answers_of(value: LifetimeValue) -> Mapping[str, NDArray[np.generic]]:
    """Return all that is said of rows and of customers, by name, rows or customers first.

    Names of what is said of customers begin with "customer ".

    Examples:
        >>> from omniltv.models.processes.bg_nbd import BgNbd
        >>> case = invented(BgNbd(), Pooling.complete(), customers=5, draws=40)
        >>> sorted(answers_of(case.score(case.history)))[:2]
        ['customer draws', 'customer expected_purchases']
    """
    said: dict[str, NDArray[np.generic]] = {}
    for prefix, of in (("", value), ("customer ", value.per_customer())):
        for name in ("draws", "predictive", "prob_alive", "expected_purchases"):
            said[prefix + name] = getattr(of, name).to_array()
        numbers = [column for column in of.columns().values() if column.dtype.kind == "f"]
        said[f"{prefix}table"] = np.stack(numbers, axis=1)
    return said


@dataclass(frozen=True, eq=False)
class Invented:
    """Made-up fits and customers for a law; no sampler has run.

    Attributes:
        purchases: A posterior of the purchase model.
        spend: A posterior of the spend model, pooled alike.
        history: Customers of up to three channels, and of two that the fits did not see.
        horizon: Horizon of the values.

    Examples:
        >>> from omniltv.models.processes.bg_nbd import BgNbd
        >>> case = invented(BgNbd(), Pooling.complete(), customers=30, draws=40)
        >>> case.score(case.history)
        LifetimeValue(40 rows, 1.5 weeks, 40 states, 40 draws; error of totals 3.6 %, assumed)
    """

    purchases: PurchaseFit
    spend: SpendFit
    history: PurchaseHistory
    horizon: Span

    def score(self, history: PurchaseHistory) -> LifetimeValue:
        """Return the value of a history under these fits."""
        partial = self.purchases.pooling.kind is PoolingKind.PARTIAL
        return lifetime_value(
            self.purchases,
            self.spend,
            history,
            horizon=self.horizon,
            discount=Discount(per_year=0.1),
            margin=0.4,
            retention_cost=2.0,
            seed=11,
            unseen="population" if partial else "error",
        )


def invented(
    model: PurchaseModel,
    pooling: Pooling,
    *,
    spend: SpendModel | None = None,
    customers: int = 60,
    draws: int = 400,
    covariate: bool = False,
) -> Invented:
    """Return made-up fits of a model, and customers that it has simulated.

    Args:
        model: A purchase model.
        pooling: Complete, or by ``channel``. Under partial pooling some channels of the
            customers are new to the fits.
        spend: A spend model; gamma-gamma if None.
        customers: Number of customers; some buy in two channels.
        draws: Number of posterior draws.
        covariate: Whether a covariate affects the first coordinate of purchases.

    Examples:
        >>> from omniltv.models.processes.bg_nbd import BgNbd
        >>> invented(BgNbd(), Pooling.partial("channel"), customers=5, draws=40).purchases.groups
        ('app', 'ec', 'store')
    """
    rng = np.random.default_rng(3)
    taste = GammaGamma() if spend is None else spend
    effects = (Effect(model.coordinates[0].name, "age", 40.0, 10.0),) if covariate else ()
    bought, spent = (_posterior(one, pooling, draws, rng) for one in (model, taste))
    if covariate:
        slopes = rng.normal(0.1, 0.05, (2, draws // 2, 1))
        bought = PosteriorDraws(**{**vars(bought), "slopes": slopes})
    return Invented(
        purchases=PurchaseFit(model, pooling, bought, _SOUND, unit=TimeUnit.WEEK, effects=effects),
        spend=SpendFit(taste, pooling, spent, _SOUND),
        history=_customers(model, taste, pooling, customers, rng),
        horizon=Span(3.0 if model.discrete else 1.5, TimeUnit.WEEK),
    )


def check_answers(model: PurchaseModel) -> None:
    """Require `check_own_answer` of a purchase model under every kind of pooling.

    Raises:
        AssertionError: If a result depends on other customers.

    Examples:
        >>> from omniltv.models.processes.shifted_beta_geometric import ShiftedBetaGeometric
        >>> check_answers(ShiftedBetaGeometric())
    """
    for pooling in POOLINGS:
        case = invented(model, pooling, customers=30, draws=160)
        check_own_answer(case.score, case.history, alone=5)


_SOUND = Diagnostics(
    rhat={}, ess_bulk={}, ess_tail={}, divergences=0, draws=1, bfmi=1.0, steps=1.0, seconds=0.0
)


def _posterior(
    model: PurchaseModel | SpendModel, pooling: Pooling, draws: int, rng: np.random.Generator
) -> PosteriorDraws:
    """Return draws around the centre of the model's prior, two chains of them."""
    groups = ("",) if pooling.kind is PoolingKind.COMPLETE else _CHANNELS
    centre = np.array([item.mean for item in model.coordinates])

    def around(*shape: int) -> NDArray[np.float64]:
        return rng.normal(0.0, _SPREAD, (2, draws // 2, *shape, len(centre)))

    names = tuple(item.name for item in model.coordinates)
    mean, effects = centre + around(), around(len(groups))
    theta = mean[:, :, None] + effects
    if pooling.kind is not PoolingKind.PARTIAL:
        return PosteriorDraws(names, groups, theta)
    return PosteriorDraws(
        names=names,
        groups=groups,
        coordinates=theta,
        mean=mean,
        spread=around(1) ** 2,
        new=around(1),
        levels=(groups,),
        effects=effects,
    )


def _customers(
    model: PurchaseModel,
    spend: SpendModel,
    pooling: Pooling,
    n: int,
    rng: np.random.Generator,
) -> PurchaseHistory:
    """Return n customers, a third of them on two channels, rows in any order."""
    channels = np.array(_CHANNELS + _NEW_CHANNELS * (pooling.kind is PoolingKind.PARTIAL))
    owner = np.concatenate([np.arange(n), np.arange(0, n, 3)])
    channel = (owner + (np.arange(len(owner)) >= n)) % len(channels)
    at = rng.permutation(len(owner))
    owner, channel = owner[at], channel[at]
    T = rng.integers(2, 9, len(at)).astype(np.float64)
    T *= 1.0 if model.discrete else 0.25
    seen = model.simulate(_centre(model), T, rng)
    return PurchaseHistory(
        customer_id=np.array([f"c{k}" for k in owner], dtype=object),
        frequency=seen.frequency,
        recency=seen.recency,
        T=T,
        monetary_value=spend.simulate(_centre(spend), np.asarray(seen.frequency), rng),
        unit=TimeUnit.WEEK,
        groups={"channel": channels[channel]},
        covariates={"age": rng.normal(40.0, 10.0, len(at))},
    )


def _centre(model: PurchaseModel | SpendModel) -> Parameters:
    given = {item.name: np.asarray(item.mean) for item in model.coordinates}
    return model.parameters(NUMPY, given)


def _ways(n: int, alone: int | None) -> Iterator[tuple[str, NDArray[np.intp]]]:
    """Yield how n customers are scored, by name: which of them together."""
    everybody = np.arange(n)
    yield "reversed", everybody
    for batch in range(_BATCHES):
        yield f"batch {batch + 1} of {_BATCHES}", everybody[batch::_BATCHES]
    for customer in everybody[:: 1 if alone is None else max(1, n // max(alone, 1))]:
        yield f"customer {customer} alone", everybody[customer : customer + 1]


def _require_same(what: str, found: NDArray[np.generic], expected: NDArray[np.generic]) -> None:
    if found.shape != expected.shape or found.tobytes() != expected.tobytes():
        raise AssertionError(f"law broken: a customer's answer is their own ({what})")
