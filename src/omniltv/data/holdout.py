"""A history until a split, and what its rows bought after it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from omniltv._options import checked
from omniltv.data.history import PurchaseHistory
from omniltv.units import Span

__all__ = ["CalibrationHoldout"]


@checked
@dataclass(frozen=True, eq=False)
class CalibrationHoldout:
    """A history until a split, and the purchases of its rows after the split.

    Create one with `PurchaseLog.split`.

    Attributes:
        calibration: The history until the split.
        holdout_frequency: Purchase occasions after the split, of shape (n_rows,).
        holdout_value: Total value of these purchases, of shape (n_rows,).
        holdout_span: Time from the split to the end of the holdout.
        newcomers: Number of rows left out because their first purchase is in the holdout.

    Examples:
        >>> import pandas as pd
        >>> from omniltv.data import PurchaseLog
        >>> days = ["2026-01-01", "2026-01-15", "2026-02-12"]
        >>> frame = pd.DataFrame({"customer_id": ["a", "a", "b"], "channel": "ec", "time": days})
        >>> split = PurchaseLog.from_frame(frame.assign(value=9.0)).split(at="2026-01-10")
        >>> split.holdout_value.tolist(), split.newcomers, str(split.holdout_span)
        ([9.0], 1, '33 days')
    """

    calibration: PurchaseHistory
    holdout_frequency: NDArray[np.int64]
    holdout_value: NDArray[np.float64]
    holdout_span: Span
    newcomers: int
