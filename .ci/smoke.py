"""What a newcomer's first minute needs, on a plain install: checks, customers, a history, tiers."""

import subprocess
import sys
import time

import omniltv as ltv

HEAVY = {"arviz", "matplotlib", "pymc", "recordlinkage", "splink"} & set(sys.modules)
assert not HEAVY, HEAVY

import pandas as pd  # noqa: E402 - after the light import was checked

from omniltv.identity import stitch  # noqa: E402 - as above
from omniltv.segmentation import Cut  # noqa: E402 - as above


def seconds() -> float:
    """Return the wall time of a process that imports the package and ends."""
    begin = time.perf_counter()
    subprocess.check_call([sys.executable, "-c", "import omniltv"])
    return time.perf_counter() - begin


print(f"python -c 'import omniltv', best of 5: {min(seconds() for _ in range(5)):.3f} s")

rows = pd.DataFrame(
    {
        "customer_id": ["a", "a", "b", "c", None],
        "channel": ["ec", "store", "ec", "ec", "ec"],
        "time": ["2026-01-01", "2026-01-08", "2026-01-09", "2026-01-09", "2026-01-09"],
        "value": [10.0, 20.0, 8.0, 1.0, 1.0],
    }
)
checked = ltv.check(rows, "purchases")
assert (len(checked.valid), len(checked.rejected)) == (4, 1)
history = ltv.PurchaseLog.from_frame(checked.valid).history(unit="week")
assert history.frequency.tolist() == [1, 0, 0]
expected = pd.DataFrame(
    {
        "customer_id": ["a", "b", "c"],
        "value": [30.0, 20.0, 10.0],
        "predictive_upper": [60.0, 50.0, 15.0],
        "realised_value": [30.0, 8.0, 1.0],
    }
)
scheme = ltv.TierScheme.high_potential_general(high=Cut(amount=25.0), upper="predictive_upper")
tiering = scheme.assign(expected)
lists = pd.DataFrame(
    {
        "source": ["store", "ec", "ec"],
        "record_id": ["S1", "E1", "E2"],
        "family_name": ["髙橋", "Takahashi", "高橋"],
        "given_name": ["花子", "Hanako", "太郎"],
        "given_name_kana": ["ハナコ", None, "タロウ"],
        "phone": ["090-1234-5678", "+81 90 1234 5678", "09012345678"],
    }
)
found = stitch(lists)
assert found.summary().customers == 2
assert "recordlinkage" not in sys.modules
print(f"Python {sys.version.split()[0]}, pandas {pd.__version__}", history, tiering, sep="\n")
