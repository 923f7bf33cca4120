"""Public laws for every plug-in point, and published reference numbers.

Models: `check_purchase_model` and `check_spend_model`, or the individual laws in `laws_of`
and `SPEND_LAWS`. Lift estimators: `omniltv.testing.experiment_laws`.
Identity: `omniltv.testing.identity_laws`. Published numbers: `omniltv.testing.reference`.
"""

from omniltv.testing.model_laws import (
    PURCHASE_LAWS,
    SPEND_LAWS,
    check_purchase_model,
    check_spend_model,
    laws_of,
)

__all__ = [
    "PURCHASE_LAWS",
    "SPEND_LAWS",
    "check_purchase_model",
    "check_spend_model",
    "laws_of",
]
