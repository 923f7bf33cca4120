"""What a new Python process takes from the import to a posterior, and what it compiles."""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from omniltv.data import PurchaseHistory

__all__ = ["ALLOWED", "figures", "starts"]

STARTS = {  # what a new process does: method, whether the cache of compiled code is empty
    "warm cache": ("auto", False),
    "warm cache, NUTS": ("nuts", False),
    "empty cache": ("auto", True),
    "empty cache, NUTS": ("nuts", True),
}
ALLOWED = {"cpu_start": 2.0, "cpu_compile_fits": 10.0, "cpu_compile_nuts": 10.0}
"""CPU seconds that are allowed."""

START = """
import sys, json, time
import numpy as np
from omniltv import PurchaseHistory, fit
from omniltv.models import BgNbd
imported = time.process_time()
kept = np.load(sys.argv[1])
ids = np.arange(len(kept["T"])).astype(object)
columns = (kept[name] for name in ("frequency", "recency", "T", "value"))
fit(BgNbd(), PurchaseHistory(ids, *columns, "day"), seed=1, method=sys.argv[2], progress=False)
print(json.dumps([imported, time.process_time()]))
"""


def starts(history: PurchaseHistory) -> pd.DataFrame:
    """Return a row per start of a Python process: from nothing to a posterior."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        data, warm = Path(folder) / "history.npz", Path(folder) / "warm"
        np.savez(
            data, frequency=history.frequency, recency=history.recency, T=history.T,
            value=history.monetary_value,
        )  # fmt: skip
        started(data, "nuts", warm)  # compiles everything; not counted
        for what, (method, empty) in STARTS.items():
            cache = Path(folder) / what if empty else warm
            wall, imported, total = started(data, method, cache)
            rows.append(
                {
                    "start": what,
                    "customers": len(history),
                    "method": method,
                    "wall s": round(wall, 2),
                    "import, CPU s": round(imported, 2),
                    "all, CPU s": round(total, 2),
                }
            )
    return pd.DataFrame(rows)


def started(data: Path, method: str, cache: Path) -> tuple[float, float, float]:
    """Return wall time, CPU time of the import, and CPU time in all, of a new process."""
    given = [sys.executable, "-c", START, str(data), method]
    begin = time.perf_counter()
    done = subprocess.run(
        given, stdout=subprocess.PIPE, text=True, check=True,
        env={**os.environ, "NUMBA_CACHE_DIR": str(cache)},
    )  # fmt: skip
    imported, total = json.loads(done.stdout.splitlines()[-1])
    return time.perf_counter() - begin, imported, total


def figures(table: pd.DataFrame) -> dict[str, float]:
    """Return CPU seconds of a start, and of compiling what fits and what NUTS needs."""
    cpu = dict(zip(table["start"], table["all, CPU s"], strict=True))
    fits = cpu["empty cache"] - cpu["warm cache"]
    both = cpu["empty cache, NUTS"] - cpu["warm cache, NUTS"]
    return {
        "cpu_start": cpu["warm cache"],
        "cpu_compile_fits": fits,
        "cpu_compile_nuts": both - fits,
    }
