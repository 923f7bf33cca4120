"""People in households: names, birth dates, addresses and contact details."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from omniltv.data.simulate._names import family_names, given_names
from omniltv.data.simulate._places import Addresses, draw_addresses

__all__ = ["Population", "draw_population"]

_SIZES = (1, 2, 3, 4, 5)
_SIZE_SHARES = (0.40, 0.27, 0.17, 0.12, 0.04)
_MAIL_HOSTS = ("gmail.com", "yahoo.co.jp", "icloud.com", "outlook.jp", "hotmail.co.jp")
_MAIL_SHARES = (0.5, 0.25, 0.12, 0.08, 0.05)
_CARRIERS = ("docomo.ne.jp", "ezweb.ne.jp", "softbank.ne.jp", "au.com")


@dataclass(frozen=True, eq=False)
class Population:
    """People; arrays of shape (n_people,), with texts in standard spelling.

    Attributes:
        household: Household of each person.
        family: Position of the family name in the stock of names.
        maiden: The family name before marriage; the present one if it did not change.
        given: Position of the given name.
        gender: 0 male, 1 female.
        latin: Whether the person has a Latin name.
        birth: Date of birth, datetime64[D].
        mobile: Phone number that the person gives first (for children, maybe that of a parent).
        landline: Phone number of the household; the mobile number if it has none.
        old_phone: The previous number; the present one if it did not change.
        email: First e-mail address (a household may share one).
        email_mobile: Second e-mail address.
        address: Address of the household.
        old_address: The previous address; the present one if it did not change.
        card: Number of the membership card, "" if there is none.
    """

    household: NDArray[np.int64]
    family: NDArray[np.intp]
    maiden: NDArray[np.intp]
    given: NDArray[np.intp]
    gender: NDArray[np.int64]
    latin: NDArray[np.bool_]
    birth: NDArray[np.datetime64]
    mobile: NDArray[np.object_]
    landline: NDArray[np.object_]
    old_phone: NDArray[np.object_]
    email: NDArray[np.object_]
    email_mobile: NDArray[np.object_]
    address: Addresses
    old_address: Addresses
    card: NDArray[np.object_]

    def __len__(self) -> int:
        return len(self.household)


def draw_population(n: int, *, latin: float, card: float, rng: np.random.Generator) -> Population:
    """Return ``n`` people in households of one to five."""
    household, role = _households(n, rng)
    head = np.maximum.accumulate(np.where(role == 0, np.arange(n), 0))
    size = np.bincount(household)[household]
    is_latin = (rng.random(n) < latin)[head]
    gender = _genders(role, head, rng)
    family = family_names().draw(np.where(is_latin, 2, 0), rng)[head]
    given = _given(household, gender + 2 * is_latin, rng)
    mobile = _phones(n, rng)
    with_parent = (role >= 2) & (rng.random(n) < 0.4)
    mobile = np.where(with_parent, mobile[head], mobile)
    has_landline = (rng.random(n) < 0.5)[head]
    email = _emails(family, given, rng)
    shared = (rng.random(n) < 0.12)[head] & (role > 0)
    address = draw_addresses(n, rng).take(head)
    moved = (rng.random(n) < 0.12)[head]
    before = draw_addresses(n, rng).take(head)
    return Population(
        household=household,
        family=family,
        maiden=_maiden(family, gender, role, is_latin, rng),
        given=given,
        gender=gender,
        latin=is_latin,
        birth=_births(role, head, size, rng),
        mobile=mobile,
        landline=np.where(has_landline, _landlines(n, rng)[head], mobile),
        old_phone=np.where(rng.random(n) < 0.08, _phones(n, rng), mobile),
        email=np.where(shared, email[head], email),
        email_mobile=_carrier_emails(given, rng),
        address=address,
        old_address=Addresses(
            *(np.where(moved, old, new) for old, new in zip(before, address, strict=True))
        ),
        card=_cards(n, card, rng),
    )


def _households(n: int, rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the household of each person and the person's position in it."""
    size = rng.choice(_SIZES, size=n, p=_SIZE_SHARES)
    household = np.repeat(np.arange(n), size)[:n].astype(np.int64)
    first = np.searchsorted(household, household, side="left")
    return household, np.arange(n) - first


def _genders(
    role: NDArray[np.int64], head: NDArray[np.intp], rng: np.random.Generator
) -> NDArray[np.int64]:
    gender = rng.integers(0, 2, len(role))
    return np.where(role == 1, 1 - gender[head], gender)


