"""What another way of choosing treatments would have brought, from the log of the one in use."""

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtri

from omniltv._columns import labels, numbers, require
from omniltv._frames import Eager, IntoTable, collect
from omniltv._options import Level, checked
from omniltv.errors import DataError

__all__ = ["PolicyValue", "policy_value", "value_of_scores"]

_LOG = "the log"
_POLICY = "the policy"
_CLOSE = 1e-6


@checked
@dataclass(frozen=True)
class PolicyValue:
    """Mean outcome per customer if a policy had chosen; created by `policy_value`.

    Attributes:
        estimate: Mean outcome.
        standard_error: Its standard error.
        low: Lower end of the interval.
        high: Upper end.
        effective: Effective number of outcomes: few if the policy seldom chooses as the log did.

    Examples:
        >>> PolicyValue(10.0, 1.0, 8.04, 11.96, 80.0).estimate
        10.0
    """

    estimate: float
    standard_error: float
    low: float
    high: float
    effective: float


@checked
def policy_value(
    log: IntoTable, policy: IntoTable, *, by: tuple[str, ...] = ("tier",), level: Level = 0.95
) -> PolicyValue:
    """Return the mean outcome that a policy would have had, without having been used.

    The estimator is doubly robust (Dudík, Langford and Li 2011, ICML, eq. 3): the mean outcome
    of each cell and treatment in earlier rounds, corrected by the weighted outcomes of this
    round. Only earlier rounds are used, because the shares of a bandit depend on what was seen
    before; the errors of a round are then uncorrelated with those before it.

    Args:
        log: One row per customer and round: the columns ``by``, ``treatment``, ``value``,
            ``propensity`` (the probability with which the treatment was drawn) and ``round``
            (a number). Rows without a value are left out.
        policy: The columns ``by``, ``treatment`` and ``share``, such as a `TreatmentShares`.
            Shares add up to 1 in each cell; treatments that are absent have none.
        by: Columns whose combinations are the cells.
        level: Level of the interval.

    Raises:
        DataError: If a column is absent, a propensity is not in (0, 1], a cell of the log has
            no policy, shares do not add up to 1, or the policy gives a treatment that the log
            never tried in that cell.

    Examples:
        >>> log = pd.DataFrame({"tier": "high", "treatment": ["none", "mail"] * 50, "round": 1,
        ...                     "value": [10.0, 14.0] * 50, "propensity": 0.5})
        >>> always = pd.DataFrame({"tier": ["high"], "treatment": ["mail"], "share": [1.0]})
        >>> round(policy_value(log, always).estimate, 2)
        14.0
    """
    read = _read_log(collect(log, _LOG), by)
    chosen = _shares(collect(policy, _POLICY), by, read)
    own = chosen[np.arange(len(read.value)), read.treatment]
    weight = own / read.propensity
    model = _earlier_means(read, chosen.shape[1])
    expected = (chosen * model).sum(axis=1)
    residual = read.value - model[np.arange(len(model)), read.treatment]
    score = expected + weight * residual
    return value_of_scores(score, weight, level)


def value_of_scores(
    score: NDArray[np.float64], weight: NDArray[np.float64], level: float
) -> PolicyValue:
    """Return the mean of scores with its interval.

    Args:
        score: Doubly robust score of each row, of shape (n,).
        weight: Probability of the treatment under the policy over that in the log, same shape.
        level: Level of the interval.

    Examples:
        >>> value_of_scores(np.array([1.0, 3.0]), np.ones(2), 0.95).estimate
        2.0
    """
    mean = float(score.mean())
    error = float(score.std(ddof=1) / np.sqrt(len(score))) if len(score) > 1 else np.inf
    half = float(-ndtri((1.0 - level) / 2.0)) * error
    effective = float(weight.sum() ** 2 / max((weight**2).sum(), 1e-300))
    return PolicyValue(mean, error, mean - half, mean + half, effective)


