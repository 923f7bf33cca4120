"""Source records to customers: normalise, block, compare, score, cluster, evaluate, keep."""

from omniltv.identity import normalise
from omniltv.identity._stitch import stitch
from omniltv.identity.blocking import KeyBlocker
from omniltv.identity.changes import crosswalk_changes
from omniltv.identity.clustering import BestFirstClusterer
from omniltv.identity.comparisons import (
    AddressComparison,
    BirthDateComparison,
    NameComparison,
    ValueComparison,
)
from omniltv.identity.privacy import pseudonymise
from omniltv.identity.profile import ProfileRules, Survivor, profiles
from omniltv.identity.protocols import (
    MISSING,
    Blocker,
    Candidates,
    Clusterer,
    Column,
    Comparison,
    LinkEngine,
    LinkModel,
    Pairs,
    Proposal,
    Records,
    ScoredPairs,
)
from omniltv.identity.quality import (
    LinkageQuality,
    Reliability,
    linkage_quality,
    reliability,
)
from omniltv.identity.records import FIELDS
from omniltv.identity.resolution import Attached, Evidence, Resolution, Summary, attach
from omniltv.identity.spec import LinkSpec
from omniltv.identity.store import IdentityStore, StoreUpdate
from omniltv.identity.timeline import Timeline, timeline

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
    "IdentityStore",
    "KeyBlocker",
    "LinkEngine",
    "LinkModel",
    "LinkSpec",
    "LinkageQuality",
    "NameComparison",
    "Pairs",
    "ProfileRules",
    "Proposal",
    "Records",
    "Reliability",
    "Resolution",
    "ScoredPairs",
    "StoreUpdate",
    "Summary",
    "Survivor",
    "Timeline",
    "ValueComparison",
    "attach",
    "crosswalk_changes",
    "linkage_quality",
    "normalise",
    "profiles",
    "pseudonymise",
    "reliability",
    "stitch",
    "timeline",
]
