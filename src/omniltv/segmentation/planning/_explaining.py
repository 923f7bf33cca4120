"""What was decided on each treatment of a customer, and what scarce resources are worth."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from omniltv._arrays import Objects
from omniltv._columns import positions
from omniltv._frames import Table
from omniltv.errors import DataError
from omniltv.segmentation.planning._candidates import STAGES, TreatmentCandidates
from omniltv.segmentation.playbook.playbook import Playbook

__all__ = ["PlanDecisions"]

_CHOSEN, _NOT, _REFUSED, _OUT = "chosen", "not chosen", "not allowed", "not eligible"


@dataclass(frozen=True, eq=False)
class PlanDecisions:
    """What the plan has decided.

    Attributes:
        playbook: The playbook.
        ids: The customers.
        candidates: The candidates, with columns ``gain`` and ``chosen``.
        lacking: What the customers lack who get nothing, by customer.
    """

    playbook: Playbook
    ids: Objects
    candidates: TreatmentCandidates
    lacking: Mapping[object, str]

    def explain(self, customer_id: object) -> Table:
        """Return the decisions on a customer, one row per treatment and channel.

        Raises:
            DataError: If there is no such customer.
        """
        wanted = np.empty(1, dtype=object)
        wanted[0] = customer_id
        place = int(positions(wanted, self.ids)[0])
        if place < 0:
            hint = "plan.contacts has the customers who get something"
            raise DataError("no such customer in the plan", column="customer_id", hint=hint)
        rows = self.candidates.rows
        own = rows[rows["place"] == place].drop_duplicates("rule").set_index("rule")
        chosen = [self._name(int(str(rule))) for rule in own.index[own["chosen"]]]
        decided = [
            self._decided(number, own, chosen, place)
            for number in range(len(self.playbook.treatments))
        ]
        decision, why, gain = zip(*decided, strict=True)
        rules = self.playbook.treatments
        return Table(
            {
                "treatment": np.array([rule.name for rule in rules], dtype=object),
                "channel": np.array([rule.channel for rule in rules], dtype=object),
                "decision": np.array(decision, dtype=object),
                "why": np.array(why, dtype=object),
                "expected_gain": np.array(gain, dtype=np.float64),
                "cost": np.array([rule.cost for rule in rules]),
            }
        )

    def _decided(
        self, number: int, own: pd.DataFrame, chosen: list[str], place: int
    ) -> tuple[str, str, float]:
        """Return the decision on a treatment, the reason and the gain."""
        if number not in own.index:
            return _OUT, STAGES[self.candidates.stage[place, number]], np.nan
        row = own.loc[number]
        gain = float(str(row["gain"]))
        if row["reason"] is not None:
            return _REFUSED, str(row["reason"]), gain
        if bool(row["chosen"]):
            return _CHOSEN, str(row["cause"]), gain
        if gain <= self.playbook.treatments[number].cost:
            return _NOT, "the gain does not exceed the cost", gain
        if chosen:
            return _NOT, f"{chosen[0]} is worth more to the plan", gain
        return _NOT, self.lacking.get(self.ids[place], "too little is left of a resource"), gain

    def _name(self, number: int) -> str:
        rule = self.playbook.treatments[number]
        return f"{rule.name} on {rule.channel}"

    def worth(self, prices: Table) -> tuple[str, ...]:
        """Return what one more unit of each scarce resource is worth, the dearest first."""
        labels = {each.name: each for each in self.playbook.resources}
        found = []
        columns = (prices.data["resource"], prices.data["place"], prices.data["price"])
        for name, place, price in zip(*(column.tolist() for column in columns), strict=True):
            if price <= 0:
                continue
            known = labels.get(name)
            worth = price * (1.0 if known is None else known.amount)
            label = name if known is None or known.label is None else known.label
            where = f" in {place}" if place else ""
            text = f"one more {label}{where} is worth {worth:,.4g} {self.playbook.currency}"
            found.append((worth, text))
        return tuple(text for _, text in sorted(found, key=lambda pair: (-pair[0], pair[1])))
