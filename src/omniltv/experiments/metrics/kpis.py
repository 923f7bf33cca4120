"""The indicators that a retailer watches beyond sales, as declared metrics."""

from collections.abc import Mapping
from types import MappingProxyType

from omniltv.experiments.metrics.mean import Mean
from omniltv.experiments.metrics.protocol import Metric
from omniltv.experiments.metrics.ratio import Ratio
from omniltv.experiments.metrics.reached import Reached
from omniltv.experiments.metrics.retention import Retention

__all__ = ["KPIS"]

_ALL: tuple[Metric, ...] = (
    Mean(
        "lifetime value", table="values", column="value", unit="currency per customer",
        definition="lifetime value at the end of the window",
    ),
    Retention(
        after=28, until=56, name="retention",
        definition="customers with a purchase in weeks 5 to 8; by tier: of high-LTV customers",
    ),
    Reached(
        "nurtured", column="tier", label="high",
        definition="customers in the tier high at the end; by tier: of potential customers",
    ),
    Mean(
        "contribution of contacts", column="value", parts="contact_channel",
        unit="currency per customer",
        definition="spend by the channel of the last contact before the purchase",
    ),
    Mean(
        "purchase frequency", unit="purchases per customer",
        definition="number of purchases in the window",
    ),
    Mean(
        "store visits", table="visits", unit="visits per customer",
        definition="number of store visits in the window",
    ),
    Ratio(
        "EC conversion", column="orders", per="sessions", table="sessions",
        unit="orders per session", definition="orders on EC over sessions on EC",
    ),
    Ratio(
        "value over acquisition cost", column="value", per="acquisition_cost", table="values",
        definition="lifetime value over acquisition cost",
    ),
)  # fmt: skip

KPIS: Mapping[str, Metric] = MappingProxyType({metric.name: metric for metric in _ALL})
"""The indicators by name, on the tables values, purchases, tiers, visits and sessions."""
