"""The BG/CNBD-k and MBG/CNBD-k models: BG/NBD and MBG/NBD with regular purchases.

Reutterer, Platzer and Schröder (2021), Leveraging purchase regularity for predicting
customer behavior the easy way, International Journal of Research in Marketing 38(1),
194-215; the regularity as in Platzer and Reutterer (2016), Ticking Away the Moments,
Marketing Science 35(5), 779-799.

While active, a customer passes stages at rate lambda ~ Gamma(r, alpha) and buys at every
k-th stage. The times between purchases are Erlang-k; for k = 1 they are exponential. The
dropout probability p ~ Beta(a, b) applies as in the BG/NBD model or, if modified, as in the
MBG/NBD model.
"""

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from omniltv._options import checked_init
from omniltv.errors import ConfigError
from omniltv.models.processes._beta_dropout import (
    COORDINATES,
    log_alive,
    log_odds_dead,
    parameters_of,
    prob_bought,
    tosses,
)
from omniltv.models.processes._rates import gamma_log_rate
from omniltv.models.processes.numpy_namespace import NUMPY
from omniltv.models.processes.protocols import (
    Array,
    ArrayNamespace,
    Future,
    Parameters,
    PurchaseState,
)

__all__ = ["CnbdK"]

_MOST_STAGES = 20  # with many more, the sum over stages would overflow
_LEFT_OUT = 1e-13  # remainder of the series of expected purchases, relative to its sum
_CELLS = 2**16
_NARROWEST, _WIDEST = 16, 4_096  # terms of the series at once
_CUSTOMERS = 2**11


