"""Source records to customers: normalise, block, compare, score, cluster, evaluate, keep."""

from importlib import import_module
from typing import TYPE_CHECKING

from omniltv.errors import ConfigError
from omniltv.identity.customers.attachment import Attached, attach
from omniltv.identity.customers.changes import crosswalk_changes
from omniltv.identity.customers.clustering import BestFirstClusterer
from omniltv.identity.linking.blocking import KeyBlocker
from omniltv.identity.linking.comparisons import (
    AddressComparison,
    BirthDateComparison,
    NameComparison,
    ValueComparison,
)
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
from omniltv.identity.records import normalise
from omniltv.identity.records.columns import MISSING, Column, Records
from omniltv.identity.records.intake import FIELDS
from omniltv.identity.records.normalise import Spelling
from omniltv.identity.records.privacy import pseudonymise
from omniltv.identity.stitching.evidence import Evidence
from omniltv.identity.stitching.profile import ProfileRules, Survivor, profiles
from omniltv.identity.stitching.quality import (
    LinkageQuality,
    Reliability,
    linkage_quality,
    reliability,
)
from omniltv.identity.stitching.resolution import Resolution, ResolutionSummary
from omniltv.identity.stitching.spec import LinkSpec
from omniltv.identity.stitching.stitch import stitch
from omniltv.identity.stitching.timeline import Timeline, timeline
from omniltv.identity.store.store import IdentityStore, StoreUpdate

if TYPE_CHECKING:
    from omniltv.identity.linking._splink import SplinkEngine

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
    "ResolutionSummary",
    "ScoredPairs",
    "Spelling",
    "SplinkEngine",
    "SqlComparison",
    "StoreUpdate",
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


def __getattr__(name: str) -> object:
    """Return the engine that needs more than is installed by default, when it is first used."""
    if name != "SplinkEngine":
        raise AttributeError(f"module 'omniltv.identity' has no attribute {name!r}")
    try:
        engine: object = import_module("omniltv.identity.linking._splink").SplinkEngine
    except ImportError as error:
        message = "SplinkEngine needs Splink. Hint: pip install 'omniltv[splink]'"
        raise ConfigError(message) from error
    globals()[name] = engine
    return engine
