"""From fits to forecasts: lifetime value, acquisition value and the channel mix."""

from omniltv.models.value.acquisition import (
    AcquisitionValue,
    acquisition_value,
)
from omniltv.models.value.channel_mix import (
    fit_channel_mix,
)
from omniltv.models.value.imputed_value import (
    ImputedValue,
    imputed_value,
)
from omniltv.models.value.lifetime_value import (
    LifetimeValue,
    ValuePerRow,
    lifetime_value,
)

__all__ = [
    "AcquisitionValue",
    "ImputedValue",
    "LifetimeValue",
    "ValuePerRow",
    "acquisition_value",
    "fit_channel_mix",
    "imputed_value",
    "lifetime_value",
]
