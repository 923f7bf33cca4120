"""A simulated omnichannel retailer, with the truth behind its data.

Examples:
    >>> retailer = simulate_retailer(500, seed=7)
    >>> retailer.truth
    Truth(500 people, ... records, ... transactions)
"""

from omniltv.data.simulate._config import ChannelConfig, Dirt, RetailerConfig, TreatmentEffect
from omniltv.data.simulate._retailer import FollowUp, Retailer, simulate_retailer
from omniltv.data.simulate._truth import Truth

__all__ = [
    "ChannelConfig",
    "Dirt",
    "FollowUp",
    "Retailer",
    "RetailerConfig",
    "TreatmentEffect",
    "Truth",
    "simulate_retailer",
]
