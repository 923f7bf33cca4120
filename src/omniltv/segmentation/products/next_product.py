"""Probabilities of the next product, from counts that are pooled over customers."""

from dataclasses import dataclass
from datetime import date

import narwhals as nw
import numpy as np
from narwhals.typing import IntoFrame, IntoFrameT
from numpy.typing import NDArray
from scipy import special

from omniltv._arrays import Codes, Floats, Matrix, Objects, Vector
from omniltv._columns import labels, positions, read_ids, require
from omniltv._frames import Eager, collect, read_frame, with_column
from omniltv._log import logged
from omniltv._options import Few, checked
from omniltv.errors import DataError
from omniltv.segmentation.products._tables import FEATURES, PooledCounts
from omniltv.segmentation.products._visits import Visits, before, blocks

__all__ = ["NextProduct", "fit_next_product"]

_WHAT = "the table of lines"
_MOST = 2_000  # products
_LEARN = 50_000  # visits
_RIDGE = 2.0
_ITERATIONS = 25
_CLOSE = 1e-6


@checked
@dataclass(frozen=True, eq=False)
class NextProduct:
    """Probabilities of the products of the next purchase; created by `fit_next_product`.

    Attributes:
        products: The products, sorted.
        weights: Weight of each part of the score: popularity, season, the customer's own
            purchases, the products of the last visit, and the days since a product was bought.

    Examples:
        >>> import pandas as pd
        >>> lines = pd.DataFrame({
        ...     "customer_id": ["ann", "ann", "ben"], "category": ["tea", "tea", "cup"],
        ...     "time": pd.to_datetime(["2026-01-05", "2026-02-05", "2026-02-07"])})
        >>> fit_next_product(lines).products.tolist()
        ['cup', 'tea']
    """

    products: NDArray[np.str_]
    weights: dict[str, float]
    _counts: PooledCounts
    _visits: Visits

    def predict(self, customers: IntoFrameT, *, on: date, top: Few = 3) -> IntoFrameT:
        """Return the most probable products of the next purchase of each customer.

        Purchases before the day are used. Customers without purchases get the popularity of the
        season. Ties go to the product that is first in the alphabet.

        Args:
            customers: One row per customer, with ``customer_id``.
            on: The day.
            top: Number of products.

        Returns:
            ``top`` rows per customer: the columns of ``customers``, ``rank`` (from 1),
            ``product`` and ``probability`` that a line of the next purchase is this product.

        Raises:
            DataError: If ids are missing.

        Examples:
            >>> import pandas as pd
            >>> lines = pd.DataFrame({
            ...     "customer_id": ["ann"] * 4 + ["ben"] * 4, "category": ["tea"] * 4 + ["cup"] * 4,
            ...     "time": pd.to_datetime(["2026-01-05", "2026-03-05"] * 4)})
            >>> people = pd.DataFrame({"customer_id": ["ann", "ben"]})
            >>> found = fit_next_product(lines).predict(people, on=date(2026, 5, 5), top=1)
            >>> found["product"].tolist()
            ['tea', 'cup']
        """
        rows, kind = read_frame(customers, "the table of customers")
        ids = read_ids(rows, "customer_id", "the table of customers")
        taken = {"rank", "product", "probability"} & set(rows.columns)
        if taken:
            hint = "drop or rename it"
            raise DataError("the column is a result", column=min(taken), hint=hint)
        count = min(top, len(self.products))
        best, chance = self._best(positions(ids, self._visits.ids), _number(on), count)
        rows = rows[np.repeat(np.arange(len(ids)), count), :]
        rows = with_column(rows, "rank", np.tile(np.arange(1, count + 1), len(ids)), nw.Int64)
        rows = with_column(rows, "product", self.products[best.ravel()], nw.String)
        return kind.native(with_column(rows, "probability", chance.ravel(), nw.Float64))

    def _best(self, places: Codes, day: int, count: int) -> tuple[Codes, Matrix]:
        """Return the most probable products and their probabilities, (n_customers, count)."""
        own, back = np.unique(places, return_inverse=True)
        visits, asked = self._visits.asked(own, day)
        best, chance = np.empty((len(own), count), np.int64), np.empty((len(own), count))
        weights = np.array(list(self.weights.values()))
        for rows in blocks(visits):
            part, last = visits.take(rows), np.flatnonzero(np.isin(rows, asked))
            features = self._counts.features(before(part).take(last), part.day[last])
            found = special.softmax(features @ weights, axis=1)
            at = np.searchsorted(own, part.customer[last])
            best[at] = np.argsort(-found, axis=1, kind="stable")[:, :count]
            chance[at] = np.take_along_axis(found, best[at], axis=1)
        return best[back], chance[back]


