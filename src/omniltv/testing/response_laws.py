"""Laws that every response model must satisfy."""

from dataclasses import fields

import numpy as np

from omniltv._arrays import Flags, Vector
from omniltv._options import checked
from omniltv.segmentation.response import ContactHistory, ContactTable, ResponseModel

__all__ = ["check_response_model", "random_contacts"]

_ALONE = 10
_CLOSE = 1e-9
_OFF = 0.02


@checked
def check_response_model(model: ResponseModel, history: ContactHistory | None = None) -> None:
    """Raise AssertionError if a response model breaks a law.

    The laws: one probability per contact, also for customers and tiers that the history does not
    have; the mean probability of the history is its share of responses (within .02); a contact
    has the same probability alone and in any order; no contacts are allowed; fitting again, and
    fitting before, changes nothing; the history is not changed.

    Args:
        model: The model.
        history: The history to fit it on; a random one if None.

    Examples:
        >>> from omniltv.segmentation.response import PooledResponse
        >>> check_response_model(PooledResponse())
    """
    given = random_contacts(1) if history is None else history
    before, asked = _copy(given.contacts), _with_strangers(given.contacts)
    fitted = model.fit(given)
    for name, values in _columns(given.contacts).items():
        same = (values == before[name]) | (values != values)  # noqa: PLR0124 - NaN
        assert same.all(), f"{model.name} changes the history"
    chance = _answer(model.name, fitted.probability(asked), len(asked))
    share, mean = given.responded.mean(), chance[: len(given.contacts)].mean()
    assert abs(share - mean) <= _OFF, f"{model.name} has a mean of {mean:.3f}, not {share:.3f}"
    order = np.random.default_rng(16).permutation(len(asked))
    shuffled = fitted.probability(asked.take(order))
    assert _same(shuffled, chance[order]), f"{model.name} depends on the order of contacts"
    for row in order[:_ALONE]:
        alone = fitted.probability(asked.take(np.array([row])))
        assert _same(alone, chance[[row]]), f"{model.name} changes its answer for a contact alone"
    _answer(model.name, fitted.probability(asked.take(order[:0])), 0)
    model.fit(_half(given))
    again = fitted.probability(asked)
    assert _same(again, chance), f"{model.name} forgets a fit when it is fitted again"
    assert _same(model.fit(given).probability(asked), chance), f"{model.name} is not repeatable"


def random_contacts(seed: int, customers: int = 60) -> ContactHistory:
    """Return a random history: two channels, three tiers, people who respond more or less.

    Examples:
        >>> history = random_contacts(1)
        >>> len(history.contacts) == len(history.responded) > 100
        True
    """
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(customers), rng.integers(1, 12, customers))
    n = len(who)
    liking = rng.normal(-0.5, 1.0, customers)
    contacts = ContactTable(
        customer_id=np.array([f"c{number}" for number in who], dtype=object),
        channel=np.array(["call", "ec"])[rng.integers(0, 2, n)],
        tier=np.array(["general", "high", "potential"])[who % 3],
        hour=rng.uniform(8, 22, n),
        weekday=rng.integers(0, 7, n),
        recent=rng.exponential(0.5, n),
        propensity=np.full(n, np.nan),
    )
    log_odds = liking[who] + (contacts.channel == "call") - 0.3 * contacts.recent
    responded: Flags = rng.random(n) < 1 / (1 + np.exp(-log_odds))
    return ContactHistory(contacts, responded)


def _columns(contacts: ContactTable) -> dict[str, np.ndarray]:
    return {field.name: getattr(contacts, field.name) for field in fields(contacts)}


def _copy(contacts: ContactTable) -> dict[str, np.ndarray]:
    return {name: values.copy() for name, values in _columns(contacts).items()}


def _with_strangers(contacts: ContactTable) -> ContactTable:
    """Return the contacts, and those of a customer and a tier that the history does not have."""
    rows = np.r_[np.arange(len(contacts)), 0, len(contacts) - 1]
    more = contacts.take(rows)
    more.customer_id[-2:] = ["stranger", "other stranger"]
    tier = np.array([*contacts.tier.tolist(), "stranger", "stranger"])
    return ContactTable(**{**_columns(more), "tier": tier})


def _half(history: ContactHistory) -> ContactHistory:
    rows = np.arange(0, len(history.contacts), 2)
    return ContactHistory(history.contacts.take(rows), ~history.responded[rows])


def _answer(name: str, chance: Vector, n: int) -> Vector:
    found = np.asarray(chance)
    assert found.shape == (n,), f"{name} does not return one probability per contact"
    assert ((found >= 0) & (found <= 1)).all(), f"{name} does not return probabilities"
    return found


def _same(one: Vector, other: Vector) -> bool:
    return bool(np.allclose(one, other, rtol=0, atol=_CLOSE))
