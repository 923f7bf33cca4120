"""Expected purchases of months ahead by pymc-marketing's MBG/NBD, at the mode of its posterior.

Run by `_peers.run` in pymc-marketing's own environment: `... INPUT.json OUTPUT.json`.
"""

import json
import sys
from pathlib import Path

import pandas as pd
from pymc_marketing.clv import (
    ModifiedBetaGeoModel,
)


def main() -> None:
    """Read the histories and the ends of the months, fit, and write the total by each end."""
    source, target = map(Path, sys.argv[1:])
    given = json.loads(source.read_text("utf-8"))
    model = ModifiedBetaGeoModel()
    model.fit(pd.DataFrame(given["purchases"]), method="map", progressbar=False)
    until = [float(model.expected_purchases(future_t=end).sum()) for end in given["ends"]]
    target.write_text(json.dumps({"until": until}), "utf-8")


if __name__ == "__main__":
    main()
