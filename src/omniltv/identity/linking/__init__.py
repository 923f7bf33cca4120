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
    Candidates,
    Clusterer,
    Comparison,
    LinkEngine,
    LinkModel,
    NormalisingComparison,
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
    "CoordinateComparison",
    "CopiesApart",
    "DateComparison",
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
