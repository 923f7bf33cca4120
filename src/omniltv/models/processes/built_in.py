"""The built-in purchase and spend models.

Saved fits are found by their names. The laws and the calibration are run on all of them.
"""

from omniltv.models.processes.bg_bb import BgBb
from omniltv.models.processes.bg_nbd import BgNbd
from omniltv.models.processes.cnbd_k import CnbdK
from omniltv.models.processes.fixed_price import FixedPrice
from omniltv.models.processes.gamma_gamma import GammaGamma
from omniltv.models.processes.log_normal import LogNormalSpend
from omniltv.models.processes.mbg_nbd import MbgNbd
from omniltv.models.processes.pareto_nbd import ParetoNbd
from omniltv.models.processes.protocols import PurchaseModel, SpendModel
from omniltv.models.processes.shifted_beta_geometric import ShiftedBetaGeometric

__all__ = ["BUILT_IN", "PURCHASE_MODELS", "SPEND_MODELS"]

PURCHASE_MODELS: tuple[PurchaseModel, ...] = (
    BgNbd(),
    MbgNbd(),
    CnbdK(2),
    CnbdK(3, modified=False),
    ParetoNbd(),
    BgBb(),
    ShiftedBetaGeometric(),
)
"""The purchase models, with a few of the regular ones."""

SPEND_MODELS: tuple[SpendModel, ...] = (GammaGamma(), LogNormalSpend(), FixedPrice())
"""The spend models."""

_REGULAR = tuple(CnbdK(k, modified=modified) for k in range(2, 13) for modified in (True, False))

BUILT_IN: tuple[PurchaseModel | SpendModel, ...] = (*PURCHASE_MODELS, *SPEND_MODELS, *_REGULAR)
"""All models whose saved fits are found by name."""
