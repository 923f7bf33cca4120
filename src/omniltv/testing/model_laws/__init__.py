"""Laws that every purchase model and every spend model must satisfy.

To test your own model, call ``check_purchase_model(MyModel())``. It raises an
AssertionError that names the violated law, or does nothing. Laws that simulate use fixed
seeds and allow `SIGMAS` Monte Carlo standard errors. A law compares at most 200 numbers, so
a correct model fails it with a probability below 1e-5.

Parameters are tested at points around the centre of the model's prior, with times and
values around 1. A model of discrete time is tested on a few whole opportunities instead;
`laws_of` returns the laws that apply to it.
"""

from omniltv.testing.model_laws._purchase import (
    PURCHASE_LAWS,
    check_elementwise,
    check_expected_purchases,
    check_fused,
    check_future,
    check_limits,
    check_loglik_sums_to_one,
    check_lone_states,
    check_purchase_model,
    check_pytensor,
    check_simulation,
    check_time_scale,
    check_tower,
    laws_of,
)
from omniltv.testing.model_laws._shared import SIGMAS
from omniltv.testing.model_laws._spend import (
    SPEND_LAWS,
    check_spend_elementwise,
    check_spend_fused,
    check_spend_future,
    check_spend_limits,
    check_spend_loglik_integrates_to_one,
    check_spend_lone_states,
    check_spend_model,
    check_spend_pytensor,
    check_spend_simulation,
    check_spend_tower,
    check_value_scale,
)

__all__ = [
    "PURCHASE_LAWS",
    "SIGMAS",
    "SPEND_LAWS",
    "check_elementwise",
    "check_expected_purchases",
    "check_fused",
    "check_future",
    "check_limits",
    "check_loglik_sums_to_one",
    "check_lone_states",
    "check_purchase_model",
    "check_pytensor",
    "check_simulation",
    "check_spend_elementwise",
    "check_spend_fused",
    "check_spend_future",
    "check_spend_limits",
    "check_spend_loglik_integrates_to_one",
    "check_spend_lone_states",
    "check_spend_model",
    "check_spend_pytensor",
    "check_spend_simulation",
    "check_spend_tower",
    "check_time_scale",
    "check_tower",
    "check_value_scale",
    "laws_of",
]
