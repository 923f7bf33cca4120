"""Response: how probable it is that a customer responds, by channel, hour and weekday."""

from omniltv.segmentation.response.contacts import ContactHistory, ContactTable
from omniltv.segmentation.response.pooled import PooledResponse
from omniltv.segmentation.response.propensity import contact_propensity
from omniltv.segmentation.response.protocol import FittedResponse, ResponseModel
from omniltv.segmentation.response.responses import Responses, fit_response

__all__ = [
    "ContactHistory",
    "ContactTable",
    "FittedResponse",
    "PooledResponse",
    "ResponseModel",
    "Responses",
    "contact_propensity",
    "fit_response",
]
