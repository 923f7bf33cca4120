"""Learning from measurements: pooled cells, a register, a bandit and off-policy values."""

from omniltv.experiments.learning.bandit import Thompson, TreatmentShares
from omniltv.experiments.learning.cells import PooledEffects, PoolingPrior, pool_effects
from omniltv.experiments.learning.off_policy import PolicyValue, policy_value
from omniltv.experiments.learning.register import Register

__all__ = [
    "PolicyValue",
    "PooledEffects",
    "PoolingPrior",
    "Register",
    "Thompson",
    "TreatmentShares",
    "policy_value",
    "pool_effects",
]
