"""A response model of one's own: one class, public names only, held to the public laws."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest

from omniltv.errors import DataError
from omniltv.segmentation.response import (
    ContactHistory,
    ContactTable,
    FittedResponse,
    ResponseModel,
    fit_response,
)
from omniltv.testing import check_response_model


@dataclass(frozen=True)
class Shares:
    """The share of responses of each channel."""

    by_channel: dict[str, float]

    def probability(self, contacts: ContactTable) -> np.ndarray:
        return np.array([self.by_channel.get(name, 0.0) for name in contacts.channel.tolist()])


@dataclass(frozen=True)
class ByChannel:
    """One probability per channel."""

    name: str = "by channel"

    def fit(self, history: ContactHistory) -> Shares:
        channel = history.contacts.channel
        hits, all_of = Counter(channel[history.responded].tolist()), Counter(channel.tolist())
        return Shares({name: hits[name] / count for name, count in all_of.items()})


@dataclass
class Spoilt:
    """A model that breaks a law."""

    spoil: Callable[[np.ndarray], Any]
    name: str = "spoilt"
    fits: int = 0

    def fit(self, history: ContactHistory) -> "Spoilt":
        self.inner, self.fits = ByChannel().fit(history), self.fits + 1
        return self

    def probability(self, contacts: ContactTable) -> np.ndarray:
        return np.asarray(self.spoil(self.inner.probability(contacts)))


HISTORY = pd.DataFrame(
    {
        "customer_id": ["ann", "ben", "ann", "ben"],
        "channel": ["ec", "ec", "call", "call"],
        "time": pd.to_datetime("2026-01-05 20:00"),
        "responded": [True, False, True, True],
    }
)


def test_a_response_model_of_ones_own_keeps_the_laws() -> None:
    assert isinstance(ByChannel(), ResponseModel)
    assert isinstance(Shares({}), FittedResponse)
    check_response_model(ByChannel())


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda p: p[:-1], "one probability per contact"),
        (lambda p: p - 1, "does not return probabilities"),
        (lambda p: np.minimum(p + 0.1, 1), "has a mean of"),
        (lambda p: np.full(len(p), p[:1].sum()), "has a mean of|order of contacts"),
        (lambda p: p * (len(p) != 1), "a contact alone"),
        (lambda p: p, "forgets a fit"),
    ],
)
def test_the_laws_catch_models_that_break_them(spoil: Callable[..., Any], words: str) -> None:
    with pytest.raises(AssertionError, match=words):
        check_response_model(Spoilt(spoil))


def test_a_response_model_of_ones_own_predicts() -> None:
    found = fit_response(HISTORY, model=ByChannel())
    asked = HISTORY.drop(columns=["responded"])
    assert found.predict(asked)["p_response"].tolist() == [0.5, 0.5, 1.0, 1.0]
    assert repr(found) == "Responses(by channel)"


def test_what_is_no_probability_is_refused() -> None:
    found = fit_response(HISTORY, model=Spoilt(lambda p: p + 1))
    with pytest.raises(DataError, match="spoilt does not return one probability per contact"):
        found.predict(HISTORY.drop(columns=["responded"]))
