"""Days of rows since the start of a treatment."""

import numpy as np
from numpy.typing import NDArray

from omniltv._columns import read_ids
from omniltv._frames import Eager
from omniltv.errors import ConfigError
from omniltv.experiments._moments import instant, moments
from omniltv.experiments.assignment import Assignment

__all__ = ["days_of"]


def days_of(
    rows: Eager, column: str, what: str, assignment: Assignment
) -> tuple[NDArray[np.object_], NDArray[np.float64]]:
    """Return the customer of each row and its days since the start, of shape (n_rows,).

    Raises:
        ConfigError: If the start of the assignment is not known.
    """
    if assignment.start is None:
        raise ConfigError("the start of the treatment is not known. Hint: start= of the assignment")
    ids = read_ids(rows, "customer_id", what)
    when = moments(rows, column, what, ids=ids, start=assignment.start)
    return ids, (when - instant(assignment.start)) / np.timedelta64(1, "D")
