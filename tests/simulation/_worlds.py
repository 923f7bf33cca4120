"""Worlds that the tests of the simulation share."""

from omniltv.simulation import (
    ChannelSettings,
    Goods,
    GoodsCategory,
    StaffCapacity,
    Treatment,
    World,
    WorldConfig,
)
from omniltv.units import weeks

CHANNELS = (
    ChannelSettings(name="store", kind="store", share=0.6, minutes=10, opened=0.6, returns=0.05),
    ChannelSettings(name="ec", share=0.3, hours=(0, 24), returns=0.3, spend=1.2, rate=0.8),
    ChannelSettings(name="call", kind="call", share=0.1, visits=0, minutes=5, enquiries=0.3),
)
GOODS = Goods(
    categories=(
        GoodsCategory(name="tea", repurchase=20),
        GoodsCategory(name="cups", share=0.5, months=(0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 3, 3)),
    ),
    items=3,
    cover=1.0,
)


def config(*treatments: Treatment, process: object = "bg_nbd") -> WorldConfig:
    """Return a world of three channels with prospects and people still to come."""
    return WorldConfig.model_validate(
        {
            "channels": CHANNELS,
            "process": process,
            "prospects": 0.2,
            "conversion": 3.0,
            "acquired_within": 50,
            "goods": GOODS,
            "staff": StaffCapacity(store_minutes=60, calls=3),
            "stores": 3,
            "treatments": treatments,
        }
    )


def started(settings: WorldConfig, people: int, seed: int = 1) -> World:
    """Return a world after six weeks, in which some people have not bought yet."""
    world = World(settings, people=people, seed=seed)
    world.run(weeks(6))
    return world
