"""The table of effects: what experiments measured, and priors for what they did not."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from omniltv._arrays import Flags, Matrix, Places
from omniltv._columns import as_labels, numbers, require
from omniltv._frames import Eager, IntoTable, collect
from omniltv.errors import DataError
from omniltv.segmentation.playbook.playbook import Playbook

__all__ = ["EffectTable"]

_WHAT = "the table of effects"
_COLUMNS = ("treatment", "tier", "channel", "effect", "sd")

type _Known = Mapping[tuple[str, str, str], int]


@dataclass(frozen=True, eq=False)
class EffectTable:
    """Effects per treatment rule and tier; arrays have shape (n_rules, n_tiers).

    Attributes:
        effect: Expected value per contact.
        sd: Its standard deviation.
        measured: Whether it comes from the table; else it is the prior of the playbook.
    """

    effect: Matrix
    sd: Matrix
    measured: Flags

    @classmethod
    def read(cls, effects: IntoTable, playbook: Playbook) -> Self:
        """Return the effects of the treatments of a playbook.

        A row without a tier is of all tiers that have no row of their own.

        Raises:
            DataError: If a column is absent, a number is missing, a standard deviation is
                negative, or an effect is given twice.
        """
        table = collect(effects, _WHAT)
        require(table.columns, _COLUMNS, _WHAT)
        ids = np.fromiter(range(len(table)), dtype=object, count=len(table))
        effect = numbers(table, "effect", _WHAT, ids=ids)
        sd = numbers(table, "sd", _WHAT, ids=ids)
        if (sd < 0).any():
            rows = np.flatnonzero(sd < 0).tolist()
            raise DataError("negative standard deviations", column="sd", rows=rows, hint="sd >= 0")
        known = _keys(table)
        shape = (len(playbook.treatments), len(playbook.tiers))
        row = np.full(shape, -1, dtype=np.intp)
        for r, rule in enumerate(playbook.treatments):
            for t, tier in enumerate(playbook.tiers):
                every = known.get((rule.name, "", rule.channel), -1)
                row[r, t] = known.get((rule.name, tier, rule.channel), every)
        priors = [rule.prior or playbook.prior for rule in playbook.treatments]
        return cls(
            _taken(effect, row, np.array([prior.effect for prior in priors])),
            _taken(sd, row, np.array([prior.sd for prior in priors])),
            row >= 0,
        )


def _keys(table: Eager) -> _Known:
    """Return the row of each treatment, tier (empty for all tiers) and channel."""
    rows = range(len(table))
    treatment = as_labels(table["treatment"].to_list(), "treatment", ids=list(rows)).tolist()
    channel = as_labels(table["channel"].to_list(), "channel", ids=list(rows)).tolist()
    tier = [value if isinstance(value, str) else "" for value in table["tier"].to_list()]
    keys = list(zip(treatment, tier, channel, strict=True))
    known = {key: row for row, key in reversed(list(enumerate(keys)))}
    twice = [row for row, key in enumerate(keys) if known[key] != row]
    if twice:
        hint = "one row per treatment, tier and channel"
        raise DataError("effects given twice", column="treatment", rows=twice, hint=hint)
    return known


def _taken(
    values: np.ndarray[tuple[int], np.dtype[np.float64]], row: Places, prior: Matrix
) -> Matrix:
    """Return the values of rows; the prior where there is none."""
    found = np.append(values, 0.0)[row]
    return np.where(row >= 0, found, prior[:, None])
