"""One customer across channels: identity, lifetime value, tiers and lift."""
