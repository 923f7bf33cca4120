"""Customer lists as normalised records."""

from omniltv.data.schemas import FIELDS
from omniltv.identity.records import normalise
from omniltv.identity.records._copies import equal_groups, order_in_group
from omniltv.identity.records.columns import (
    MISSING,
    Column,
    Records,
)
from omniltv.identity.records.normalise import Spelling
from omniltv.identity.records.privacy import (
    pseudonymise,
)

__all__ = [
    "FIELDS",
    "MISSING",
    "Column",
    "Records",
    "Spelling",
    "equal_groups",
    "normalise",
    "order_in_group",
    "pseudonymise",
]
