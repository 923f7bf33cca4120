"""The result of assigning tiers: the tier of each customer, and how probable each tier is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from omniltv._frames import Table, Tabular
from omniltv._options import Natural, checked

if TYPE_CHECKING:
    from omniltv.segmentation.tiers.scheme import TierScheme

__all__ = ["ProbabilisticTiering", "Tiering"]

_SHOWN = (
    "acquisition_channel",
    "channel",
    "predictive_lower",
    "predictive_upper",
    "prob_alive",
    "realised_value",
    "last_purchase",
)


@checked
@dataclass(frozen=True, eq=False)
class Tiering(Tabular):
    """The tier of each customer; created by `TierScheme.assign`.

    Attributes:
        scheme: The scheme, with its lines as the amounts used.
        customer_id: Shape (n_customers,).
        code: Position of the tier of each customer in ``scheme.tiers``, shape (n_customers,).
        value: Expected value, shape (n_customers,).
        details: What else is known of each customer, by column: the columns of the value and
            of the log that were given.

    Examples:
        >>> import pandas as pd
        >>> from omniltv.segmentation import Cut, Tier, TierScheme
        >>> gold = Tier(name="gold", value_at_least=Cut(share=0.5))
        >>> scheme = TierScheme(tiers=(gold, Tier(name="other")))
        >>> tiering = scheme.assign(pd.DataFrame({"customer_id": ["a", "b"], "value": [1.0, 9.0]}))
        >>> tiering.tier.tolist()
        ['other', 'gold']
        >>> tiering.first(1)
         place customer_id tier  value
             1           b gold      9
    """

    scheme: "TierScheme"
    customer_id: NDArray[np.object_]
    code: NDArray[np.intp]
    value: NDArray[np.float64]
    details: Mapping[str, NDArray[np.generic]] = field(default_factory=dict, kw_only=True)

    def __len__(self) -> int:
        return len(self.customer_id)

    def __repr__(self) -> str:
        parts = ", ".join(f"{n} {s:,}" for n, s in zip(self.names, self._sizes(), strict=True))
        return f"{type(self).__name__}({len(self):,} customers: {parts})"

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the tiers, best first."""
        return self.scheme.names

    @property
    def tier(self) -> NDArray[np.str_]:
        """Name of the tier of each customer, of shape (n_customers,)."""
        return np.asarray(self.names)[self.code]

    @property
    def surplus(self) -> NDArray[np.float64]:
        """Value above the line of the customer's tier, of shape (n_customers,).

        It is 0 in tiers without a line on value. `TierMemory` may carry it over.
        """
        cuts = [tier.value_at_least for tier in self.scheme.tiers]
        lines = np.array([np.inf if cut is None else cut.at(()) for cut in cuts])
        return np.asarray(np.fmax(0.0, self.value - lines[self.code]), dtype=np.float64)

    def columns(self) -> Mapping[str, NDArray[np.generic]]:
        """Return the columns of one row per customer, in the order of the input.

        They are the id, ``tier``, the value, and the ``details``.

        Examples:
            >>> import pandas as pd
            >>> from omniltv.segmentation import Tier, TierScheme
            >>> frame = pd.DataFrame({"customer_id": ["a"], "value": [1.0]})
            >>> list(TierScheme(tiers=(Tier(name="all"),)).assign(frame).columns())
            ['customer_id', 'tier', 'value']
        """
        return {**self._own(), **{k: v for k, v in self.details.items() if k not in self._own()}}

    def first(self, n: Natural) -> Table:
        """Return the ``n`` customers to attend to first (接客優先度), best place first.

        Customers are sorted by tier, then by expected value from high to low, then by their
        order in the input. Of the details the table shows channel, predictive interval,
        P(alive), realised value and last purchase.

        Examples:
            >>> import pandas as pd
            >>> from omniltv.segmentation import Tier, TierScheme
            >>> frame = pd.DataFrame({"customer_id": ["a", "b"], "value": [1.0, 9.0]})
            >>> TierScheme(tiers=(Tier(name="all"),)).assign(frame).first(2)
             place customer_id tier  value
                 1           b  all      9
                 2           a  all      1
        """
        order = np.lexsort((-self.value, self.code))[: max(n, 0)]
        known = self.columns()
        shown = [*self._own(), *(name for name in _SHOWN if name in self.details)]
        rows = {name: known[name][order] for name in shown}
        return Table({"place": np.arange(1, len(order) + 1), **rows})

    def summary(self) -> Table:
        """Return one row per tier: customers, their share, value, its share.

        Examples:
            >>> import pandas as pd
            >>> from omniltv.segmentation import Cut, Tier, TierScheme
            >>> gold = Tier(name="gold", value_at_least=Cut(amount=5))
            >>> scheme = TierScheme(tiers=(gold, Tier(name="other")))
            >>> scheme.assign(pd.DataFrame({"customer_id": ["a", "b"], "value": [1, 9]})).summary()
             tier  customers  share  value  value_share
             gold          1    0.5      9          0.9
            other          1    0.5      1          0.1
        """
        sizes = self._sizes()
        value = np.bincount(self.code, weights=self.value, minlength=len(self.names))
        return Table(
            {
                "tier": np.asarray(self.names),
                "customers": sizes,
                "share": _shares(sizes),
                "value": value,
                "value_share": _shares(value),
            }
        )

    def _own(self) -> dict[str, NDArray[np.generic]]:
        return {
            self.scheme.customer_id: self.customer_id,
            "tier": self.tier,
            self.scheme.value: self.value,
        }

    def _sizes(self) -> NDArray[np.intp]:
        return np.bincount(self.code, minlength=len(self.names))


