"""The window of an experiment as a history in which every assigned customer has a row."""

from omniltv._columns import check_ids, positions
from omniltv._options import checked
from omniltv.data.checking import Moment
from omniltv.data.history import PurchaseHistory
from omniltv.data.log import By, PurchaseLog, UnitName
from omniltv.errors import ConfigError
from omniltv.experiments.assignment import Assignment, refuse_unassigned

__all__ = ["window_history"]


@checked
def window_history[FrameT](
    log: PurchaseLog[FrameT],
    assignment: Assignment,
    *,
    start: Moment | None = None,
    end: Moment | None = None,
    unit: UnitName | None = None,
    period: UnitName = "day",
    by: By | None = None,
) -> PurchaseHistory:
    """Return what the assigned customers bought in the window, with ``arm`` as a group.

    A history that begins before the treatment mixes time with and without the treatment, and
    a fit per arm then hides most of the effect. In this history, the observation of every
    assigned customer begins at ``start``, with or without purchases, and lasts for the whole
    window. Purchases before the treatment belong in the `Baseline`.

    This is `PurchaseLog.history` with ``start`` and ``customers``, and follows its rules.

    Args:
        log: The purchases; those outside the window or of other customers are left out.
        assignment: The arm of each customer.
        start: Start of the treatment; the start of the assignment if None.
        end: Last moment of the window, its whole period included; the last purchase of the
            log if None.
        unit: Unit of recency and T; the period if None.
        period: Purchases in one period are one purchase occasion.
        by: ``"channel"`` gives one row per customer and channel of the log;
            ``"acquisition_channel"`` adds the channel of the first purchase in the log.

    Raises:
        ConfigError: If no start is given or known, or the window is empty.
        DataError: If the log has no customer who was assigned.

    Examples:
        >>> import pandas as pd
        >>> arms = pd.DataFrame({"customer_id": ["a", "b"], "arm": ["control", "treated"]})
        >>> log = PurchaseLog.from_frame(pd.DataFrame({
        ...     "customer_id": ["a", "a", "b"], "channel": "ec", "value": [5.0, 7.0, 1.0],
        ...     "time": ["2025-01-03", "2025-01-20", "2024-12-31"]}))
        >>> window = window_history(log, Assignment.from_frame(arms),
        ...     start="2025-01-01", end="2025-01-28")
        >>> window.frequency.tolist(), window.recency.tolist(), window.T.tolist()
        ([2, 0], [20.0, 0.0], [28.0, 28.0])
        >>> window.groups["arm"].tolist()
        ['control', 'treated']
    """
    opens = assignment.start if start is None else start
    if opens is None:
        raise ConfigError('the start of the treatment is not known. Hint: start="2026-04-01"')
    bought = check_ids(log.customer_id.tolist(), "customer_id")
    refuse_unassigned(positions(bought, assignment.customer_id), "customer_id")
    history = log.history(
        unit=unit, period=period, by=by, end=end, start=opens, customers=assignment.customer_id
    )
    place = positions(history.customer_id, assignment.customer_id)
    return history.with_group("arm", assignment.arm[place])
