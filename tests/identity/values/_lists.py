"""Lists of a few records, as the tests of values read and compare them."""

import pandas as pd

from omniltv.identity import Spelling
from omniltv.identity.linking.comparisons import DEFAULT_COMPARISONS
from omniltv.identity.linking.values import Pairs
from omniltv.identity.records.intake import read_records
from omniltv.identity.records.masking import mask_shared


def lists(**columns: object) -> pd.DataFrame:
    """Return a list of one source with some columns."""
    frame = pd.DataFrame(columns, dtype=object)
    n = len(frame)
    return frame.assign(source="ec", record_id=[f"r{k:02d}" for k in range(n)])


def values(name: str, **columns: object) -> list[str | None]:
    """Return a normalised column of a list."""
    _, records = read_records(lists(**columns), normalised=False, spelling=Spelling())
    if name not in records.columns:
        return [None] * len(records)
    column = records.columns[name]
    return [None if code < 0 else column.values[code] for code in column.codes.tolist()]


def grade(comparison: str, **columns: object) -> str:
    """Return the level of the first two records of a list."""
    _, read = read_records(lists(**columns), normalised=False, spelling=Spelling())
    records, _ = mask_shared(read, max_sharing=30)
    rule = next(rule for rule in DEFAULT_COMPARISONS if rule.name == comparison)
    level = int(rule.grade(Pairs.of(records.columns, [0], [1]))[0])
    return "missing" if level < 0 else rule.levels[level]
