"""Which records belong together: blocking, comparing, scoring, and decisions by hand."""

from omniltv.identity.linking._copies import CopiesApart
from omniltv.identity.linking.blocking import KeyBlocker
from omniltv.identity.linking.comparisons import (
    AddressComparison,
    BirthDateComparison,
    CoordinateComparison,
    DateComparison,
    NameComparison,
    NumberComparison,
    PhoneComparison,
    SetComparison,
    SharedUseComparison,
    StringComparison,
    TextComparison,
    ValueComparison,
)
from omniltv.identity.linking.in_memory import InMemoryEngine
from omniltv.identity.linking.protocols import (
    Blocker,
    Clusterer,
    Comparison,
    GradedDisagreement,
    LinkEngine,
    NormalisingComparison,
    SqlComparison,
)
from omniltv.identity.linking.values import (
    Candidates,
    Disagreement,
    LinkModel,
    Pairs,
    Proposal,
    ScoredPairs,
)

__all__ = [
    "AddressComparison",
    "BirthDateComparison",
    "Blocker",
    "Candidates",
    "Clusterer",
    "Comparison",
    "CoordinateComparison",
    "CopiesApart",
    "DateComparison",
    "Disagreement",
    "GradedDisagreement",
    "InMemoryEngine",
    "KeyBlocker",
    "LinkEngine",
    "LinkModel",
    "NameComparison",
    "NormalisingComparison",
    "NumberComparison",
    "Pairs",
    "PhoneComparison",
    "Proposal",
    "ScoredPairs",
    "SetComparison",
    "SharedUseComparison",
    "SqlComparison",
    "StringComparison",
    "TextComparison",
    "ValueComparison",
]
