"""Customers from scored pairs: clusters, ids, households, the crosswalk."""

from omniltv.identity.customers.attachment import (
    Attached,
    attach,
)
from omniltv.identity.customers.changes import (
    crosswalk_changes,
)
from omniltv.identity.customers.clustering import (
    BestFirstClusterer,
)

__all__ = ["Attached", "BestFirstClusterer", "attach", "crosswalk_changes"]
