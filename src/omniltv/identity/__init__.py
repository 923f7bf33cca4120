"""Source records to customers: normalise, block, compare, score, cluster, evaluate, keep."""

from importlib import import_module
from typing import TYPE_CHECKING

from omniltv.errors import ConfigError
from omniltv.identity import normalise
from omniltv.identity._stitch import stitch
from omniltv.identity.attachment import Attached, attach
from omniltv.identity.blocking import KeyBlocker
from omniltv.identity.changes import crosswalk_changes
from omniltv.identity.clustering import BestFirstClusterer
from omniltv.identity.comparisons import (
    AddressComparison,
    BirthDateComparison,
    NameComparison,
    ValueComparison,
)
from omniltv.identity.normalise import Spelling
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
    SqlComparison,
)
from omniltv.identity.quality import (
    LinkageQuality,
    Reliability,
    linkage_quality,
    reliability,
)
from omniltv.identity.records import FIELDS
from omniltv.identity.resolution import Evidence, Resolution, Summary
from omniltv.identity.spec import LinkSpec
from omniltv.identity.store import IdentityStore, StoreUpdate
from omniltv.identity.timeline import Timeline, timeline

if TYPE_CHECKING:
    from omniltv.identity._splink import SplinkEngine

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
    "Spelling",
    "SplinkEngine",
    "SqlComparison",
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


def __getattr__(name: str) -> object:
    """Return the engine that needs more than is installed by default, when it is first used."""
    if name != "SplinkEngine":
        raise AttributeError(f"module 'omniltv.identity' has no attribute {name!r}")
    try:
        engine: object = import_module("omniltv.identity._splink").SplinkEngine
    except ImportError as error:
        message = "SplinkEngine needs Splink. Hint: pip install 'omniltv[splink]'"
        raise ConfigError(message) from error
    globals()[name] = engine
    return engine
