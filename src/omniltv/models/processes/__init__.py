"""The protocols of models, the built-in models, and their maths."""

from omniltv.models.processes.bg_bb import (
    BgBb,
)
from omniltv.models.processes.bg_nbd import (
    BgNbd,
)
from omniltv.models.processes.built_in import (
    BUILT_IN,
    PURCHASE_MODELS,
    SPEND_MODELS,
)
from omniltv.models.processes.cnbd_k import (
    CnbdK,
)
from omniltv.models.processes.fixed_price import (
    FixedPrice,
)
from omniltv.models.processes.gamma_gamma import (
    GammaGamma,
)
from omniltv.models.processes.log_normal import (
    LogNormalSpend,
)
from omniltv.models.processes.mbg_nbd import (
    MbgNbd,
)
from omniltv.models.processes.numpy_namespace import (
    NUMPY,
    NumpyNamespace,
)
from omniltv.models.processes.pareto_nbd import (
    ParetoNbd,
)
from omniltv.models.processes.polya_urn import (
    PolyaUrn,
)
from omniltv.models.processes.protocols import (
    Array,
    ArrayNamespace,
    ChannelModel,
    ChannelState,
    Coordinate,
    CountModel,
    Future,
    LifetimeModel,
    Model,
    Parameters,
    PurchaseModel,
    PurchaseState,
    RateModel,
    SpendModel,
    SpendState,
)
from omniltv.models.processes.shifted_beta_geometric import (
    ShiftedBetaGeometric,
    expected_renewals,
    simulate_renewals,
    whole,
)

__all__ = [
    "BUILT_IN",
    "NUMPY",
    "PURCHASE_MODELS",
    "SPEND_MODELS",
    "Array",
    "ArrayNamespace",
    "BgBb",
    "BgNbd",
    "ChannelModel",
    "ChannelState",
    "CnbdK",
    "Coordinate",
    "CountModel",
    "FixedPrice",
    "Future",
    "GammaGamma",
    "LifetimeModel",
    "LogNormalSpend",
    "MbgNbd",
    "Model",
    "NumpyNamespace",
    "Parameters",
    "ParetoNbd",
    "PolyaUrn",
    "PurchaseModel",
    "PurchaseState",
    "RateModel",
    "ShiftedBetaGeometric",
    "SpendModel",
    "SpendState",
    "expected_renewals",
    "simulate_renewals",
    "whole",
]
