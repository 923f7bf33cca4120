"""Posteriors: draws, pooling, priors, diagnostics, fits and saved fits."""

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
from omniltv.models.posterior.store import (
    load_fit,
)

__all__ = [
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
    "PurchaseFit",
    "SpendFit",
    "StudentT",
    "Unseen",
    "load_fit",
]
