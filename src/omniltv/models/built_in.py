"""The models that come with omniltv: one line each.

Saved fits are found by these names, and the laws and the calibration are run on all of them.
"""

from omniltv.models.bg_nbd import BgNbd
from omniltv.models.gamma_gamma import GammaGamma
from omniltv.models.protocols import PurchaseModel, SpendModel

__all__ = ["BUILT_IN", "PURCHASE_MODELS", "SPEND_MODELS"]

PURCHASE_MODELS: tuple[PurchaseModel, ...] = (BgNbd(),)
"""Purchase models."""

SPEND_MODELS: tuple[SpendModel, ...] = (GammaGamma(),)
"""Models of the value of a purchase."""

BUILT_IN: tuple[PurchaseModel | SpendModel, ...] = (*PURCHASE_MODELS, *SPEND_MODELS)
"""All models."""
