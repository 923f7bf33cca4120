"""Purchase and spend models, pooling, fitting, forecasts and lifetime value."""

from omniltv.models.acquisition import AcquisitionValue, acquisition_value
from omniltv.models.bg_bb import BgBb
from omniltv.models.bg_nbd import BgNbd
from omniltv.models.channel_mix import ChannelMix, fit_channel_mix
from omniltv.models.cnbd_k import CnbdK
from omniltv.models.diagnostics import Diagnostics
from omniltv.models.fits import Posterior, ProbAlive, PurchaseFit, SpendFit
from omniltv.models.fitting import fit, to_pymc
from omniltv.models.gamma_gamma import GammaGamma
from omniltv.models.imputed_value import ImputedValue, imputed_value
from omniltv.models.lifetime_value import LifetimeValue, lifetime_value
from omniltv.models.log_normal import LogNormalSpend
from omniltv.models.mbg_nbd import MbgNbd
from omniltv.models.pareto_nbd import ParetoNbd
from omniltv.models.pooling import Pooling, PoolingKind
from omniltv.models.shifted_beta_geometric import ShiftedBetaGeometric
from omniltv.models.store import load_fit

__all__ = [
    "AcquisitionValue",
    "BgBb",
    "BgNbd",
    "ChannelMix",
    "CnbdK",
    "Diagnostics",
    "GammaGamma",
    "ImputedValue",
    "LifetimeValue",
    "LogNormalSpend",
    "MbgNbd",
    "ParetoNbd",
    "Pooling",
    "PoolingKind",
    "Posterior",
    "ProbAlive",
    "PurchaseFit",
    "ShiftedBetaGeometric",
    "SpendFit",
    "acquisition_value",
    "fit",
    "fit_channel_mix",
    "imputed_value",
    "lifetime_value",
    "load_fit",
    "to_pymc",
]
