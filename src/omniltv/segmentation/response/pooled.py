"""The default response model: a logistic regression with deviations of each customer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pandas as pd

from omniltv._arrays import Codes, Flags, Matrix, Objects, Vector
from omniltv._columns import positions
from omniltv._options import Many, Seed, checked
from omniltv.errors import DataError, FitError
from omniltv.segmentation.response._design import SharedColumns
from omniltv.segmentation.response._personal import Directions, Personal, expected_logistic
from omniltv.segmentation.response.contacts import ContactHistory, ContactTable

__all__ = ["FittedPooledResponse", "PooledResponse"]

type SlopeGroups = Sequence[tuple[int, float]]

_CHANNEL_SD = 0.7
_WAVE_SD = 0.4
_PRIOR_SLOPES = 0.2  # slopes that the prior of a variance counts for
_PRIOR_CUSTOMERS = 5.0  # customers that the prior of the covariance counts for
_CYCLES = 60
_CLOSE = 2e-3
_LONGEST = 8.0  # steps of EM that are extrapolated to
_FINAL_STEPS = 4
_BLOCK = 50_000  # customers
_ROWS = 200_000  # contacts


@checked
@dataclass(frozen=True)
class PooledResponse:
    """Log odds of a response: what customers share, and normal deviations of each customer.

    Shared: the channel, the tier (overall and by channel), the hour (two harmonics, the first
    by channel), the weekday, recent contacts, and the log odds of the propensity. Each customer
    deviates by channel, and in the hour: the deviations are normal with mean 0 and a covariance
    that is estimated. A customer with little history therefore borrows from the own other
    channels, from the tier, and from the channel. Probabilities are posterior means.

    Contacts need not be made at random. Selection by anything in the model (tier, channel, hour,
    earlier contacts and earlier responses) is accounted for by the likelihood. Selection by
    other traits is accounted for by the propensity, which is a regressor if it is known.

    The shared part and the covariance are estimated by variational EM with normal priors.

    Attributes:
        learn_from: About how many contacts the shared part is learned from: those of customers
            chosen at random, if there are more. All customers get their own deviations.
        seed: Seed for choosing the customers.
        name: Name in errors and tables.

    Examples:
        >>> from omniltv.segmentation.response import fit_response
        >>> frame = pd.DataFrame({
        ...     "customer_id": ["ann"] * 6 + ["ben"] * 6, "channel": "ec",
        ...     "time": pd.date_range("2026-01-05 20:00", periods=12, freq="D"),
        ...     "responded": [True] * 5 + [False] * 7})
        >>> found = fit_response(frame, model=PooledResponse())
        >>> asked = pd.DataFrame({
        ...     "customer_id": ["ann", "ben"], "channel": "ec", "hour": 20, "weekday": 0})
        >>> chance = found.predict(asked)["p_response"]
        >>> bool(chance[0] > chance[1])
        True
    """

    learn_from: Many = 100_000
    seed: Seed = 0
    name: str = "partial pooling"

    def fit(self, history: ContactHistory) -> "FittedPooledResponse":
        """Return the fitted model.

        Args:
            history: Contacts and whether each got a response.
        """
        contacts = history.contacts
        design = SharedColumns.of(contacts)
        code, ids = pd.factorize(contacts.customer_id)
        chosen = _some(len(ids), self.learn_from / len(code), self.seed)
        mine = np.flatnonzero(chosen[code])
        renumbered = np.cumsum(chosen)[code[mine]] - 1
        part = _Part.of(design, contacts.take(mine), renumbered, history.responded[mine])
        slopes, covariance = _population(part, design.groups, int(chosen.sum()))
        own = _everybody(design, slopes, covariance, history, code, len(ids))
        return FittedPooledResponse(design, slopes, covariance, np.asarray(ids, object), own)


@checked
@dataclass(frozen=True, eq=False)
class FittedPooledResponse:
    """A fitted `PooledResponse`.

    Attributes:
        design: The shared columns.
        slopes: Slope of each, of shape (n_columns,).
        covariance: Covariance of the deviations of customers: by channel, then the cosine and
            the sine of the hour; of shape (q, q).
        customer_id: The customers of the history.
        personal: Posteriors of their deviations.

    Examples:
        >>> from omniltv.segmentation.response import fit_response
        >>> frame = pd.DataFrame({"customer_id": ["ann", "ben"], "channel": "ec",
        ...     "time": pd.to_datetime("2026-01-05 20:00"), "responded": [True, False]})
        >>> fit_response(frame).fitted.covariance.shape
        (3, 3)
    """

    design: SharedColumns
    slopes: Vector
    covariance: Matrix
    customer_id: Objects
    personal: Personal

    def probability(self, contacts: ContactTable) -> Vector:
        """Return the probability of a response to each contact, of shape (n_contacts,).

        Args:
            contacts: Planned contacts.

        Raises:
            DataError: If the history has no contact on a channel.
        """
        channel = positions(contacts.channel.astype(object), self.design.channels.astype(object))
        _refuse(contacts, channel)
        starts = range(0, len(contacts), _ROWS)
        parts = [slice(first, first + _ROWS) for first in starts]
        everything = np.arange(len(contacts))
        found = [self._part(contacts.take(everything[part]), channel[part]) for part in parts]
        return np.concatenate([np.empty(0), *found])

    def _part(self, contacts: ContactTable, channel: Codes) -> Vector:
        place = positions(contacts.customer_id, self.customer_id)
        known = place >= 0
        rows = Directions.of(
            np.where(known, place, 0), channel, contacts.hour, len(self.design.channels)
        )
        mean, variance = self.personal.moments(rows)
        stranger = Personal.prior(1, self.covariance)
        prior = stranger.moments(Directions(0 * place, channel, rows.waves, rows.channels))[1]
        shared = self.design.matrix(contacts, channel) @ self.slopes
        log_odds = shared + np.where(known, mean, 0.0)
        return expected_logistic(log_odds, np.where(known, variance, prior))[0]


def _refuse(contacts: ContactTable, channel: Codes) -> None:
    if (channel < 0).any():
        bad = list(contacts.customer_id[channel < 0])
        hint = "add contacts on the channel to the history"
        raise DataError("channels without contacts", column="channel", rows=bad, hint=hint)


@dataclass(frozen=True, eq=False)
class _Part:
    """Contacts of some customers as the arrays of the regression."""

    rows: Directions
    matrix: Matrix
    responded: Vector

    @classmethod
    def of(
        cls, design: SharedColumns, contacts: ContactTable, customer: Codes, responded: Flags
    ) -> "_Part":
        channel = positions(contacts.channel.astype(object), design.channels.astype(object))
        rows = Directions.of(customer, channel, contacts.hour, len(design.channels))
        return cls(rows, design.matrix(contacts, channel), responded.astype(np.float64))


def _some(total: int, share: float, seed: int) -> Flags:
    """Return which customers are learned from, of shape (n_customers,)."""
    chosen = np.random.default_rng(seed).random(total) < share
    chosen[0] = True
    return chosen


@dataclass(frozen=True, eq=False)
class _Estimate:
    """What one step of EM returns: slopes, their prior variances, deviations, covariance."""

    slopes: Vector
    variance: Vector
    personal: Personal
    covariance: Matrix

    @classmethod
    def start(cls, channels: int, groups: SlopeGroups, customers: int) -> "_Estimate":
        covariance = _prior_covariance(channels + 2)
        variance = np.concatenate([np.full(size, sd**2) for size, sd in groups])
        personal = Personal.prior(customers, covariance)
        return cls(np.zeros(len(variance)), variance, personal, covariance)

    def step(self, part: _Part, groups: SlopeGroups) -> "_Estimate":
        shared, precision = part.matrix @ self.slopes, np.linalg.inv(self.covariance)
        personal = self.personal.step(part.rows, shared, part.responded, precision)
        move, error = _newton(part, personal, self.slopes, 1 / self.variance)
        slopes = self.slopes + move
        variance = _variances(slopes**2 + error, groups)
        return _Estimate(slopes, variance, personal, _spread(personal))


def _population(part: _Part, groups: SlopeGroups, customers: int) -> tuple[Vector, Matrix]:
    """Return slopes and the covariance of deviations, by variational EM.

    After every two steps, the logarithm of the covariance is extrapolated (Varadhan and Roland
    2008, Simple and Globally Convergent Methods for Accelerating the Convergence of Any EM
    Algorithm, Scandinavian Journal of Statistics 35).
    """
    now = _Estimate.start(part.rows.channels, groups, customers)
    for _ in range(_CYCLES):
        one = now.step(part, groups)
        two = one.step(part, groups)
        jump = _extrapolated(now.covariance, one.covariance, two.covariance)
        moved = max(np.abs(two.slopes - now.slopes).max(), np.abs(jump - now.covariance).max())
        now = replace(two, covariance=jump)
        if moved < _CLOSE:
            break
    if not np.isfinite(now.slopes).all():
        raise FitError("the response model did not converge. Hint: check the history for constants")
    return now.slopes, now.covariance


def _extrapolated(zero: Matrix, one: Matrix, two: Matrix) -> Matrix:
    """Return the covariance to which three iterates of EM lead."""
    logs = [_of_eigenvalues(covariance, np.log) for covariance in (zero, one, two)]
    first, second = logs[1] - logs[0], logs[2] - logs[1]
    turn = np.linalg.norm(second - first)
    length = np.clip(np.linalg.norm(first) / max(float(turn), 1e-12), 1.0, _LONGEST)
    log = logs[0] + 2 * length * first + length**2 * (second - first)
    return _of_eigenvalues(log, np.exp)


def _of_eigenvalues(matrix: Matrix, function: Callable[[Vector], Vector]) -> Matrix:
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray((vectors * function(values)) @ vectors.T, dtype=np.float64)


def _newton(
    part: _Part, personal: Personal, slopes: Vector, ridge: Vector
) -> tuple[Vector, Vector]:
    """Return the step of Newton's method for the slopes, and their posterior variances."""
    mean, variance = personal.moments(part.rows)
    chance, weight = expected_logistic(part.matrix @ slopes + mean, variance)
    gradient = part.matrix.T @ (part.responded - chance) - ridge * slopes
    hessian = (part.matrix * weight[:, None]).T @ part.matrix + np.diag(ridge)
    inverse = np.linalg.inv(hessian)
    return np.asarray(inverse @ gradient, dtype=np.float64), np.diag(inverse)


