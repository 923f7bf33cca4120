"""Source records to customers: normalise, block, compare, score, cluster, evaluate."""

from omniltv.identity import normalise
from omniltv.identity._stitch import stitch
from omniltv.identity.blocking import KeyBlocker
from omniltv.identity.clustering import BestFirstClusterer
from omniltv.identity.comparisons import (
    AddressComparison,
    BirthDateComparison,
    NameComparison,
    ValueComparison,
)
from omniltv.identity.protocols import (
    MISSING,
    Blocker,
    Candidates,
    Clusterer,
    Column,
    Comparison,
    LinkEngine,
    Pairs,
    Proposal,
    Records,
    ScoredPairs,
)
from omniltv.identity.quality import LinkageQuality, linkage_quality
from omniltv.identity.records import FIELDS
from omniltv.identity.resolution import Attached, Evidence, Resolution, Summary, attach
from omniltv.identity.spec import LinkSpec

__all__ = [
    "FIELDS",
    "MISSING",
    "AddressComparison",
    "Attached",
    "BestFirstClusterer",
    "BirthDateComparison",
    "Blocker",
    "Candidates",
    "Clusterer",
    "Column",
    "Comparison",
    "Evidence",
    "KeyBlocker",
    "LinkEngine",
    "LinkSpec",
    "LinkageQuality",
    "NameComparison",
    "Pairs",
    "Proposal",
    "Records",
    "Resolution",
    "ScoredPairs",
    "Summary",
    "ValueComparison",
    "attach",
    "linkage_quality",
    "normalise",
    "stitch",
]