@checked_init
@dataclass(frozen=True, slots=True)
class CnbdK:
    """The (M)BG/CNBD-k model of repeat purchases, with reported parameters r, alpha, a, b.

    Coordinates and default priors are those of `BgNbd`. The log mean rate is that of
    purchases, log(r / (alpha k)).

    Attributes:
        k: Regularity, a whole number from 1 to 20: 1 is the BG/NBD or MBG/NBD model, 2 or
            3 is common for groceries.
        modified: Whether the customer can drop out at the first purchase.

    Raises:
        ConfigError: If k is not a whole number from 1 to 20.

    Examples:
        >>> parameters = {"r": 0.5, "alpha": 3.0, "a": 0.8, "b": 2.4}
        >>> customer = PurchaseState(np.array([4, 4]), np.array([30, 38]), np.array([39, 39]))
        >>> CnbdK(3).prob_alive(parameters, customer).round(3)
        array([0.748, 0.888])
        >>> CnbdK(3, modified=False).name
        'bg_cnbd_3'
    """

    k: int
    _: KW_ONLY
    modified: bool = True

    version = 1
    discrete = False
    coordinates = COORDINATES

    def __post_init__(self) -> None:
        if not (type(self.k) is int and 1 <= self.k <= _MOST_STAGES):
            message = f"regularity is a whole number from 1 to {_MOST_STAGES}, got {self.k!r}"
            raise ConfigError(f"{message}. Hint: CnbdK(2)")

    @property
    def name(self) -> str:
        """The name, such as mbg_cnbd_3; it includes k, so a saved fit keeps its k."""
        return f"{'mbg' if self.modified else 'bg'}_cnbd_{self.k}"

    def parameters(
        self, xp: ArrayNamespace, coordinates: Mapping[str, Array]
    ) -> Mapping[str, Array]:
        """Return r, alpha, a and b from the sampled coordinates."""
        of_purchases = parameters_of(xp, coordinates)
        return {**of_purchases, "alpha": of_purchases["alpha"] / self.k}

    def loglik(
        self, xp: ArrayNamespace, parameters: Mapping[str, Array], state: PurchaseState
    ) -> Array:
        """Return the log-likelihood of each state, of their broadcast shape.

        The times of the purchases before the last one are integrated out: the state has
        only x and t_x.
        """
        x = state.frequency
        log_idle = self._log_idle(xp, parameters, state)
        if_alive = log_alive(xp, parameters, self._stages(state), x + self.modified) + log_idle
        either = xp.logaddexp(0.0, self._log_odds_dead(xp, parameters, state, log_idle))
        tossed = either if self.modified else xp.where(x > 0, either, 0.0)
        return if_alive + tossed + _log_volume(self.k, state)

    def prob_alive(self, parameters: Parameters, state: PurchaseState) -> NDArray[np.float64]:
        """Return P(alive) at the end of observation; 1 if the customer cannot have dropped out."""
        log_idle = self._log_idle(NUMPY, parameters, state)
        alive = special.expit(-self._log_odds_dead(NUMPY, parameters, state, log_idle))
        return np.where(np.asarray(state.frequency) + self.modified > 0, alive, 1.0)

    def log_rate(
        self, parameters: Parameters, state: PurchaseState, *, ahead: bool = False
    ) -> NDArray[np.float64]:
        """Return the expected log of each customer's purchase rate, see `RateModel`."""
        alive = None if ahead else self.prob_alive(parameters, state)
        shape = parameters["r"] + self.k * np.asarray(state.frequency)
        return gamma_log_rate(shape, parameters["alpha"], state, alive)

    def expected_purchases(
        self, parameters: Parameters, state: PurchaseState, horizon: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the expected purchases within ``horizon`` after T.

        It is a series, exact up to rounding, whose length grows with the expected purchases.
        """
        if_alive = _mean_purchases(self.k, self._ahead(parameters, state, horizon))
        return self.prob_alive(parameters, state) * if_alive

    def prob_purchases(
        self,
        parameters: Parameters,
        state: PurchaseState,
        horizon: NDArray[np.float64],
        count: NDArray[np.int64],
    ) -> NDArray[np.float64]:
        """Return the probability of exactly ``count`` purchases within ``horizon`` after T.

        It is a finite sum over the stages until the next purchase but ``count``.
        """
        ahead = self._ahead(parameters, state, horizon)
        arrived = _prob_arrivals(self.k, ahead, count)
        return prob_bought(self.prob_alive(parameters, state), ahead.a, ahead.b, arrived, count)

    def prob_alive_after(
        self, parameters: Parameters, state: PurchaseState, after: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return P(alive) at ``after`` the end of observation.

        It is P(alive) less E[p N]: each purchase ends the lifetime with probability p, and
        weighting by p ~ Beta(a, b) turns a into a + 1.
        """
        ahead = self._ahead(parameters, state, after)
        weighted = ahead._replace(a=np.asarray(ahead.a) + 1)
        a, b = (np.asarray(part, dtype=np.float64) for part in (ahead.a, ahead.b))
        survived = np.clip(1 - a / (a + b) * _mean_purchases(self.k, weighted), 0.0, 1.0)
        return self.prob_alive(parameters, state) * survived

    def expected_purchases_new(
        self, parameters: Parameters, horizon: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the expected repeat purchases of a new customer within ``horizon``."""
        r, alpha, a, b = (parameters[key] for key in ("r", "alpha", "a", "b"))
        if_alive = _mean_purchases(
            self.k, _Ahead(r, alpha, np.zeros(()), a, b + self.modified, horizon)
        )
        return np.asarray(if_alive * b / (a + b)) if self.modified else if_alive

    def simulate(
        self, parameters: Parameters, T: NDArray[np.float64], rng: np.random.Generator
    ) -> PurchaseState:
        """Return histories of new customers observed for ``T``, of the shape of ``T``.

        The x-th purchase is the (k x)-th of the stages, which are uniform over (0, T).
        """
        T = np.asarray(T, dtype=np.float64)
        rate = rng.gamma(np.broadcast_to(parameters["r"], T.shape)) / parameters["alpha"]
        stages = rng.poisson(rate * T)
        dropout = rng.beta(np.broadcast_to(parameters["a"], T.shape), parameters["b"])
        allowed = tosses(dropout, rng) - self.modified
        x = np.minimum(stages // self.k, allowed).astype(np.int64)
        last = self.k * np.maximum(x, 1)
        recency = T * rng.beta(last, np.maximum(stages - last, 0) + 1)
        return PurchaseState(x, np.where(x > 0, recency, 0.0), T)

    def simulate_future(
        self,
        parameters: Parameters,
        state: PurchaseState,
        horizon: float,
        rng: np.random.Generator,
    ) -> Future:
        """Return simulated purchases of each customer within ``horizon``.

        The stages passed since the last purchase, the rate and the dropout are drawn from the
        customer's posterior.
        """
        x = np.asarray(state.frequency)
        scale = parameters["alpha"] + state.T
        shape = np.broadcast_to(parameters["r"] + self.k * x, x.shape)
        alive = rng.random(x.shape) < self.prob_alive(parameters, state)
        passed = self._draw_passed(shape, (state.T - state.recency) / scale, rng)
        stages = rng.poisson(alive * rng.gamma(shape + passed) * horizon / scale)
        survived = parameters["b"] + x + self.modified
        dropout = rng.beta(np.broadcast_to(parameters["a"], x.shape), survived)
        bought = np.minimum((stages + passed) // self.k, tosses(dropout, rng)).astype(np.int64)
        stages = np.where(bought > 0, stages, 0)
        row = np.repeat(np.arange(x.size), stages)
        time = horizon * rng.random(len(row))
        time = time[np.lexsort((time, row))]
        before = np.cumsum(stages) - stages - passed
        purchase, short = np.divmod(np.arange(1, len(row) + 1) - before[row], self.k)
        counts = (short == 0) & (purchase <= bought[row])
        return Future(row[counts], time[counts])

    def _ahead(
        self, parameters: Parameters, state: PurchaseState, horizon: NDArray[np.float64]
    ) -> "_Ahead":
        """Return the customers as active ones at the end of observation."""
        return _Ahead(
            shape=parameters["r"] + self.k * np.asarray(state.frequency),
            scale=parameters["alpha"] + state.T,
            since=np.asarray(state.T) - state.recency,
            a=parameters["a"],
            b=parameters["b"] + state.frequency + self.modified,
            horizon=horizon,
        )

    def _stages(self, state: PurchaseState) -> PurchaseState:
        """Return histories in stages: k x stages were passed by the last purchase."""
        return PurchaseState(self.k * state.frequency, state.recency, state.T)

    def _log_idle(
        self, xp: ArrayNamespace, parameters: Mapping[str, Array], state: PurchaseState
    ) -> Array:
        """Return log of P(fewer than k stages since t_x) / P(none), while active."""
        if self.k == 1:
            return 0.0
        x, recency, T = state
        shape = parameters["r"] + self.k * x
        return xp.log(_idle(self.k, shape, (T - recency) / (parameters["alpha"] + T)))

    def _log_odds_dead(
        self,
        xp: ArrayNamespace,
        parameters: Mapping[str, Array],
        state: PurchaseState,
        log_idle: Array,
    ) -> Array:
        """Return the log odds of dropout at t_x, where dropout was possible."""
        passed = np.maximum(np.asarray(state.frequency) + self.modified, 1) - 1
        return log_odds_dead(xp, parameters, self._stages(state), passed) - log_idle

    def _draw_passed(
        self, shape: NDArray[np.float64], part: NDArray[np.float64], rng: np.random.Generator
    ) -> NDArray[np.int64]:
        """Return simulated numbers of stages passed since the last purchase, below k."""
        left = rng.random(shape.shape) * _idle(self.k, shape, part)
        passed = np.zeros(shape.shape, dtype=np.int64)
        weight = np.ones(shape.shape)
        for stage in range(1, self.k):
            left = left - weight
            passed += left > 0
            weight = weight * (shape + stage - 1) * part / stage
        return passed


class _Ahead(NamedTuple):
    """Active customers at the end of observation; arrays that broadcast.

    Attributes:
        shape: Shape of the gamma posterior of the rate if no stage was passed since t_x.
        scale: Its inverse scale, alpha + T.
        since: Time since the last purchase.
        a: First parameter of the beta posterior of the dropout probability.
        b: Its second parameter.
        horizon: Time ahead.
    """

    shape: ArrayLike
    scale: ArrayLike
    since: ArrayLike
    a: ArrayLike
    b: ArrayLike
    horizon: ArrayLike


def _idle(k: int, shape: Array, part: Array) -> Array:
    """Return the sum of (shape)_j part^j / j! over j < k, by Horner's rule."""
    total = 1.0
    for stage in range(k - 1, 0, -1):
        total = 1 + (shape + (stage - 1)) * part / stage * total
    return total


def _log_volume(k: int, state: PurchaseState) -> NDArray[np.float64]:
    """Return the log of the volume that k x - 1 stages before t_x fill, over that of x - 1."""
    x = np.maximum(np.asarray(state.frequency, dtype=np.float64), 1)
    last = np.where(np.asarray(state.frequency) > 0, state.recency, 1.0)
    volume = (k - 1) * x * np.log(last) - special.gammaln(k * x) + special.gammaln(x)
    return np.where(np.asarray(state.frequency) > 0, volume, 0.0)


def _prob_arrivals(
    k: int, ahead: _Ahead, count: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the probability that ``count`` purchases arrive within the horizon, and of more.

    The stages since t_x are negative binomial, given that fewer than k of them were before T:
    of M stages, the number before T is binomial.
    """
    shape, scale, since, _, _, horizon = (np.asarray(part, dtype=np.float64) for part in ahead)
    tiny = np.finfo(float).tiny
    log_q = np.log(np.maximum(since + horizon, tiny) / (scale + horizon))
    early = since / np.maximum(since + horizon, tiny)
    log = -shape * np.log1p(horizon / scale) - np.log(_idle(k, shape, since / scale))
    shape_of_all = np.broadcast_shapes(np.shape(log), np.shape(count))
    equal, upto = np.zeros(shape_of_all), np.zeros(shape_of_all)
    for stage in range(k * (int(count.max(initial=0)) + 1)):
        if stage:
            log = log + np.log((shape + stage - 1) / stage) + log_q
        share = np.exp(log)
        if stage >= k:
            share = share * special.bdtr(k - 1.0, stage, early)
        bought = stage // k
        equal += np.where(bought == count, share, 0.0)
        upto += np.where(bought <= count, share, 0.0)
    return equal, np.asarray(np.maximum(1 - upto, 0.0))


def _mean_purchases(k: int, ahead: _Ahead) -> NDArray[np.float64]:
    """Return the mean purchases of active customers within the horizon.

    Let M be the number of stages between t_x and the end of the horizon. Given that fewer
    than k of them were before T, purchases happen at the k-th, 2k-th … stage until dropout.
    The mean is the sum over M of P(M) G(M // k), where G(n) is the sum of E[(1 - p)^i] over
    i < n. Customers are processed in chunks that fit in the processor's cache.
    """
    arrays = np.broadcast_arrays(*(np.asarray(part, dtype=np.float64) for part in ahead))
    flat = np.stack(arrays).reshape(len(ahead), -1)
    mean = np.empty(flat.shape[1])
    for start in range(0, len(mean), _CUSTOMERS):
        chunk = slice(start, start + _CUSTOMERS)
        mean[chunk] = _series(k, flat[:, chunk])
    return mean.reshape(arrays[0].shape)


def _series(k: int, ahead: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean purchases of a chunk, ahead of shape (6, n), block by block of M.

    A customer is finished when the remainder of the series, bounded by a geometric series,
    is negligible. The number of terms in a block does not depend on how many customers are
    left, so the sum of a customer is rounded in the same way in any batch.
    """
    shape, scale, since, _, _, horizon = ahead
    stages_ahead = shape * horizon / scale
    limit = (horizon / (scale + horizon)) ** k
    total, may_buy = np.zeros(len(shape)), np.zeros(len(shape))
    active, first, width = np.arange(len(shape)), 1, _NARROWEST
    while active.size:
        falls = np.empty(active.size)
        last = np.empty(active.size)
        step = max(1, _CELLS // (k * width))
        for start in range(0, active.size, step):
            part = slice(start, start + step)
            some = active[part]
            terms, may_buy[some] = _block(k, ahead[:, some], may_buy[some], first, width)
            total[some] += terms.sum(axis=1)
            last[part] = terms[:, -1]
            with np.errstate(all="ignore"):  # terms may be 0 long before the most likely M
                falls[part] = np.fmax(terms[:, -1] / terms[:, -2], limit[some])
        first, width = first + width, min(2 * width, _WIDEST)
        left = last * falls > _LEFT_OUT * total[active] * np.maximum(1 - falls, 0)
        active = active[left | (k * first < stages_ahead[active])]
    return np.asarray(total / _idle(k, shape, since / scale))


def _block(
    k: int, ahead: NDArray[np.float64], may_buy: NDArray[np.float64], first: int, width: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the terms of first, first + 1 … purchases, shape (n, width), and G at the last.

    P(M) is (s)_M / M! q^M (1 - q)^s times the sum of C(M, j) (since / horizon)^j over
    j < k, with q = horizon / (scale + horizon). Powers are split between the factors so
    that none overflows or underflows.
    """
    shape, scale, since, a, b, horizon = (part[:, None] for part in ahead)
    stages = np.arange(k * first, k * (first + width))
    with np.errstate(divide="ignore"):  # nothing happens within a horizon of 0
        log_q = np.log(horizon / (scale + horizon))
        start = special.xlogy(k - 1, (since + horizon) / (scale + horizon))
    start = start - special.betaln(shape, stages[0]) - np.log(stages[0])
    start = start - shape * np.log1p(horizon / scale)
    growth = np.log((shape + stages[:-1]) / stages[1:]).cumsum(axis=1)
    weight = np.exp(np.pad(growth, ((0, 0), (1, 0))) + start + (stages - k + 1) * log_q)
    weight *= _ways(k, stages, since / np.maximum(since + horizon, np.finfo(float).tiny))
    passed = b + np.arange(first - 1, first + width - 2)
    odds = np.exp(special.betaln(a, passed[:, :1]) - special.betaln(a, b))
    survived = odds * np.pad(
        (passed / (a + passed)).cumprod(axis=1), ((0, 0), (1, 0)), constant_values=1.0
    )
    purchases = may_buy[:, None] + survived.cumsum(axis=1)
    probability = weight.reshape(len(weight), width, k).sum(axis=2)
    return probability * purchases, purchases[:, -1]


def _ways(k: int, stages: NDArray[np.int64], early: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sum of C(M, j) early^j (1 - early)^(k - 1 - j) over j < k."""
    late = 1 - early
    ways = np.zeros((len(early), len(stages)))
    choices = np.ones(len(stages))
    for j in range(k):
        ways += choices * early**j * late ** (k - 1 - j)
        choices = choices * (stages - j) / (j + 1)
    return ways
