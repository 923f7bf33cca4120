"""What a newcomer's first minute needs, on a plain install."""

import sys
import time

begin = time.perf_counter()
import omniltv as ltv  # noqa: E402 - the import is what is timed

seconds = time.perf_counter() - begin
heavy = {"pymc", "arviz", "splink", "recordlinkage", "matplotlib"} & set(sys.modules)
python = sys.version.split()[0]
print(f"import omniltv: {seconds:.3f} s on Python {python}; heavy modules: {len(heavy)}")
assert not heavy

import pandas as pd  # noqa: E402 - after the light import was seen

rows = pd.DataFrame(
    {
        "customer_id": ["a", "a", "b", None],
        "channel": ["ec", "store", "ec", "ec"],
        "time": ["2026-01-01", "2026-01-08", "2026-01-09", "2026-01-09"],
        "value": [10.0, 20.0, 8.0, 1.0],
    }
)
log = ltv.PurchaseLog.from_frame(rows)
history = log.history(unit="week")
assert log.n_rejected == 1
assert history.frequency.tolist() == [1, 0]
print(log, history, sep="\n")
