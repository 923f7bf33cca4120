"""Worlds that look like retail: apparel, cosmetics, grocery and a small shop."""

from omniltv._options import checked
from omniltv.errors import ConfigError
from omniltv.simulation.baskets import Baskets
from omniltv.simulation.calendar import Calendar
from omniltv.simulation.config import (
    ChannelSettings,
    Goods,
    GoodsCategory,
    StaffCapacity,
    WorldConfig,
)
from omniltv.simulation.processes import (
    BgNbdCustomers,
    CnbdCustomers,
    MbgNbdCustomers,
    ParetoNbdCustomers,
)
from omniltv.simulation.treatments import Interaction, Treatment

__all__ = ["PRESETS", "preset"]

_WEEK = (0.8, 0.8, 0.85, 0.9, 1.05, 1.35, 1.25)
_TREATMENTS = (
    Treatment(name="mail", rate=1.3, half_life=7, lasting=21, spread=0.5, acts_on="opened"),
    Treatment(name="coupon", rate=1.6, spend=0.9, lasting=14, pull_forward=0.4, cost=30.0),
    Treatment(name="service", dropout=0.6, rate=1.1, lasting=120, acts_on="answered",
              by_tier={"general": 0.5}, spread=0.5, with_value=0.4),
    Treatment(name="store invitation", channel={"store": 3.0}, rate=1.2, lasting=21,
              after_event={"cart_abandoned": 1.5}),
)  # fmt: skip
_INTERACTIONS = (
    Interaction(first="mail", second="coupon", factor=0.7),
    Interaction(first="service", second="store invitation", factor=1.3),
)


def _categories(*rows: tuple[str, float, float], cold: str = "") -> tuple[GoodsCategory, ...]:
    """Return categories from name, share and repurchase time; ``cold`` sells in winter."""
    winter = (1.5, 1.3, 1.0, 0.6, 0.4, 0.3, 0.3, 0.5, 1.0, 1.5, 1.8, 1.8)
    return tuple(
        GoodsCategory(name=name, share=share, repurchase=days, months=winter)
        if name == cold
        else GoodsCategory(name=name, share=share, repurchase=days)
        for name, share, days in rows
    )


def _store(share: float, **numbers: float) -> ChannelSettings:
    given = {"minutes": 10.0, "cost": 0.0, "consent": 0.6, "opened": 0.6, "answered": 0.5}
    return ChannelSettings.model_validate(
        {"name": "store", "kind": "store", "share": share, **given, **numbers}
    )


def _online(name: str, share: float, **numbers: float) -> ChannelSettings:
    given = {"hours": (0, 24), "cost": 2.0, "opened": 0.22, "answered": 0.13, "visits": 40.0}
    return ChannelSettings.model_validate(
        {"name": name, "kind": "online", "share": share, **given, **numbers}
    )


def _call(share: float) -> ChannelSettings:
    return ChannelSettings(
        name="call", kind="call", share=share, visits=0, enquiries=0.6, hours=(9, 18),
        minutes=8, cost=300, opened=0.45, answered=0.6, consent=0.5, reach=0.05,
    )  # fmt: skip