@checked
@dataclass(frozen=True, eq=False, repr=False)
class ProbabilisticTiering(Tiering):
    """The tier of each customer, and how probable each tier is.

    Attributes:
        probabilities: Share of the draws that put the customer into each tier, of shape
            (n_customers, n_tiers); rows add up to 1.

    Examples:
        >>> import pandas as pd
        >>> from omniltv.draws import RowDraws
        >>> from omniltv.segmentation import Cut, Tier, TierScheme
        >>> gold = Tier(name="gold", value_at_least=Cut(amount=5))
        >>> scheme = TierScheme(tiers=(gold, Tier(name="other")))
        >>> frame = pd.DataFrame({"customer_id": ["a"], "value": [4.0]})
        >>> scheme.assign(frame, draws=RowDraws.from_array([[2.0, 3.0, 4.0, 7.0]])).probabilities
        array([[0.25, 0.75]])
    """

    probabilities: NDArray[np.float64]

    def columns(self) -> Mapping[str, NDArray[np.generic]]:
        """Return the columns of one row per customer, with ``probability_<tier>``.

        Examples:
            >>> import pandas as pd
            >>> from omniltv.draws import RowDraws
            >>> from omniltv.segmentation import Tier, TierScheme
            >>> frame = pd.DataFrame({"customer_id": ["a"], "value": [4.0]})
            >>> scheme = TierScheme(tiers=(Tier(name="all"),))
            >>> list(scheme.assign(frame, draws=RowDraws.from_array([[2.0]])).columns())
            ['customer_id', 'tier', 'value', 'probability_all']
        """
        chances = zip(self.names, self.probabilities.T, strict=True)
        return {**super().columns(), **{f"probability_{name}": p for name, p in chances}}

    def summary(self) -> Table:
        """Return one row per tier, with the expected number of customers over the draws.

        ``mean_probability`` is the mean probability of the tier among its customers.

        Examples:
            >>> import pandas as pd
            >>> from omniltv.draws import RowDraws
            >>> from omniltv.segmentation import Tier, TierScheme
            >>> table = pd.DataFrame({"customer_id": ["a"], "value": [4.0]})
            >>> everybody = TierScheme(tiers=(Tier(name="all"),))
            >>> everybody.assign(table, draws=RowDraws.from_array([[2.0]])).summary()
            tier  customers  share  value  value_share  expected_customers  mean_probability
             all          1      1      4            1                   1                 1
        """
        own = np.take_along_axis(self.probabilities, self.code[:, None], axis=1)[:, 0]
        sure = np.bincount(self.code, weights=own, minlength=len(self.names))
        expected = {
            "expected_customers": self.probabilities.sum(axis=0),
            "mean_probability": sure / np.maximum(self._sizes(), 1),
        }
        return Table({**super().summary().data, **expected})


def _shares(parts: NDArray[np.float64] | NDArray[np.intp]) -> NDArray[np.float64]:
    total = parts.sum()
    return parts / total if total else np.zeros(len(parts))
