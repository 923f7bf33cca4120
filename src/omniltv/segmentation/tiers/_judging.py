"""Which tiers are open to a customer, and how probable each tier is."""

from math import inf
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from omniltv._log import logged
from omniltv.draws import RowDraws
from omniltv.errors import ConfigError
from omniltv.segmentation.tiers._customers import CustomerTable
from omniltv.segmentation.tiers.rules import holds_for
from omniltv.segmentation.tiers.tier import Cut, ReachProbability

if TYPE_CHECKING:
    from omniltv.segmentation.tiers.scheme import TierScheme

__all__ = ["line_of", "open_to", "probabilities"]


def line_of(cut: Cut | None) -> float:
    """Return a cut that is an amount already; minus infinity if there is none."""
    return -inf if cut is None else cut.at(())


@logged("tiers opened to customers")
def open_to(scheme: "TierScheme", customers: CustomerTable) -> NDArray[np.bool_]:
    """Return which tiers each row may enter, lines on value aside: (n_rows, n_tiers)."""
    lines = {tier.name: line_of(tier.value_at_least) for tier in scheme.tiers}
    answer = np.ones((len(customers.id), len(scheme.tiers)), dtype=np.bool_)
    for k, tier in enumerate(scheme.tiers):
        if tier.when is not None:
            answer[:, k] &= tier.when.mask(customers.table.to_native())
        for rule in tier.rules:
            answer[:, k] &= holds_for(rule, customers.table)
        if tier.realised_below is not None:
            answer[:, k] &= customers.numbers(scheme.realised) < line_of(tier.realised_below)
        if tier.chance is not None:
            answer[:, k] &= _may_reach(scheme, customers, tier.chance, lines[tier.chance.tier])
    return answer


def _may_reach(
    scheme: "TierScheme", customers: CustomerTable, chance: ReachProbability, line: float
) -> NDArray[np.bool_]:
    if scheme.upper is not None:
        return customers.numbers(scheme.upper) >= line
    if customers.draws is None:
        hint = "assign(value, log), assign(frame, draws=...), or a scheme with upper="
        raise ConfigError(f"a tier needs probabilities, and there are no draws. Hint: {hint}")
    return customers.draws.prob_at_least(line) >= chance.at_least


@logged("tier probabilities")
def probabilities(
    open_to: NDArray[np.bool_], lines: NDArray[np.float64], draws: RowDraws
) -> NDArray[np.float64]:
    """Return the probability of each tier, of shape (n_rows, n_tiers).

    The requirement of a tier on the value is a half-line [line, infinity). So among the
    tiers that are open to a row, the first k together cover the half-line of the lowest of
    their lines, and tier k gets what it adds.
    """
    chances = np.zeros(open_to.shape)
    taken = np.zeros(len(open_to))
    for k, line in enumerate(lines):
        reach = draws.prob_at_least(line) if line > -inf else 1.0
        upto = np.maximum(taken, open_to[:, k] * reach)
        chances[:, k] = upto - taken
        taken = upto
    return chances
