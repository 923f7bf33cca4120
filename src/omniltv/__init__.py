"""One customer across channels: identity, lifetime value, tiers and lift.

The names below are those that most programs need. The packages `omniltv.data`,
`omniltv.identity`, `omniltv.models`, `omniltv.segmentation`, `omniltv.experiments` and
`omniltv.reporting` have the others. A name is loaded when it is first used, so
``import omniltv`` is fast and imports neither the sampler nor the linker.

Examples:
    >>> import omniltv as ltv
    >>> ltv.weeks(52)
    Span(amount=52, unit=<TimeUnit.WEEK: 'week'>)
    >>> ltv.__version__
    '0.1.0'
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from omniltv.data import PurchaseHistory, PurchaseLog, check
    from omniltv.errors import DataError, OmniltvError
    from omniltv.experiments import Assignment, Persistence, assign, cuped, difference, ltv_lift
    from omniltv.identity import stitch
    from omniltv.models import (
        GammaGamma,
        MbgNbd,
        Pooling,
        fit,
        imputed_value,
        lifetime_value,
        load_fit,
    )
    from omniltv.segmentation import Condition, TierScheme
    from omniltv.units import Discount, days, months, weeks

__all__ = [
    "Assignment",
    "Condition",
    "DataError",
    "Discount",
    "GammaGamma",
    "MbgNbd",
    "OmniltvError",
    "Persistence",
    "Pooling",
    "PurchaseHistory",
    "PurchaseLog",
    "TierScheme",
    "assign",
    "check",
    "cuped",
    "days",
    "difference",
    "fit",
    "imputed_value",
    "lifetime_value",
    "load_fit",
    "ltv_lift",
    "months",
    "stitch",
    "weeks",
]

_ROOMS = {
    "omniltv.data": ("PurchaseHistory", "PurchaseLog", "check"),
    "omniltv.errors": ("DataError", "OmniltvError"),
    "omniltv.experiments": (
        "Assignment",
        "Persistence",
        "assign",
        "cuped",
        "difference",
        "ltv_lift",
    ),
    "omniltv.identity": ("stitch",),
    "omniltv.models": (
        "GammaGamma",
        "MbgNbd",
        "Pooling",
        "fit",
        "imputed_value",
        "lifetime_value",
        "load_fit",
    ),
    "omniltv.segmentation": ("Condition", "TierScheme"),
    "omniltv.units": ("Discount", "days", "months", "weeks"),
}
_HOME = {name: room for room, names in _ROOMS.items() for name in names}


def __getattr__(name: str) -> object:
    if name == "__version__":
        from importlib.metadata import version  # noqa: PLC0415 - reads the disk: only when asked

        return version("omniltv")
    if name not in _HOME:
        raise AttributeError(f"module 'omniltv' has no attribute {name!r}")
    value: object = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, "__version__"})