@dataclass(frozen=True, eq=False)
class _Log:
    """Rows with an outcome.

    Attributes:
        names: Treatments.
        keys: Cells, as an index.
        cell: Cell of each row.
        treatment: Treatment of each row.
        value: Outcomes.
        propensity: Probability of the treatment.
        round: Round of each row, as 0, 1, ...
    """

    names: list[str]
    keys: "pd.Index[Any]"
    cell: NDArray[np.intp]
    treatment: NDArray[np.intp]
    value: NDArray[np.float64]
    propensity: NDArray[np.float64]
    round: NDArray[np.intp]


def _read_log(table: Eager, by: tuple[str, ...]) -> _Log:
    require(table.columns, [*by, "treatment", "value", "propensity", "round"], _LOG)
    row = np.arange(len(table)).astype(object)
    value = numbers(table, "value", _LOG, ids=row, allow_missing=True)
    done = ~np.isnan(value)
    if not done.any():
        raise DataError("no outcome", column="value", hint="wait until windows are complete")
    propensity = numbers(table, "propensity", _LOG, ids=row)
    bad = (propensity <= 0) | (propensity > 1)
    if bad.any():
        raise DataError("not in (0, 1]", column="propensity", rows=list(row[bad]))
    cells = pd.MultiIndex.from_arrays([labels(table, name, _LOG, ids=row)[done] for name in by])
    cell, keys = cells.factorize(sort=True)
    treatment, names = pd.factorize(labels(table, "treatment", _LOG, ids=row)[done], sort=True)
    turn = np.unique(numbers(table, "round", _LOG, ids=row)[done], return_inverse=True)[1]
    return _Log(
        [str(name) for name in names],
        cast("Any", keys),
        cell,
        treatment,
        value[done],
        propensity[done],
        turn,
    )


def _shares(table: Eager, by: tuple[str, ...], log: _Log) -> NDArray[np.float64]:
    """Return the policy's share of each treatment for each row, of shape (n, n_treatments)."""
    row = np.arange(len(table)).astype(object)
    keys = pd.MultiIndex.from_arrays([labels(table, name, _POLICY, ids=row) for name in by])
    cell = log.keys.get_indexer(keys)
    share = numbers(table, "share", _POLICY, ids=row)
    if (share < 0).any():
        raise DataError("negative shares", column="share", rows=list(row[share < 0]))
    names = labels(table, "treatment", _POLICY, ids=row)
    place = pd.Index(log.names).get_indexer(pd.Index(names))
    tried = np.zeros((len(log.keys), len(log.names)), dtype=np.bool_)
    tried[log.cell, log.treatment] = True
    inside = cell >= 0
    never = inside & (share > 0) & ((place < 0) | ~tried[cell, place])
    if never.any():
        hint = "its outcome there is unknown; leave it out of the policy"
        raise DataError("never tried in the cell", column="treatment", rows=list(row[never]),
                        hint=hint)  # fmt: skip
    chosen = np.zeros(tried.shape)
    np.add.at(chosen, (cell[inside & (place >= 0)], place[inside & (place >= 0)]),
              share[inside & (place >= 0)])  # fmt: skip
    wrong = np.abs(chosen.sum(axis=1) - 1.0) > _CLOSE
    if wrong.any():
        which = [" / ".join(map(str, key)) for key in log.keys[wrong]]
        raise DataError("shares that do not add up to 1", column="share", rows=which)
    return chosen[log.cell]


def _earlier_means(log: _Log, n: int) -> NDArray[np.float64]:
    """Return, for each row, the mean of its cell under each treatment in earlier rounds.

    A cell and treatment without earlier outcomes has the mean of all earlier outcomes; the
    first round has 0.
    """
    n_rounds, n_cells = int(log.round.max()) + 1, len(log.keys)
    flat = (log.round * n_cells + log.cell) * n + log.treatment
    size = n_rounds * n_cells * n
    count, total = (
        np.bincount(flat, weights=weights, minlength=size).reshape(n_rounds, n_cells, n)
        for weights in (np.ones(len(flat)), log.value)
    )
    before = [np.cumsum(own, axis=0) - own for own in (count, total)]
    with np.errstate(invalid="ignore", divide="ignore"):
        every = before[1].sum(axis=(1, 2)) / before[0].sum(axis=(1, 2))
        mean = before[1] / before[0]
    mean = np.where(before[0] > 0, mean, np.nan_to_num(every)[:, None, None])
    return np.asarray(mean[log.round, log.cell])
