"""Linear regression with a penalty: a regressor that needs no other library."""

from dataclasses import dataclass, field

import numpy as np

from omniltv._arrays import Matrix, Vector
from omniltv._options import NotNegative, checked

__all__ = ["Ridge"]


@checked
@dataclass(eq=False)
class Ridge:
    """Ridge regression (Hoerl and Kennard 1970, Technometrics 12(1), 55-67) as a `Regressor`.

    Slopes are penalised on the scale of standardised columns; the intercept is not.

    Attributes:
        penalty: Penalty, in customers: a slope with as much information as this many customers
            is halved.

    Examples:
        >>> x = np.arange(10.0)[:, None]
        >>> Ridge(penalty=0.0).fit(x, 3.0 * x[:, 0] + 1.0).predict(np.array([[20.0]])).round(6)
        array([61.])
    """

    penalty: NotNegative = 10.0
    _centre: Vector = field(init=False, repr=False)
    _slope: Vector = field(init=False, repr=False)
    _mean: float = field(init=False, repr=False)

    def fit(self, X: Matrix, y: Vector, sample_weight: Vector | None = None) -> "Ridge":
        """Learn from rows of shape (n, n_columns), and return the regressor itself.

        Examples:
            >>> Ridge().fit(np.zeros((2, 1)), np.array([1.0, 3.0])).predict(np.zeros((1, 1)))
            array([2.])
        """
        weight = np.ones(len(y)) if sample_weight is None else sample_weight
        share = weight / weight.sum()
        self._centre, self._mean = share @ X, float(share @ y)
        off = X - self._centre
        sd = np.sqrt(share @ off**2)
        z = off / np.where(sd > 0, sd, 1.0)
        information = (z * weight[:, None]).T @ z
        information += self.penalty * weight.mean() * np.eye(z.shape[1])
        score = (z * weight[:, None]).T @ (y - self._mean)
        slope = np.linalg.lstsq(information, score, rcond=None)[0]
        self._slope = slope / np.where(sd > 0, sd, 1.0)
        return self

    def predict(self, X: Matrix) -> Vector:
        """Return the expected value of each row.

        Examples:
            >>> Ridge().fit(np.zeros((2, 1)), np.array([1.0, 3.0])).predict(np.zeros((2, 1)))
            array([2., 2.])
        """
        return np.asarray(self._mean + (X - self._centre) @ self._slope, dtype=np.float64)
