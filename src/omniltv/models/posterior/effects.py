"""Covariate effects: which covariate of a history moves which coordinate."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from omniltv.data.history import PurchaseHistory
from omniltv.errors import DataError

__all__ = ["Effect"]


@dataclass(frozen=True)
class Effect:
    """A covariate that moves a coordinate: by its draw times (value - centre) / scale.

    Attributes:
        coordinate: The coordinate that it moves.
        covariate: The covariate of the history.
        centre: Mean of the covariate in the history that was fitted.
        scale: Its standard deviation there.
    """

    coordinate: str
    covariate: str
    centre: float
    scale: float

    def values(self, history: PurchaseHistory) -> NDArray[np.float64]:
        """Return the standardised covariate of each row, of shape (n_rows,).

        Raises:
            DataError: If the history does not have it.
        """
        if self.covariate not in history.covariates:
            has = ", ".join(history.covariates) or "none"
            hint = f'history.with_covariate("{self.covariate}", values)'
            problem = f"the history has no such covariate; it has: {has}"
            raise DataError(problem, column=self.covariate, hint=hint)
        values = (history.covariates[self.covariate] - self.centre) / self.scale
        return np.asarray(values, dtype=np.float64)
