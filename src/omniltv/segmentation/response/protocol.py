"""The plug-in point for response models: fit on contacts, then probabilities of contacts."""

from typing import Protocol, runtime_checkable

from omniltv._arrays import Vector
from omniltv.segmentation.response.contacts import ContactHistory, ContactTable

__all__ = ["FittedResponse", "ResponseModel"]


@runtime_checkable
class FittedResponse(Protocol):
    """A fitted response model.

    Examples:
        >>> import numpy as np
        >>> class Half:
        ...     def probability(self, contacts):
        ...         return np.full(len(contacts), 0.5)
        >>> isinstance(Half(), FittedResponse)
        True
    """

    def probability(self, contacts: ContactTable) -> Vector:
        """Return the probability of a response to each contact, of shape (n_contacts,).

        Args:
            contacts: Planned contacts, also of customers who were never contacted.
        """
        ...


@runtime_checkable
class ResponseModel(Protocol):
    """A model of the response to a contact; its laws: `omniltv.testing.check_response_model`.

    Examples:
        >>> import numpy as np
        >>> class OneRate:
        ...     name = "one rate"
        ...     def fit(self, history):
        ...         self.rate = history.responded.mean()
        ...         return self
        ...     def probability(self, contacts):
        ...         return np.full(len(contacts), self.rate)
        >>> isinstance(OneRate(), ResponseModel)
        True
    """

    @property
    def name(self) -> str:
        """Name that errors and tables show."""
        ...

    def fit(self, history: ContactHistory) -> FittedResponse:
        """Return the model fitted to a contact history.

        Args:
            history: Contacts and whether each got a response.
        """
        ...
