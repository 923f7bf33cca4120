"""The contact policy: consent, frequency caps, quiet hours, rests; overlap and omission."""

from omniltv.segmentation.policy.contact_policy import ContactPolicy, FrequencyCap, QuietHours
from omniltv.segmentation.policy.overlap import ContactOverlap, contact_overlap

__all__ = ["ContactOverlap", "ContactPolicy", "FrequencyCap", "QuietHours", "contact_overlap"]
