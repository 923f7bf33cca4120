"""Covariate effects: which covariate of a history affects which coordinate."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from omniltv._options import checked
from omniltv.errors import DataError
from omniltv.models.posterior._groups import Grouped

__all__ = ["Effect"]


@checked
@dataclass(frozen=True)
class Effect:
    """The effect of a covariate on a coordinate: slope times (value - centre) / scale.

    Attributes:
        coordinate: The coordinate.
        covariate: The covariate.
        centre: Mean of the covariate in the history of the fit.
        scale: Standard deviation of the covariate in the history of the fit.

    Examples:
        >>> from omniltv.data.history import PurchaseHistory
        >>> history = PurchaseHistory(["a", "b"], [2, 0], [30.4, 0.0], [38.9, 38.9],
        ...                           [11.5, float("nan")], "week")
        >>> history = history.with_covariate("age", [30.0, 50.0])
        >>> Effect("log_rate", "age", centre=40.0, scale=10.0).values(history)
        array([-1.,  1.])
    """

    coordinate: str
    covariate: str
    centre: float
    scale: float

    def values(self, rows: Grouped) -> NDArray[np.float64]:
        """Return the standardised covariate of each row, of shape (n_rows,).

        Raises:
            DataError: If the rows do not have it.
        """
        if self.covariate not in rows.covariates:
            has = ", ".join(rows.covariates) or "none"
            hint = f'history.with_covariate("{self.covariate}", values)'
            problem = f"the history has no such covariate; it has: {has}"
            raise DataError(problem, column=self.covariate, hint=hint)
        values = (rows.covariates[self.covariate] - self.centre) / self.scale
        return np.asarray(values, dtype=np.float64)