def _given(
    household: NDArray[np.int64], group: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.intp]:
    """Return given names, redrawn if two people of a household would have the same."""
    stock = given_names()
    given = stock.draw(group, rng)
    for _ in range(3):
        again = pd.DataFrame({"household": household, "given": given}).duplicated().to_numpy()
        given[again] = stock.draw(group[again], rng)
    return given


def _births(
    role: NDArray[np.int64],
    head: NDArray[np.intp],
    size: NDArray[np.int64],
    rng: np.random.Generator,
) -> NDArray[np.datetime64]:
    """Return birth dates: spouses have similar ages, children are a generation younger."""
    n = len(role)
    own = np.clip(rng.normal(48, 15, n), np.where(size >= 3, 46, 20), 88)
    spouse = np.clip(own[head] + rng.normal(0, 4, n), 20, 90)
    child = np.clip(own[head] - rng.normal(30, 4, n), 15, 70)
    age = np.select([role == 0, role == 1], [own, spouse], child)
    days = (age * 365.25).astype(np.int64)
    birth: NDArray[np.datetime64] = np.datetime64("2024-01-01") - days.astype("timedelta64[D]")
    return birth


def _maiden(
    family: NDArray[np.intp],
    gender: NDArray[np.int64],
    role: NDArray[np.int64],
    latin: NDArray[np.bool_],
    rng: np.random.Generator,
) -> NDArray[np.intp]:
    changed = (gender == 1) & (role <= 1) & ~latin & (rng.random(len(family)) < 0.05)
    other = family_names().draw(np.zeros(len(family), dtype=np.int64), rng)
    return np.where(changed, other, family)


def _phones(n: int, rng: np.random.Generator) -> NDArray[np.object_]:
    prefix = rng.choice(["070", "080", "090"], size=n, p=[0.2, 0.35, 0.45]).tolist()
    number = rng.integers(10_000_000, 99_999_999, n).tolist()
    return _objects([a + str(b) for a, b in zip(prefix, number, strict=True)])


def _landlines(n: int, rng: np.random.Generator) -> NDArray[np.object_]:
    prefix = rng.choice(["03", "045", "06", "052", "011", "092", "048"], size=n).tolist()
    number = rng.integers(2_000_000, 89_999_999, n).tolist()
    return _objects([(a + f"{b:08d}")[:10] for a, b in zip(prefix, number, strict=True)])


def _emails(
    family: NDArray[np.intp], given: NDArray[np.intp], rng: np.random.Generator
) -> NDArray[np.object_]:
    """Return e-mail addresses made from names, with a number added to make them unique."""
    n = len(family)
    surname, name = family_names().latin[family], given_names().latin[given]
    joint = rng.choice(["", ".", "_", "-"], size=n).tolist()
    digits = np.where(rng.random(n) < 0.6, rng.integers(1, 9999, n), 0).tolist()
    host = rng.choice(_MAIL_HOSTS, size=n, p=_MAIL_SHARES).tolist()
    local = [
        (f"{b}{j}{a}" if d % 2 else f"{a}{j}{b}").lower() + (str(d) if d else "")
        for a, b, j, d in zip(surname, name, joint, digits, strict=True)
    ]
    return _own(local, host)


def _carrier_emails(given: NDArray[np.intp], rng: np.random.Generator) -> NDArray[np.object_]:
    n = len(given)
    name = given_names().latin[given]
    number = rng.integers(1, 99_999, n).tolist()
    host = rng.choice([*_CARRIERS, "gmail.com"], size=n).tolist()
    return _own([f"{a.lower()}_{b}" for a, b in zip(name, number, strict=True)], host)


def _own(local: list[str], host: list[str]) -> NDArray[np.object_]:
    full = pd.Series([f"{a}@{b}" for a, b in zip(local, host, strict=True)])
    again = np.flatnonzero(full.duplicated().to_numpy())
    mails = full.to_numpy(dtype=object).copy()
    mails[again] = [f"{local[row]}.{row}@{host[row]}" for row in again.tolist()]
    return mails


def _cards(n: int, share: float, rng: np.random.Generator) -> NDArray[np.object_]:
    number = 1_000_000_000 + rng.permutation(n) * 7
    held = (rng.random(n) < share).tolist()
    return _objects([str(a) if b else "" for a, b in zip(number.tolist(), held, strict=True)])


def _objects(values: list[str]) -> NDArray[np.object_]:
    return np.array(values, dtype=object)