_APPAREL = WorldConfig(
    channels=(
        _store(0.58, returns=0.09, reach=0.7, visits=8.0),
        _online("ec", 0.30, returns=0.28, reach=0.8),
        _online("app", 0.10, returns=0.25, reach=0.4, opened=0.12, cost=0.5),
        _call(0.02),
    ),
    process=MbgNbdCustomers(r=0.26, alpha=9.0, a=1.0, b=2.4),
    baskets=Baskets(kind="heavy", mean=7500, between=0.6, within=0.6),
    calendar=Calendar(
        months=(0.75, 0.9, 1.0, 0.96, 1.0, 0.93, 0.92, 1.0, 0.93, 0.96, 1.08, 1.8), weekdays=_WEEK
    ),
    goods=Goods(
        categories=_categories(
            ("tops", 3, 60),
            ("trousers", 2, 120),
            ("coats", 1, 400),
            ("shoes", 1, 200),
            cold="coats",
        )
    ),
    stores=12,
    store_spread=0.1,
    prospects=0.25,
    acquired_within=910,
    staff=StaffCapacity(store_minutes=300, calls=60),
    treatments=_TREATMENTS,
    interactions=_INTERACTIONS,
)
_COSMETICS = WorldConfig(
    channels=(
        _store(0.45, returns=0.02, reach=0.3, visits=1.0),
        _online("ec", 0.40, returns=0.05, reach=0.35, visits=8.0),
        _online("app", 0.12, returns=0.05, reach=0.25, visits=8.0, opened=0.12, cost=0.5),
        _call(0.03),
    ),
    process=CnbdCustomers(k=2, r=0.30, alpha=7.0, a=1.4, b=2.4),
    baskets=Baskets(mean=5200, between=0.55, within=0.45),
    calendar=Calendar(
        months=(0.97, 0.94, 1.02, 0.99, 1.0, 0.98, 0.97, 1.0, 0.97, 1.0, 0.98, 1.25), weekdays=_WEEK
    ),
    goods=Goods(
        categories=_categories(
            ("skin care", 3, 55), ("make-up", 2, 90), ("hair", 1, 60), ("fragrance", 0.5, 250)
        )
    ),
    stores=8,
    prospects=0.3,
    acquired_within=910,
    staff=StaffCapacity(store_minutes=420, calls=100),
    treatments=_TREATMENTS,
    interactions=_INTERACTIONS,
)
_GROCERY = WorldConfig(
    channels=(
        _store(0.80, returns=0.005, reach=0.5, visits=0.1),
        _online("ec", 0.15, returns=0.02, reach=0.3, visits=2.0),
        _online("app", 0.05, returns=0.02, reach=0.4, visits=3.0, opened=0.15, cost=0.5),
    ),
    process=ParetoNbdCustomers(r=0.38, alpha=0.95, s=0.5, beta=10.0),
    baskets=Baskets(mean=3200, between=0.5, within=0.7),
    calendar=Calendar(
        months=(0.98, 0.94, 1.0, 0.98, 1.03, 0.99, 1.02, 1.02, 0.97, 1.0, 1.01, 1.05),
        weekdays=(0.95, 0.9, 0.9, 0.95, 1.05, 1.2, 1.05),
    ),
    goods=Goods(
        categories=_categories(
            ("fresh", 4, 4), ("dry", 2, 21), ("drinks", 2, 10), ("household", 1, 40)
        ),
        lines=3.2,
        delivery=1,
    ),
    stores=15,
    prospects=0.1,
    acquired_within=910,
    treatments=_TREATMENTS,
    interactions=_INTERACTIONS,
)
_SMALL_SHOP = WorldConfig(
    channels=(_store(0.6, returns=0.03, reach=0.2), _online("ec", 0.4, returns=0.08)),
    process=BgNbdCustomers(r=0.18, alpha=7.0, a=0.9, b=2.5),
    baskets=Baskets(mean=4000, between=0.6, within=0.5),
    calendar=Calendar(
        months=(0.85, 0.9, 0.97, 0.97, 1.0, 0.96, 0.97, 0.98, 0.95, 1.0, 1.1, 1.35),
        weekdays=(0.0, 0.9, 0.9, 1.0, 1.1, 1.7, 1.4),  # closed on Mondays
    ),
    goods=Goods(categories=_categories(("gifts", 2, 150), ("tea", 3, 40)), items=6),
    stores=1,
    prospects=0.2,
    acquired_within=910,
    staff=StaffCapacity(store_minutes=90),
    treatments=_TREATMENTS[:2],
    interactions=_INTERACTIONS[:1],
)

PRESETS = {
    "apparel": _APPAREL,
    "cosmetics": _COSMETICS,
    "grocery": _GROCERY,
    "small_shop": _SMALL_SHOP,
}
"""The presets by name."""


@checked
def preset(name: str) -> WorldConfig:
    """Return the configuration of a preset.

    Args:
        name: ``"apparel"``, ``"cosmetics"``, ``"grocery"`` or ``"small_shop"``.

    Raises:
        ConfigError: If there is no such preset.

    Examples:
        >>> [channel.name for channel in preset("apparel").channels]
        ['store', 'ec', 'app', 'call']
    """
    if name not in PRESETS:
        raise ConfigError(f"no preset is called {name!r}. Hint: one of {', '.join(PRESETS)}")
    return PRESETS[name]
