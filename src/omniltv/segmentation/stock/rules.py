"""The rules of fulfilment, as a document: which ways are tried, and how long they take."""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from omniltv._config import Written
from omniltv._options import checked

__all__ = ["StockRules"]

type Way = Literal["in store", "click and collect", "transfer"]
type WaitDays = Annotated[int, Field(ge=0, le=365, strict=True)]


@checked
class StockRules(Written):
    """How an item of an offer reaches the customer.

    An offer with a store tries the ways in their order: the stock of the store, an order online
    that is collected in the store (from the warehouse), and a transfer from another store. An
    offer without a store is delivered from the warehouse or, if ``transfer`` is one of the ways,
    sent from a store.

    Attributes:
        ways: The ways that are tried, in this order.
        warehouse: Location of the stock of the EC site.
        transfers: Stores that may send an item to a store; all of them if a store is not named.
        collect_days: Days until an item from the warehouse is in the store.
        transfer_days: Days until an item from another store is there.
        substitute: Whether the next best item is tried if an item cannot be delivered.

    Examples:
        >>> rules = StockRules(ways=("in store", "transfer"), transfers={"Ginza": ("Ueno",)})
        >>> StockRules.from_yaml(rules.to_yaml()) == rules
        True
    """

    ways: Annotated[tuple[Way, ...], Field(min_length=1)] = (
        "in store", "click and collect", "transfer",
    )  # fmt: skip
    warehouse: Annotated[str, Field(min_length=1)] = "warehouse"
    transfers: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)
    collect_days: WaitDays = 2
    transfer_days: WaitDays = 3
    substitute: bool = True

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        if len(set(self.ways)) < len(self.ways):
            raise ValueError("a way is named twice")
        return self
