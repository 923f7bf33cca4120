"""Public laws for every plug-in point, and published reference numbers.

Models: `check_purchase_model` and `check_spend_model`, or the individual laws in `laws_of`
and `SPEND_LAWS`. Lifetime value under any fits: `omniltv.testing.value_laws`. Lift
estimators: `omniltv.testing.experiment_laws`. Long-run methods:
`omniltv.testing.long_run_laws`. Tier rules: `check_tier_rule`. Scores:
`check_score`. Allocators: `check_allocator`. Response models: `check_response_model`. Triggers:
`check_trigger`. Rules for refunds: `check_refund_rule`. What a function accepts: `options_of`.
Identity: `omniltv.testing.identity_laws`. Published numbers: `omniltv.testing.reference`.
"""

from omniltv._options import options_of
from omniltv.testing.allocation_laws import check_allocator
from omniltv.testing.data_laws import check_refund_rule
from omniltv.testing.model_laws import (
    PURCHASE_LAWS,
    SPEND_LAWS,
    check_purchase_model,
    check_spend_model,
    laws_of,
)
from omniltv.testing.response_laws import check_response_model
from omniltv.testing.segmentation_laws import check_score, check_tier_rule
from omniltv.testing.trigger_laws import check_trigger

__all__ = [
    "PURCHASE_LAWS",
    "SPEND_LAWS",
    "check_allocator",
    "check_purchase_model",
    "check_refund_rule",
    "check_response_model",
    "check_score",
    "check_spend_model",
    "check_tier_rule",
    "check_trigger",
    "laws_of",
    "options_of",
]
