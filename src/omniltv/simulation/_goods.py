"""Goods of a day: lines of purchases, stock by location, deliveries."""

from typing import NamedTuple

import numpy as np

from omniltv._arrays import Codes, Flags, Integers, Matrix, Places, Vector
from omniltv.simulation._contacts import within_limit
from omniltv.simulation._demand import Sales
from omniltv.simulation._dice import Dice
from omniltv.simulation._people import People
from omniltv.simulation._state import WorldState
from omniltv.simulation.config import Goods, WorldConfig

__all__ = ["Lines", "deliver", "no_lines", "pick", "stock_targets"]

_MOST = 4  # lines of a purchase


class Lines(NamedTuple):
    """Lines of the purchases of a day; arrays of shape (n_lines,) unless stated.

    Attributes:
        sale: Position of the purchase within the day.
        item: The item.
        location: Where it was taken from: a store, or the warehouse (the last location).
        value: Value.
        served: Whether it was in stock; if not, the sale is lost.
        collected: Whether a purchase is collected in the store, of shape (n_sales,).
    """

    sale: Places
    item: Places
    location: Places
    value: Vector
    served: Flags
    collected: Flags


def no_lines(sales: Sales) -> Lines:
    """Return that purchases have no lines."""
    none = np.empty(0, dtype=np.intp)
    flags = np.zeros(len(sales.person), dtype=bool)
    return Lines(none, none, none, np.empty(0), none > 0, flags)


def stock_targets(config: WorldConfig, people: People) -> Integers:
    """Return the stock of each location after a delivery, of shape (n_locations, n_items).

    It covers the expected demand of active customers between two deliveries.
    """
    goods = config.goods
    if goods is None:
        return np.zeros((config.stores + 1, 0), dtype=np.int64)
    if goods.cover is None:
        return np.full((config.stores + 1, _n_items(goods)), np.iinfo(np.int32).max)
    rate = people.traits["rate"] * people.push
    demand = np.zeros(config.stores + 1)
    for mix, channel in zip(people.mix, config.channels, strict=True):
        own = rate * mix
        store = channel.kind == "store"
        demand[:-1] += np.bincount(people.home, own, config.stores) * (1.0 if store else 0.0)
        demand[-1] += 0.0 if store else float(own.sum())
    share = np.array([category.share for category in goods.categories])
    of_item = np.repeat(share / share.sum(), goods.items) * np.tile(_popularity(goods), len(share))
    lines = demand[:, None] * goods.lines * of_item
    wanted: Integers = np.ceil(lines * goods.delivery * goods.cover).astype(np.int64) + 1
    return wanted


def _n_items(goods: Goods) -> int:
    return goods.items * len(goods.categories)


def _popularity(goods: Goods) -> Vector:
    weight = 1.0 / (1.0 + np.arange(goods.items))
    share: Vector = weight / weight.sum()
    return share


def deliver(goods: Goods, state: WorldState, targets: Integers) -> Integers:
    """Return the items delivered today, of the shape of the stock, and add them."""
    place = np.arange(len(targets))
    due = (state.day + place) % goods.delivery == 0
    delivered = np.where(due[:, None], targets - state.stock, 0)
    state.stock = state.stock + delivered
    return delivered


def pick(
    config: WorldConfig, people: People, state: WorldState, sales: Sales, month: int, dice: Dice
) -> Lines:
    """Return the lines of the purchases of a day, and take them from the stock.

    Args:
        config: The world, with goods.
        people: The people.
        state: The state of the day; ``stock`` and ``last_category`` are updated.
        sales: The purchases.
        month: Month of the year, from 0.
        dice: Random numbers.
    """
    goods = config.goods
    if goods is None or not len(sales.person):
        return no_lines(sales)
    wanted = _how_many(goods, dice.pick("lines", state.day, sales.person))
    line, sale = np.nonzero(np.arange(_MOST)[:, None] < wanted)
    who = sales.person[sale]
    need = _need(goods, state, sales.person, month)[:, sale]
    rolled = dice.pick("category", state.day, who, line) * need[-1]
    category = (rolled >= need[:-1]).sum(axis=0)
    popular = np.cumsum(_popularity(goods))[:-1]
    item = np.searchsorted(popular, dice.pick("item", state.day, who, line), "right")
    state.last_category[category, who] = state.day
    code = category * goods.items + item
    place, collected = _locations(config, people, state.day, sales, dice)
    share = 0.1 + 0.8 * dice.pick("line value", state.day, who, line)
    value = _split(sales.value, sale, line, share / wanted[sale])
    served = _serve(state, place[sale], code)
    return Lines(sale, code, place[sale], value, served, collected)


def _how_many(goods: Goods, dice: Vector) -> Codes:
    """Return lines per purchase: one, and a binomial number of others."""
    p = (goods.lines - 1) / (_MOST - 1)
    chance = [(1 - p) ** 3, 3 * p * (1 - p) ** 2, 3 * p**2 * (1 - p)]
    return 1 + np.searchsorted(np.cumsum(chance), dice, side="right")


def _need(goods: Goods, state: WorldState, person: Places, month: int) -> Matrix:
    """Return cumulative weights of categories, of shape (n_categories, n_sales)."""
    rows = [
        category.share
        * (category.months[month] + 1e-9)
        * (0.02 - np.expm1((state.last_category[k, person] - state.day) / category.repurchase))
        for k, category in enumerate(goods.categories)
    ]
    need: Matrix = np.cumsum(np.stack(rows), axis=0)
    return need


def _locations(
    config: WorldConfig, people: People, day: int, sales: Sales, dice: Dice
) -> tuple[Places, Flags]:
    """Return where each purchase is taken from, and which are collected in a store."""
    assert config.goods is not None
    collects = dice.pick("collect", day, sales.person) < config.goods.collect
    of = people.channels
    collected: Flags = of.online[sales.channel] & collects & of.store.any()
    from_store = of.store[sales.channel] | collected
    return np.where(from_store, people.home[sales.person], config.stores), collected


def _split(value: Vector, sale: Places, line: Codes, share: Vector) -> Vector:
    """Return the value of each line, in whole units; they sum to the value of the purchase."""
    part = np.where(line > 0, np.floor(value[sale] * share), 0.0)
    rest = value - np.bincount(sale, part, len(value))
    return np.where(line > 0, part, rest[sale])


def _serve(state: WorldState, place: Places, item: Places) -> Flags:
    """Return which lines are in stock, in order of the purchases, and take them out."""
    n_items = state.stock.shape[1]
    shelf = place * n_items + item
    taken = -state.stock.ravel().astype(np.float64)
    served = within_limit(shelf, 1.0, 0.0, taken)
    state.stock = (-taken).astype(np.int64).reshape(state.stock.shape)
    return served
