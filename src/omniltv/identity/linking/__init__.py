"""Which records belong together: blocking, comparing, scoring, and decisions by hand."""

from omniltv.identity.linking.blocking import (
    KeyBlocker,
)
from omniltv.identity.linking.comparisons import (
    AddressComparison,
    BirthDateComparison,
    NameComparison,
    ValueComparison,
)
from omniltv.identity.linking.in_memory import InMemoryEngine
from omniltv.identity.linking.protocols import (
    Blocker,
    Candidates,
    Clusterer,
    Comparison,
    LinkEngine,
    LinkModel,
    Pairs,
    Proposal,
    ScoredPairs,
    SqlComparison,
)

__all__ = [
    "AddressComparison",
    "BirthDateComparison",
    "Blocker",
    "Candidates",
    "Clusterer",
    "Comparison",
    "InMemoryEngine",
    "KeyBlocker",
    "LinkEngine",
    "LinkModel",
    "NameComparison",
    "Pairs",
    "Proposal",
    "ScoredPairs",
    "SqlComparison",
    "ValueComparison",
]
