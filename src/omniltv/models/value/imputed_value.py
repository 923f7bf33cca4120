"""Lifetime value over imputed crosswalks: intervals include identity uncertainty.

Each imputed crosswalk has its own history, fits and `LifetimeValue`. If every imputation has the
same number of posterior draws, the draws of all imputations together are draws of the posterior
with unknown identities. This is multiple imputation (Rubin 1987, Multiple Imputation for
Nonresponse in Surveys) with mixed draws instead of added variances (Zhou and Reiter 2010, A Note
on Bayesian Inference After Multiple Imputation, The American Statistician 64(2), 159-163). The
crosswalks are drawn from the records alone: purchases are not used as evidence of identity.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter

import numpy as np
from narwhals.typing import IntoFrame
from numpy.typing import NDArray

from omniltv._arrays import Places
from omniltv._columns import first_rows, positions, read_ids, repeated
from omniltv._frames import collect
from omniltv._options import Level, checked
from omniltv.draws import RowDraws, Totals
from omniltv.errors import ConfigError, DataError
from omniltv.models.posterior.fits import ProbAlive
from omniltv.models.value.lifetime_value import LifetimeValue, ValuePerRow

__all__ = ["ImputedValue", "imputed_value"]

_NOBODY = -1


@checked
@dataclass(frozen=True, eq=False, repr=False)
class ImputedValue(ValuePerRow[RowDraws]):
    """The lifetime value of customers with uncertain identity; made by `imputed_value`.

    A row is a customer of one crosswalk. In each imputation, its value is that of the person to
    whom the customer's records belong. Two rows may be the same person in some imputations, so
    rows cannot be summed. Use `total` for totals.

    Attributes:
        imputations: The value under each imputed crosswalk.

    Examples:
        >>> import pandas as pd
        >>> from omniltv.data import PurchaseHistory
        >>> from omniltv.models import BgNbd, GammaGamma, fit, lifetime_value
        >>> from omniltv.units import Discount, weeks
        >>> history = PurchaseHistory(
        ...     ["a", "b"], [7, 4], [50.0, 41.0], [52.0, 45.0], [20.0, 20.0], "week")
        >>> fits = [fit(model, history, seed=1, method="map") for model in (BgNbd(), GammaGamma())]
        >>> terms = {"horizon": weeks(52), "discount": Discount(per_year=0.1), "seed": 1}
        >>> value = lifetime_value(*fits, history, **terms)
        >>> crosswalk = pd.DataFrame({
        ...     "source": ["ec", "store"], "record_id": ["E1", "S1"], "customer_id": ["a", "b"]})
        >>> certain = imputed_value([value, value], [crosswalk, crosswalk], of=crosswalk)
        >>> certain.identity_share().tolist()  # both crosswalks agree
        [0.0, 0.0]
    """

    imputations: tuple[LifetimeValue, ...] = field(kw_only=True)

    def __repr__(self) -> str:
        size = f"{len(self.imputations)} imputations, {self.draws.n_draws:,} draws"
        return f"ImputedValue({len(self):,} rows, {self.horizon}, {size})"

    def n_customers(self) -> NDArray[np.int64]:
        """Number of customers with a purchase in each imputation, of shape (n_imputations,)."""
        counts = [len(first_rows(value.customer_id)[1]) for value in self.imputations]
        return np.array(counts, dtype=np.int64)

    def total(self, by: str | None = None) -> Totals:
        """Return the expected margin of all customers, with the draws of all imputations.

        Args:
            by: Name of a group column of the histories, or None for one total.

        Returns:
            Totals. A group that is missing in an imputation counts as 0 there; sizes are means
            over imputations.

        Raises:
            DataError: If there is no such group column.
        """
        return _side_by_side([value.total(by) for value in self.imputations])

    def predictive_total(self, by: str | None = None) -> Totals:
        """Return the actual margin of all customers; see `total`.

        Raises:
            DataError: If there is no such group column.
        """
        return _side_by_side([value.predictive_total(by) for value in self.imputations])

    def identity_share(self) -> NDArray[np.float64]:
        """Return the share of the variance of `draws` between imputations, of shape (n_rows,).

        Near 0, identity hardly affects the customer's expected value. Near 1, it is the main
        source of uncertainty.
        """
        shares = [_share_between(block, len(self.imputations)) for _, block in self.draws.blocks()]
        return np.concatenate([*shares, np.empty(0)])[self.draws.index]

    def columns(self, level: Level = 0.9) -> Mapping[str, NDArray[np.generic]]:
        """Return the columns of `to_frame` by name, including ``identity_share``."""
        return {**super().columns(level), "identity_share": self.identity_share()}


@checked
def imputed_value(
    values: Sequence[LifetimeValue], crosswalks: Sequence[IntoFrame], *, of: IntoFrame
) -> ImputedValue:
    """Return lifetime value with identity uncertainty.

    Args:
        values: The lifetime value under each imputed crosswalk, from its own history. To include
            the identity uncertainty of population parameters, use fits of this history. All
            values need the same number of draws and the same horizon.
        crosswalks: The crosswalks, in the same order: ``source``, ``record_id`` and
            ``customer_id``, for example from `Resolution.draws`.
        of: The crosswalk whose customers are the rows, such as `Resolution.crosswalk`. In each
            imputation, a customer is identified with the person who has most of its records
            (the person of the earlier record if there is a tie), among persons with purchases;
            the value is 0 if there is none. To get the value of the person of each record, use a
            crosswalk with a separate ``customer_id`` for each record.

    Raises:
        ConfigError: If there are no values, not as many as crosswalks, or they differ in
            draws or horizon.
        DataError: If a column is missing, a record is repeated in a crosswalk or missing in one
            of them, or a customer of a value is not in its crosswalk.

    Examples:
        >>> import pandas as pd
        >>> from omniltv.data import PurchaseHistory
        >>> from omniltv.models import BgNbd, GammaGamma, fit, lifetime_value
        >>> from omniltv.units import Discount, weeks
        >>> keys = {"source": ["ec", "store"], "record_id": ["E1", "S1"]}
        >>> drawn = [pd.DataFrame(keys | {"customer_id": ids}) for ids in (["a", "a"], ["a", "b"])]
        >>> def value_of(ids, x, t, T, money):
        ...     history = PurchaseHistory(ids, x, t, T, money, "week")
        ...     fits = [fit(m, history, seed=1, method="map") for m in (BgNbd(), GammaGamma())]
        ...     return lifetime_value(*fits, history, horizon=weeks(52),
        ...         discount=Discount(per_year=0.1), seed=1)
        >>> one = value_of(["a"], [12], [50.0], [52.0], [20.0])
        >>> two = value_of(["a", "b"], [7, 4], [50.0, 41.0], [52.0, 45.0], [20.0, 20.0])
        >>> imputed = imputed_value([one, two], drawn, of=drawn[0])
        >>> imputed
        ImputedValue(1 rows, 52 weeks, 2 imputations, 2 draws)
        >>> imputed.n_customers().tolist()
        [1, 2]
    """
    _check(values, crosswalks)
    rows, customer = _customers(of, "of")
    unit, first = first_rows(customer)
    row_of = np.searchsorted(first, unit)
    people = [value.per_customer() for value in values]
    places = np.stack(
        [
            _places(row_of, _where(rows, crosswalk, person.customer_id, k), len(first))
            for k, (crosswalk, person) in enumerate(zip(crosswalks, people, strict=True))
        ]
    )
    bought = (places != _NOBODY).any(axis=0)
    places = places[:, bought]
    names = ("draws", "predictive", "expected_purchases")
    draws = {
        name: _mixed(RowDraws, [attrgetter(name)(p) for p in people], places) for name in names
    }
    return ImputedValue(
        customer_id=customer[first[bought]],
        groups={},
        horizon=values[0].horizon,
        prob_alive=_mixed(ProbAlive, [p.prob_alive for p in people], places),
        imputations=tuple(values),
        **draws,
    )


def _check(values: Sequence[LifetimeValue], crosswalks: Sequence[IntoFrame]) -> None:
    if not len(values) or len(values) != len(crosswalks):
        message = f"{len(values)} values for {len(crosswalks)} crosswalks"
        hint = "imputed_value([value_of(c) for c in drawn], drawn, of=found.crosswalk)"
        raise ConfigError(f"{message}. Hint: {hint}")
    kinds = {(str(value.horizon), value.draws.n_draws) for value in values}
    if len(kinds) > 1:
        found = ", ".join(f"{horizon} by {draws:,} draws" for horizon, draws in sorted(kinds))
        message = f"values of different horizons or numbers of draws: {found}"
        raise ConfigError(f"{message}. Hint: make all of them in the same way")


def _customers(crosswalk: IntoFrame, what: str) -> tuple[NDArray[np.object_], NDArray[np.object_]]:
    """Return the records of a crosswalk as texts, and their customers."""
    table = collect(crosswalk, what)
    source, record, customer = (
        read_ids(table, name, what) for name in ("source", "record_id", "customer_id")
    )
    keys = np.array([f"{a}/{b}" for a, b in zip(source, record, strict=True)], dtype=object)
    twice = repeated(keys)
    if twice:
        problem = f"a record is repeated in {what}"
        raise DataError(problem, column="record_id", rows=twice, hint="keep one row per record")
    return keys, customer


def _where(
    rows: NDArray[np.object_], crosswalk: IntoFrame, customers: NDArray[np.object_], number: int
) -> Places:
    """Return the position of each record's customer among those of a value, -1 if there is none."""
    what = f"crosswalk {number}"
    records, customer = _customers(crosswalk, what)
    strangers = customers[positions(customers, np.unique(customer)) < 0]
    if len(strangers):
        hint = "attach the transactions with the same crosswalk"
        problem = f"customers of value {number} that are not in {what}"
        raise DataError(problem, column="customer_id", rows=strangers.tolist(), hint=hint)
    place = positions(rows, records)
    if (place < 0).any():
        missing = rows[place < 0].tolist()
        hint = "all crosswalks must have the same records"
        problem = f"records that are not in {what}"
        raise DataError(problem, column="record_id", rows=missing, hint=hint)
    return positions(customer, customers)[place]


