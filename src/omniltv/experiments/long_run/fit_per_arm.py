"""Fit per arm: the forecast of a model whose parameters differ between arms."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from omniltv._options import Seed, checked
from omniltv.experiments.assignment import Assignment
from omniltv.experiments.estimators import Cuped, LiftEstimator
from omniltv.experiments.forecast import Forecast
from omniltv.experiments.lifetime import ltv_lift
from omniltv.experiments.long_run.protocol import LongRunDraws, LongRunSample
from omniltv.experiments.persistence import Persistence
from omniltv.experiments.result import LiftRow
from omniltv.experiments.tables import Baseline, Outcome

__all__ = ["FitPerArm"]

_DRAWS = 4_000
_ESTIMATOR = Cuped()


@checked
@dataclass(frozen=True)
class FitPerArm:
    """`ltv_lift` as a long-run method: fits of the window with the arms as groups.

    For rows by tier or channel, fit with them as groups, too, such as
    ``Pooling.none("arm", "tier")``: a fit without them is biased in the rows.

    Attributes:
        forecast: Discounted value beyond the window; its span is that of the persistence.
        estimator: Compares two arms.
        name: Name that results show.

    Examples:
        >>> from omniltv.draws import Draws
        >>> from omniltv.units import weeks
        >>> forecast = Forecast(customer_id=np.array(["a"], dtype=object), span=weeks(52),
        ...                     value=Draws.from_array([[1.0, 2.0]]), arms=("control", "mail"))
        >>> FitPerArm(forecast).name
        'fit per arm'
    """

    forecast: Forecast
    estimator: LiftEstimator = _ESTIMATOR
    name: str = "fit per arm"
    handles: ClassVar[frozenset[str]] = frozenset({"cluster"})

    def estimate(self, sample: LongRunSample, *, seed: Seed) -> LongRunDraws:
        """Return draws of the lift: Gaussian, with the standard error of `ltv_lift`.

        Window and time beyond it have separate means but a common error, so that only their sum
        has an interval.

        Raises:
            ConfigError: If the forecast has another span, or the treatment ended.

        Examples:
            >>> from omniltv.draws import Draws
            >>> from omniltv.experiments.long_run import ArmWeeks
            >>> from omniltv.units import weeks
            >>> ids = np.arange(6).astype(object)
            >>> arms = [ArmWeeks(name, own, np.ones((3, 2)), np.arange(6.0).reshape(3, 2),
            ...                  np.empty((3, 0)), np.ones(3))
            ...         for name, own in (("mail", ids[:3]), ("control", ids[3:]))]
            >>> sample = LongRunSample(*arms, (), np.ones(10), np.ones(10),
            ...                        Persistence.full(weeks(8)))
            >>> forecast = Forecast(customer_id=ids, value=Draws.from_array(np.ones((6, 2))),
            ...                     span=weeks(8), arms=("control", "mail"))
            >>> FitPerArm(forecast).estimate(sample, seed=1).total.shape
            (4000,)
        """
        none = Persistence.none()
        window = self._row(sample, none)
        whole = window if sample.horizon == sample.window else self._row(sample, sample.persistence)
        error = np.random.default_rng(seed).standard_normal(_DRAWS)
        seen = window.estimate + window.standard_error * error
        total = whole.estimate + whole.standard_error * error
        return LongRunDraws(seen, total - seen, np.full(_DRAWS, whole.control_mean))

    def _row(self, sample: LongRunSample, persistence: Persistence) -> LiftRow:
        """Return the lift; the forecast is in money of the end of the window."""
        sides = (sample.treated, sample.control)
        ids = np.concatenate([side.customer_id for side in sides])
        arm = np.repeat([side.name for side in sides], [len(side.orders) for side in sides])
        now = sample.discount[sample.window - 1]
        paid = np.concatenate([side.value for side in sides]) @ sample.discount[: sample.window]
        table = pd.DataFrame({"customer_id": ids, "value": paid / now})
        covariates = np.concatenate([side.covariates for side in sides])
        names = [f"x{k}" for k in range(covariates.shape[1])]
        known = table.assign(**dict(zip(names, covariates.T, strict=True)))
        cluster = None
        if sample.treated.cluster is not None and sample.control.cluster is not None:
            cluster = np.concatenate([sample.treated.cluster, sample.control.cluster]).astype(str)
        found = ltv_lift(
            Assignment(ids, arm, cluster=cluster),
            control=sample.control.name,
            persistence=persistence,
            observed=Outcome(table),
            forecast=None if persistence.span is None else self.forecast,
            baseline=Baseline(known, covariates=names),
            estimator=self.estimator,
            checks=(),
        ).overall()
        money = ("estimate", "standard_error", "control_mean")
        return found._replace(**{name: getattr(found, name) * now for name in money})
