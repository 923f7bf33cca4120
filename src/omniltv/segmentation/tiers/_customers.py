"""The table that tiers are assigned from: one row per customer, from a frame or a value."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from omniltv._columns import numbers, positions, read_ids, repeated
from omniltv._frames import Eager, IntoTable, Table, collect
from omniltv.data.log import PurchaseLog
from omniltv.draws import RowDraws
from omniltv.errors import DataError
from omniltv.segmentation.tiers.rules import CustomerValue

__all__ = ["CustomerTable"]

_WHAT = "the table of customers"

type Columns = Mapping[str, NDArray[np.generic]]


@dataclass(frozen=True, eq=False)
class CustomerTable:
    """One row per customer.

    Attributes:
        table: The table.
        id: Unique, of shape (n_customers,).
        draws: Draws of the value of each row; None without draws.
        details: Columns that go into the result, each of shape (n_customers,).
    """

    table: Eager
    id: NDArray[np.object_]
    draws: RowDraws | None
    details: Columns

    @classmethod
    def read(
        cls,
        customers: IntoTable | CustomerValue,
        log: PurchaseLog[object] | None,
        draws: RowDraws | None,
        customer_id: str,
    ) -> Self:
        """Return the table of a frame or a value, with the summary of a log.

        Raises:
            DataError: If a customer has two rows, the draws do not have one row per
                customer, or no customer is in the log.
        """
        details: Columns = {}
        if isinstance(customers, CustomerValue):
            details = customers.columns()
            draws = customers.predictive if draws is None else draws
            customers = Table(details)
        table = collect(customers, _WHAT)
        ids = read_ids(table, customer_id, _WHAT)
        _require_one_row_each(ids, customer_id)
        if draws is not None and len(draws) != len(ids):
            problem = f"draws of {len(draws):,} rows for {len(ids):,} customers"
            raise DataError(problem, hint="draws.take(rows) in the order of the frame")
        if log is not None:
            summary = _summary(log, ids, set(table.columns))
            table, details = _with_columns(table, summary), {**details, **summary}
        return cls(table, ids, draws, details)

    def numbers(self, column: str) -> NDArray[np.float64]:
        """Return a column of finite numbers, of shape (n_customers,)."""
        if column == "realised_value" and column not in self.table.columns:
            hint = "scheme.assign(value, log) takes it from the purchase log"
            problem = f"{_WHAT} has no such column"
            raise DataError(problem, column=column, hint=hint)
        return numbers(self.table, column, _WHAT, ids=self.id)


def _require_one_row_each(ids: NDArray[np.object_], customer_id: str) -> None:
    twice = repeated(ids)
    if twice:
        hint = "one row per customer, as from value.per_customer()"
        problem = "customers with several rows"
        raise DataError(problem, column=customer_id, rows=twice, hint=hint)


def _summary(log: PurchaseLog[object], ids: NDArray[np.object_], known: set[str]) -> Columns:
    """Return the log's columns for these customers, without those already known."""
    if len(ids) and (positions(ids, log.customer_id) < 0).all():
        hint = "use the log that the value was made from"
        raise DataError("no customer is in the purchase log", column="customer_id", hint=hint)
    summary = log.of_customers(ids).summary_by_customer().columns()
    return {name: values for name, values in summary.items() if name not in {*known, "customer_id"}}


def _with_columns(table: Eager, columns: Columns) -> Eager:
    data = {name: values.tolist() for name, values in columns.items()}
    extra = nw.from_dict(data, backend=table.implementation)
    return table.with_columns(*(extra[name] for name in data))
