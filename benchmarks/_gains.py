"""By how much one way is ahead of the others, over simulated worlds."""

from collections.abc import Mapping

import pandas as pd

__all__ = ["gains"]


def gains(errors: Mapping[str, pd.DataFrame], ours: str) -> pd.DataFrame:
    """Return a row per error and other way: the mean gain, and in how many worlds there is one.

    Args:
        errors: By name of the error, a row per world and a column per way.
        ours: The way whose errors should be the smallest.
    """
    rows: list[dict[str, object]] = []
    for name, worlds in errors.items():
        for other in worlds.columns.drop(ours):
            gain = worlds[other].to_numpy(dtype=float) - worlds[ours].to_numpy(dtype=float)
            rows.append(
                {
                    "error": name,
                    "against": other,
                    "mean gain": float(gain.mean().round(4)),
                    "± gain": float((gain.std(ddof=1) / len(gain) ** 0.5).round(4)),
                    "worlds ahead": int((gain > 0).sum()),
                    "worlds": len(gain),
                }
            )
    return pd.DataFrame(rows)
