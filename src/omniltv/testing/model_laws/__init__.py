"""Laws that every purchase model and every spend model must satisfy.

To test your own model, call ``check_purchase_model(MyModel())``. It raises an
AssertionError that names the violated law, or does nothing. Laws that simulate use fixed
seeds and allow `SIGMAS` Monte Carlo standard errors. A law compares at most 200 numbers, so
a correct model fails it with a probability below 1e-5.

Parameters are tested at points around the centre of the model's prior, with times and
values around 1. A model of discrete time is tested on a few whole opportunities instead;
`laws_of` returns the laws that apply to it. The individual laws are in
`omniltv.testing.model_laws.purchase`, `omniltv.testing.model_laws.later` and
`omniltv.testing.model_laws.spend`.
"""

from omniltv.testing.model_laws._shared import SIGMAS
from omniltv.testing.model_laws.purchase import PURCHASE_LAWS, check_purchase_model, laws_of
from omniltv.testing.model_laws.spend import SPEND_LAWS, check_spend_model

__all__ = [
    "PURCHASE_LAWS",
    "SIGMAS",
    "SPEND_LAWS",
    "check_purchase_model",
    "check_spend_model",
    "laws_of",
]