@logged("next products learned")
@checked
def fit_next_product(lines: IntoFrame, *, product: str = "category") -> NextProduct:
    """Return a model of the next product, fitted to order lines.

    The score of a product is a weighted sum of logarithms: its share, its season, the customer's
    own purchases, what follows the products of the last visit, and the days since the customer
    bought it. Each is a ratio of counts over all customers, shrunk to what is pooled. The weights
    are fitted by maximum likelihood (conditional logit) on half of the customers, with counts of
    the other half, so that the probabilities are calibrated. Lines of a day are one visit.

    Args:
        lines: One row per order line: ``customer_id``, ``time``, and the product.
        product: Column of the product: a category, or an item; at most 2,000 different ones.

    Raises:
        DataError: If a column is absent or has missing values, or there are too many products.

    Examples:
        >>> import pandas as pd
        >>> lines = pd.DataFrame({
        ...     "customer_id": ["ann"] * 4 + ["ben"] * 4, "item": ["tea", "cup"] * 4,
        ...     "time": pd.to_datetime(["2026-01-05", "2026-03-05"] * 4)})
        >>> sorted(fit_next_product(lines, product="item").weights)
        ['days since bought', 'last visit', 'own purchases', 'popularity', 'season']
    """
    rows = collect(lines, _WHAT)
    require(rows.columns, ("customer_id", "time", product), _WHAT)
    ids = read_ids(rows, "customer_id", _WHAT)
    if not len(ids):
        raise DataError(f"{_WHAT} has no rows", hint="one row per order line")
    names, code = np.unique(labels(rows, product, _WHAT, ids=ids), return_inverse=True)
    if len(names) > _MOST:
        hint = "use a category of the items"
        problem = f"{len(names):,} products are more than {_MOST:,}"
        raise DataError(problem, column=product, hint=hint)
    visits = Visits.of(ids, _days(rows, ids), code.astype(np.int64), len(names))
    weights: dict[str, float] = dict(zip(FEATURES, _weights(visits).tolist(), strict=True))
    return NextProduct(names, weights, PooledCounts.of(visits), visits)


def _days(rows: Eager, ids: Objects) -> Codes:
    """Return the local day of each line, as days since 1970."""
    column = rows["time"]
    if not isinstance(column.dtype, (nw.Date, nw.Datetime)):
        raise DataError("not a column of times", column="time", hint="pandas.to_datetime(...)")
    missing = np.flatnonzero(np.array(column.is_null().to_list(), dtype=bool))
    if len(missing):
        raise DataError("missing times", column="time", rows=list(ids[missing]))
    written = column.dt.to_string("%Y-%m-%d").to_numpy().astype(str)
    texts, code = np.unique(written, return_inverse=True)
    return texts.astype("datetime64[D]").astype(np.int64)[code]


def _number(on: date) -> int:
    return int(np.datetime64(on, "D").astype(np.int64))


def _weights(visits: Visits) -> Vector:
    """Return the weights of the parts, from half of the customers with counts of the others."""
    half = np.random.default_rng(0).random(len(visits.ids)) < 0.5
    other = np.flatnonzero(~half[visits.customer])
    mine = np.flatnonzero(half[visits.customer])
    if not len(mine) or not len(other):
        return np.ones(len(FEATURES))
    counts = PooledCounts.of(visits.take(other))
    share = min(1.0, _LEARN / len(mine))
    some = np.random.default_rng(1).random(len(visits.ids)) < share
    learn = visits.take(mine[some[visits.customer[mine]]])
    blocked = [learn.take(rows) for rows in blocks(learn)]
    parts = [
        (counts.features(before(part), part.day), np.asarray(part.bought.todense()))
        for part in blocked
    ]
    return _conditional_logit(parts)


type _LearnedVisits = list[tuple[Floats, Matrix]]


def _conditional_logit(parts: _LearnedVisits) -> Vector:
    """Return weights of the largest likelihood, with a weak ridge towards popularity alone."""
    prior = np.r_[1.0, np.zeros(len(FEATURES) - 1)]
    weights = prior
    for _ in range(_ITERATIONS):
        gradient = -_RIDGE * (weights - prior)
        hessian = _RIDGE * np.eye(len(prior))
        for features, bought in parts:
            chance = special.softmax(features @ weights, axis=1)
            lines = bought.sum(axis=1)
            mean = np.einsum("vk,vkf->vf", chance, features)
            gradient += np.einsum("vk,vkf->f", bought, features) - lines @ mean
            weighted = features * (chance * lines[:, None])[:, :, None]
            hessian += np.einsum("vkf,vkg->fg", weighted, features)
            hessian -= (mean * lines[:, None]).T @ mean
        move = np.linalg.solve(hessian, gradient)
        weights = weights + move
        if np.abs(move).max() < _CLOSE:
            break
    return np.asarray(weights, dtype=np.float64)
