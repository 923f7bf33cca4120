"""Purchase and spend models, pooling, fitting, forecasts and lifetime value."""

from omniltv.models.bg_nbd import BgNbd
from omniltv.models.diagnostics import Diagnostics
from omniltv.models.fits import Posterior, ProbAlive, PurchaseFit, SpendFit
from omniltv.models.fitting import fit, to_pymc
from omniltv.models.gamma_gamma import GammaGamma
from omniltv.models.lifetime_value import LifetimeValue, lifetime_value
from omniltv.models.pooling import Pooling, PoolingKind
from omniltv.models.store import load_fit

__all__ = [
    "BgNbd",
    "Diagnostics",
    "GammaGamma",
    "LifetimeValue",
    "Pooling",
    "PoolingKind",
    "Posterior",
    "ProbAlive",
    "PurchaseFit",
    "SpendFit",
    "fit",
    "lifetime_value",
    "load_fit",
    "to_pymc",
]
