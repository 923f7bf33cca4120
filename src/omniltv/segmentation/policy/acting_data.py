"""What a plan reads besides the customers: consents, events, contacts, stock, responses."""

from dataclasses import dataclass, field

from omniltv._frames import IntoTable
from omniltv._options import checked
from omniltv.segmentation.conditions.context import Context
from omniltv.segmentation.triggers.events import CustomerEvents

__all__ = ["ActingData"]


@checked
@dataclass(frozen=True, eq=False, kw_only=True)
class ActingData:
    """Tables that a plan of contacts reads besides the customers.

    Attributes:
        consents: ``customer_id`` and ``channel``: who may be contacted, and can be. With the
            columns ``consent`` and ``reachable``, both must be true.
        events: Events for triggers and for the stop conditions of scenarios.
        contacts: Contacts that were made: ``customer_id``, ``time``, ``treatment``, ``channel``
            and, for scenarios, ``contact_key`` of the plan.
        stock: What can be delivered: ``customer_id``, ``item``, and optionally ``treatment``
            and ``way`` (in the store, click and collect, transfer). A treatment that needs
            stock takes the first row of the customer.
        responses: Best hour: ``customer_id``, ``channel`` and ``hour``; and optionally
            ``factor``, by which the effect on this customer differs from the mean of the tier.
        reserved: Customers who get treatments of one exclusion group only: ``customer_id`` and
            ``exclusion_group``.
        context: Events and draws for conditions; the day and the time zone are filled in.

    Examples:
        >>> import pandas as pd
        >>> ActingData(consents=pd.DataFrame({"customer_id": ["a"], "channel": "ec"})).stock is None
        True
    """

    consents: IntoTable
    events: CustomerEvents | None = None
    contacts: IntoTable | None = None
    stock: IntoTable | None = None
    responses: IntoTable | None = None
    reserved: IntoTable | None = None
    context: Context = field(default_factory=Context)
