"""Purchase, spend and channel models, pooling, fits, forecasts and lifetime value."""

from omniltv.models.inference.fitting import fit, to_pymc
from omniltv.models.inference.sampling import Sampling
from omniltv.models.posterior.alive_path import AlivePath, alive_path
from omniltv.models.posterior.channel_mix import ChannelMixFit
from omniltv.models.posterior.diagnostics import Diagnostics
from omniltv.models.posterior.draws import PosteriorDraws
from omniltv.models.posterior.fits import ProbAlive, PurchaseFit, SpendFit
from omniltv.models.posterior.model_error import ModelError
from omniltv.models.posterior.pooling import Pooling, PoolingKind
from omniltv.models.posterior.purchase_counts import PurchaseCounts
from omniltv.models.posterior.rate import with_purchase_rate
from omniltv.models.posterior.store import load_fit
from omniltv.models.processes.bg_bb import BgBb
from omniltv.models.processes.bg_nbd import BgNbd
from omniltv.models.processes.cnbd_k import CnbdK
from omniltv.models.processes.fixed_price import FixedPrice
from omniltv.models.processes.gamma_gamma import GammaGamma
from omniltv.models.processes.log_normal import LogNormalSpend
from omniltv.models.processes.mbg_nbd import MbgNbd
from omniltv.models.processes.pareto_nbd import ParetoNbd
from omniltv.models.processes.polya_urn import PolyaUrn
from omniltv.models.processes.shifted_beta_geometric import ShiftedBetaGeometric
from omniltv.models.value.acquisition import AcquisitionValue, acquisition_value
from omniltv.models.value.channel_mix import fit_channel_mix
from omniltv.models.value.imputed_value import ImputedValue, imputed_value
from omniltv.models.value.lifetime_value import LifetimeValue, lifetime_value

__all__ = [
    "AcquisitionValue",
    "AlivePath",
    "BgBb",
    "BgNbd",
    "ChannelMixFit",
    "CnbdK",
    "Diagnostics",
    "FixedPrice",
    "GammaGamma",
    "ImputedValue",
    "LifetimeValue",
    "LogNormalSpend",
    "MbgNbd",
    "ModelError",
    "ParetoNbd",
    "PolyaUrn",
    "Pooling",
    "PoolingKind",
    "PosteriorDraws",
    "ProbAlive",
    "PurchaseCounts",
    "PurchaseFit",
    "Sampling",
    "ShiftedBetaGeometric",
    "SpendFit",
    "acquisition_value",
    "alive_path",
    "fit",
    "fit_channel_mix",
    "imputed_value",
    "lifetime_value",
    "load_fit",
    "to_pymc",
    "with_purchase_rate",
]