def _variances(squares: Vector, groups: SlopeGroups) -> Vector:
    """Return the variance of the slopes of each column: that of its group, but for channels."""
    found, first = [], 0
    for size, sd in groups:
        total = squares[first : first + size].sum() + _PRIOR_SLOPES * sd**2
        fixed = first == 0
        found.append(np.full(size, sd**2 if fixed else total / (size + _PRIOR_SLOPES)))
        first += size
    return np.concatenate(found)


def _spread(personal: Personal) -> Matrix:
    """Return the covariance of deviations: its mode under a weak inverse Wishart prior."""
    n, q = personal.mean.shape
    total = personal.mean.T @ personal.mean + personal.covariance.sum(axis=0)
    total = total + _PRIOR_CUSTOMERS * _prior_covariance(q)
    return np.asarray(total / (n + _PRIOR_CUSTOMERS), dtype=np.float64)


def _prior_covariance(q: int) -> Matrix:
    """Return the covariance of deviations by channel, and in the two waves of the hour."""
    return np.diag(np.r_[np.full(q - 2, _CHANNEL_SD), np.full(2, _WAVE_SD)] ** 2)


def _everybody(
    design: SharedColumns,
    slopes: Vector,
    covariance: Matrix,
    history: ContactHistory,
    code: Codes,
    n: int,
) -> Personal:
    """Return the deviations of all customers, in blocks."""
    order = np.argsort(code, kind="stable")
    starts = np.searchsorted(code[order], np.arange(0, n + _BLOCK, _BLOCK))
    precision = np.linalg.inv(covariance)
    means, spreads = [], []
    for block, (first, end) in enumerate(pairwise(starts.tolist())):
        mine = order[first:end]
        own = code[mine] - block * _BLOCK
        size = min(_BLOCK, n - block * _BLOCK)
        part = _Part.of(design, history.contacts.take(mine), own, history.responded[mine])
        personal = Personal.prior(size, covariance)
        for _ in range(_FINAL_STEPS):
            shared = part.matrix @ slopes
            personal = personal.step(part.rows, shared, part.responded, precision)
        means.append(personal.mean)
        spreads.append(personal.covariance)
    return Personal(np.concatenate(means), np.concatenate(spreads))
