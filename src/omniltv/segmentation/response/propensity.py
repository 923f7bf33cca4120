"""Propensity: how probable it is that a customer is chosen for contacts."""

from collections.abc import Sequence

import narwhals as nw
import numpy as np
from narwhals.typing import IntoFrameT
from scipy import special

from omniltv._arrays import Floats, Matrix, Objects, Vector
from omniltv._columns import labels, numbers, read_ids
from omniltv._frames import Eager, read_frame, with_column
from omniltv._options import checked
from omniltv.errors import DataError

__all__ = ["contact_propensity"]

_WHAT = "the table of customers"
_RIDGE = 1.0
_ITERATIONS = 25
_CLOSE = 1e-8


@checked
def contact_propensity(
    customers: IntoFrameT, *, contacted: str, columns: Sequence[str]
) -> IntoFrameT:
    """Return a table of customers with their ``propensity``, the probability of a contact.

    It is estimated by a logistic regression with a weak ridge penalty. Numbers enter
    standardised, with their squares; texts enter as indicators. Join the column to the contact
    history and to the planned contacts.

    Args:
        customers: One row per customer, also of those who were not contacted.
        contacted: Column: True, or 1, if the customer was chosen for contacts.
        columns: What the choice may have depended on, as known before the contacts.

    Raises:
        DataError: If a column is absent, has missing values, or all or none were contacted.

    Examples:
        >>> import pandas as pd
        >>> table = pd.DataFrame({
        ...     "customer_id": range(200), "spend": range(200),
        ...     "chosen": [spend % 5 < spend // 40 for spend in range(200)]})
        >>> found = contact_propensity(table, contacted="chosen", columns=["spend"])
        >>> found["propensity"].iloc[[20, 180]].round(1).tolist()
        [0.0, 0.7]
    """
    rows, kind = read_frame(customers, _WHAT)
    ids = read_ids(rows, "customer_id", _WHAT)
    chosen = numbers(rows, contacted, _WHAT, ids=ids)
    wrong = (chosen != 0) & (chosen != 1)
    if wrong.any():
        hint = "True if the customer was contacted, else False"
        raise DataError("not true or false", column=contacted, rows=list(ids[wrong]), hint=hint)
    if not 0 < chosen.sum() < len(chosen):
        hint = "add the customers who were not contacted, or leave the propensity out"
        raise DataError("all or none of the customers were contacted", column=contacted, hint=hint)
    parts = [part for name in columns for part in _columns(rows, name, ids)]
    matrix = np.column_stack([np.ones(len(ids)), *parts])
    chance = special.expit(matrix @ _logistic(matrix, chosen))
    return kind.native(with_column(rows, "propensity", chance, nw.Float64))


def _columns(rows: Eager, name: str, ids: Objects) -> list[Vector]:
    """Return a column as regressors: standardised with its square, or indicators."""
    if name in rows.columns and not rows[name].dtype.is_numeric():
        text = labels(rows, name, _WHAT, ids=ids)
        return [(text == label).astype(np.float64) for label in np.unique(text)]
    values = numbers(rows, name, _WHAT, ids=ids)
    spread = values.std()
    scaled = (values - values.mean()) / (spread if spread > 0 else 1.0)
    return [scaled, scaled**2]


def _logistic(matrix: Matrix, chosen: Vector) -> Vector:
    """Return the coefficients, of shape (n_columns,), by Newton's method; the first is free."""
    ridge = np.full(matrix.shape[1], _RIDGE)
    ridge[0] = 0.0
    slopes: Floats = np.zeros(matrix.shape[1])
    slopes[0] = special.logit(chosen.mean())
    for _ in range(_ITERATIONS):
        chance = special.expit(matrix @ slopes)
        gradient = matrix.T @ (chosen - chance) - ridge * slopes
        hessian = (matrix * (chance * (1 - chance))[:, None]).T @ matrix + np.diag(ridge)
        move = np.clip(np.linalg.solve(hessian, gradient), -2.0, 2.0)
        slopes = slopes + move
        if np.abs(move).max() < _CLOSE:
            break
    return slopes
