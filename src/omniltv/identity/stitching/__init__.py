"""Customer lists to customers, and what can be asked of the result."""

from omniltv.identity.stitching.evidence import Evidence
from omniltv.identity.stitching.profile import (
    ProfileRules,
    Survivor,
    profiles,
)
from omniltv.identity.stitching.quality import (
    LinkageQuality,
    Reliability,
    linkage_quality,
    reliability,
)
from omniltv.identity.stitching.resolution import (
    Learnt,
    Resolution,
    ResolutionSummary,
)
from omniltv.identity.stitching.spec import (
    LinkSpec,
)
from omniltv.identity.stitching.stitch import (
    stitch,
)
from omniltv.identity.stitching.timeline import (
    Timeline,
    timeline,
)

__all__ = [
    "Evidence",
    "Learnt",
    "LinkSpec",
    "LinkageQuality",
    "ProfileRules",
    "Reliability",
    "Resolution",
    "ResolutionSummary",
    "Survivor",
    "Timeline",
    "linkage_quality",
    "profiles",
    "reliability",
    "stitch",
    "timeline",
]
