"""Regular customers: Weibull gaps and lifetimes, and habits that drift. No model has them."""

from typing import Annotated, Literal

import numpy as np
from pydantic import Field
from scipy import special

from omniltv._arrays import Matrix, Vector
from omniltv._config import Written
from omniltv.simulation._limits import AboveZero, Spread
from omniltv.simulation.processes.protocol import Outlook, PersonColumns, Today, Uniforms

__all__ = ["WeibullCustomers"]


_YEAR = 365.25


class WeibullCustomers(Written):
    """Weibull gaps between purchases and Weibull lifetimes; each person's rate drifts.

    The logarithm of a person's rate has a slope of its own and a slow wave of its own. The
    lifetime starts on the day from which the person can buy: a prospect may lose interest.

    Attributes:
        name: ``"weibull"``.
        rate: Median purchase rate, per week.
        spread: Standard deviation of its logarithm between people.
        regularity: Shape of the gaps; 1 is random, larger is more regular.
        life_weeks: Scale of the lifetimes.
        ageing: Shape of the lifetimes; below 1, new customers leave sooner than old ones.
        life_spread: Standard deviation between people of the logarithm of the scale.
        slope: Standard deviation between people of the yearly change of the log rate.
        trend: Mean yearly change of the log rate.
        wave: Amplitude of the wave of the log rate.
        wave_weeks: Its period.

    Examples:
        >>> process = WeibullCustomers(slope=0, trend=0, wave=0)
        >>> process.traits(lambda purpose: np.array([0.5]))["slope"]
        array([0.])
    """

    name: Literal["weibull"] = "weibull"
    rate: AboveZero = 0.2
    spread: Spread = 0.7
    regularity: Annotated[float, Field(ge=0.5, le=10)] = 2.0
    life_weeks: AboveZero = 60.0
    ageing: Annotated[float, Field(ge=0.3, le=5)] = 0.7
    life_spread: Spread = 0.8
    slope: Spread = 0.5
    trend: Annotated[float, Field(ge=-3, le=3)] = -0.4
    wave: Spread = 0.4
    wave_weeks: AboveZero = 70.0

    def traits(self, uniform: Uniforms) -> PersonColumns:
        """Return the rate per day, scale of the lifetime in days, and the drift."""
        return {
            "rate": self.rate / 7 * np.exp(self.spread * special.ndtri(uniform("rate"))),
            "life": 7 * self.life_weeks
            * np.exp(self.life_spread * special.ndtri(uniform("life"))),
            "slope": self.trend + self.slope * special.ndtri(uniform("slope")),
            "phase": 2 * np.pi * uniform("phase"),
        }  # fmt: skip

    def start(self, traits: PersonColumns) -> PersonColumns:
        """Return that everybody is active, just bought, on the first day."""
        zero = np.zeros_like(traits["rate"])
        return {"active": zero + 1, "age": zero, "day": zero}

    def chance(self, traits: PersonColumns, state: PersonColumns, push: Vector) -> Vector:
        """Return the probability of a purchase today, given the time since the last one."""
        age = state["age"]
        later = age + self._passing(traits, state["day"], push)
        return -np.expm1(age**self.regularity - later**self.regularity)

    def after(self, traits: PersonColumns, state: PersonColumns, today: Today) -> PersonColumns:
        """Return the time since the last purchase, and who is still active."""
        day = state["day"]
        age = state["age"] + self._passing(traits, day, today.push)
        leaves = today.dice < -np.expm1(-self._hazard(traits, day) * today.stay)
        return {
            "active": np.where(leaves, 0.0, state["active"]),
            "age": np.where(today.bought, 0.0, age),
            "day": day + 1,
        }

    def expected(self, traits: PersonColumns, state: PersonColumns, outlook: Outlook) -> Matrix:
        """Return the probability of a purchase on each day by the renewal equation.

        The work grows with the square of the number of days.
        """
        k, (n_days, n) = self.regularity, outlook.push.shape
        clock, alive = np.zeros((n_days + 1, n)), np.empty((n_days, n))
        active = state["active"]
        for day in range(n_days):
            now = state["day"] + day
            clock[day + 1] = clock[day] + self._passing(traits, now, outlook.push[day])
            alive[day] = active
            active = active * np.exp(-self._hazard(traits, now) * outlook.stay[day])
        base = state["age"] ** k
        waits = np.exp(base - (state["age"] + clock) ** k)  # no purchase yet, of a customer
        buys = np.empty((n_days, n))
        kept = np.zeros((0, n))  # no purchase since an earlier day, by that day
        for day in range(n_days):
            later = np.exp(-((clock[day + 1] - clock[1 : day + 1]) ** k))
            again = (buys[:day] * (kept - later)).sum(axis=0)
            own = outlook.customer * (waits[day] - waits[day + 1])
            buys[day] = own + again + outlook.entering[day]
            kept = np.vstack([later, np.ones((1, n))])
        return buys * alive

    def _passing(self, traits: PersonColumns, day: Vector, push: Vector) -> Vector:
        """Return how much of a mean gap passes on a day, times the mean of the unit gap."""
        wave = self.wave * np.sin(2 * np.pi * day / (7 * self.wave_weeks) + traits["phase"])
        drift = np.exp(traits["slope"] * day / _YEAR + wave)
        return traits["rate"] * drift * push * special.gamma(1 + 1 / self.regularity)

    def _hazard(self, traits: PersonColumns, day: Vector) -> Vector:
        """Return the integrated hazard of leaving on a day."""
        old = np.maximum(day - traits["arrival"], 0.0)
        later = ((old + 1) / traits["life"]) ** self.ageing
        return np.where(day < traits["arrival"], 0.0, later - (old / traits["life"]) ** self.ageing)
