"""Who to treat: effects by customer, Qini and uplift curves, and values of policies."""

from omniltv.experiments.uplift.curves import UpliftCurve, qini_curve, uplift_curve
from omniltv.experiments.uplift.dr_learner import DrLearner
from omniltv.experiments.uplift.interactions import FittedInteractions, Interactions
from omniltv.experiments.uplift.protocol import (
    EffectLearner,
    EffectPrediction,
    FittedEffects,
    Regressor,
    UpliftSample,
)
from omniltv.experiments.uplift.r_learner import RLearner
from omniltv.experiments.uplift.ridge import Ridge
from omniltv.experiments.uplift.scoring import CustomerEffects, customer_effects
from omniltv.experiments.uplift.t_learner import TLearner
from omniltv.experiments.uplift.x_learner import XLearner

__all__ = [
    "CustomerEffects",
    "DrLearner",
    "EffectLearner",
    "EffectPrediction",
    "FittedEffects",
    "FittedInteractions",
    "Interactions",
    "RLearner",
    "Regressor",
    "Ridge",
    "TLearner",
    "UpliftCurve",
    "UpliftSample",
    "XLearner",
    "customer_effects",
    "qini_curve",
    "uplift_curve",
]