def _places(unit: Places, place: Places, n: int) -> Places:
    """Return the most frequent place of the records of each of n units; the first if tied.

    Examples:
        >>> unit, place = np.array([0, 0, 0, 1, 1, 2]), np.array([5, 7, 7, 3, 4, -1])
        >>> _places(unit, place, 3).tolist()
        [7, 3, -1]
    """
    known = np.flatnonzero(place != _NOBODY)
    pairs, first, count = np.unique(
        np.stack([unit[known], place[known]]), axis=1, return_index=True, return_counts=True
    )
    order = np.lexsort((-first, count))  # the last one written is kept
    found = np.full(n, _NOBODY, dtype=np.intp)
    found[pairs[0, order]] = pairs[1, order]
    return found


def _mixed[Kind: RowDraws](
    kind: type[Kind], quantities: Sequence[RowDraws], places: NDArray[np.intp]
) -> Kind:
    """Return the draws of all imputations side by side, 0 if a row has no customer.

    Args:
        kind: Class of the result.
        quantities: Draws of each imputation's customers.
        places: Customer of each row in each imputation, of shape (k, n_rows).
    """
    order = np.argsort(places[0], kind="stable")  # close rows are close in most imputations
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    ordered = places[:, order]

    def evaluate(rows: slice, draws: slice) -> NDArray[np.float64]:
        parts = [
            _of_places(quantity, place[rows])
            for quantity, place in zip(quantities, ordered, strict=True)
        ]
        return np.concatenate(parts, axis=1)[:, draws]

    n_draws = sum(quantity.n_draws for quantity in quantities)
    return kind(evaluate, rank, len(order), n_draws, quantities[0].name)


def _of_places(quantity: RowDraws, places: Places) -> NDArray[np.float64]:
    somebody = places != _NOBODY
    block = np.zeros((len(places), quantity.n_draws))
    block[somebody] = quantity.of_rows(places[somebody])
    return block


def _side_by_side(totals: Sequence[Totals]) -> Totals:
    """Return the totals of all imputations, with their draws concatenated."""
    labels = sorted({label for total in totals for label in total.labels})
    values = np.zeros((len(labels), len(totals), totals[0].values.shape[1]))
    size = np.zeros(len(labels))
    for k, total in enumerate(totals):
        rows = np.searchsorted(labels, total.labels)
        values[rows, k] = total.values
        size[rows] += total.size / len(totals)
    return Totals(tuple(labels), values.reshape(len(labels), -1), size, totals[0].name)


def _share_between(block: NDArray[np.float64], k: int) -> NDArray[np.float64]:
    """Return the share of each row's variance between k equal parts of its draws."""
    between = block.reshape(len(block), k, -1).mean(axis=2).var(axis=1)
    whole = block.var(axis=1)
    return np.divide(between, whole, out=np.zeros(len(block)), where=whole > 0)
