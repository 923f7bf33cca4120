"""Posteriors: draws, pooling, priors, diagnostics, fits and saved fits."""

from omniltv.models.posterior.alive_path import (
    AlivePath,
    alive_path,
)
from omniltv.models.posterior.channel_mix import (
    ChannelMixFit,
)
from omniltv.models.posterior.diagnostics import (
    Diagnostics,
)
from omniltv.models.posterior.draws import (
    PosteriorDraws,
)
from omniltv.models.posterior.effects import (
    Effect,
)
from omniltv.models.posterior.fits import (
    ProbAlive,
    PurchaseFit,
    SpendFit,
)
from omniltv.models.posterior.fitted import (
    Unseen,
)
from omniltv.models.posterior.model_error import (
    ModelError,
)
from omniltv.models.posterior.pooling import (
    Pooling,
    PoolingKind,
)
from omniltv.models.posterior.priors import (
    Exponential,
    Flat,
    HalfNormal,
    LogNormal,
    Normal,
    Prior,
    StudentT,
)
from omniltv.models.posterior.purchase_counts import (
    PurchaseCounts,
)
from omniltv.models.posterior.store import (
    load_fit,
)

__all__ = [
    "AlivePath",
    "ChannelMixFit",
    "Diagnostics",
    "Effect",
    "Exponential",
    "Flat",
    "HalfNormal",
    "LogNormal",
    "ModelError",
    "Normal",
    "Pooling",
    "PoolingKind",
    "PosteriorDraws",
    "Prior",
    "ProbAlive",
    "PurchaseCounts",
    "PurchaseFit",
    "SpendFit",
    "StudentT",
    "Unseen",
    "alive_path",
    "load_fit",
]
