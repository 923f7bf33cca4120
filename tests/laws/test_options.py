"""Every option of every public function is checked: our own error, or a documented meaning.

The functions are those of the packages: every function, method and constructor in their
``__all__``. Each parameter but frames is given None, NaN, a wrong type, a wrong word, a negative
and a huge value. What the gate refuses never reaches the function. What it accepts is run in
full, by `CALLS`: a function that accepts such a value and is not in the table fails the law.
"""

import inspect
import math
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest
from pydantic import BaseModel
from tests.laws._option_calls import CALLS, TOLD

from omniltv.data import (
    PurchaseLog,
    simulate_retailer,
)
from omniltv.errors import ConfigError, OmniltvError
from omniltv.experiments import (
    Assignment,
)
from omniltv.identity import (
    stitch,
)
from omniltv.identity.store import IdentityStore
from omniltv.models import (
    BgNbd,
    Pooling,
    lifetime_value,
)
from omniltv.segmentation.counter import write_counter
from omniltv.simulation import World
from omniltv.testing import options_of
from omniltv.testing.value_laws import invented
from omniltv.units import Discount, weeks

PACKAGE = Path(cast("str", import_module("omniltv").__file__)).parent
WRONG: tuple[object, ...] = (None, math.nan, object(), "no such word", -1, 10**18)
FORMULAS = {
    "ArrayNamespace", "ChannelModel", "CountModel", "LifetimeModel", "Model", "Prior",
    "PurchaseModel", "PurchaseProcess", "RateModel", "SpendModel",
}  # fmt: skip
# Functions that read one value, of whatever type: they are called once for every distinct value;
# and formulas on arrays.
OF_ONE_VALUE = {
    "address", "card_number", "expected_renewals", "gender", "is_fixed_line", "key", "plain",
    "postcode", "reading", "simulate_renewals", "text", "whole", "written", "written_name",
}  # fmt: skip


def packages() -> Iterator[str]:
    """Yield the names of the public packages, and of the modules at the root."""
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        at_root = len(parts) == 1 and parts[0] != "__init__"
        at_root |= parts[0] == "reporting"
        if (at_root or parts[-1] == "__init__") and not any(
            part.startswith("_") and part != "__init__" for part in parts
        ):
            yield ".".join(("omniltv", *(part for part in parts if part != "__init__")))


@cache
def things() -> Mapping[str, object]:
    """Return the public classes and functions by their full name, each once."""
    found = {}
    for package in packages():
        module = import_module(package)
        for name in getattr(module, "__all__", ()):
            thing = getattr(module, name)
            if (inspect.isclass(thing) or inspect.isroutine(thing)) and thing.__module__.startswith(
                "omniltv"
            ):
                found[f"{thing.__module__}.{thing.__qualname__}"] = thing
    return found


def is_of_values(kind: type) -> bool:
    """Return whether a class is a Protocol, an error, an enumeration or a plain tuple."""
    protocol = getattr(kind, "_is_protocol", False)
    return protocol or issubclass(kind, (Exception, Enum, tuple))


def formulas() -> set[str]:
    """Return the names of the methods of models and priors: formulas on arrays."""
    names: set[str] = set()
    for thing in things().values():
        if inspect.isclass(thing) and thing.__name__ in FORMULAS:
            names |= set(cast("Any", thing).__protocol_attrs__)
    return names | {"retention_rate", "survival"}


@dataclass(frozen=True)
class Callee:
    """A function, method or constructor.

    Attributes:
        name: Its full name.
        function: The function; it takes ``self`` first if it is a method.
        owner: The class of a method, None if there is none or it needs no instance.
        build: The class that a constructor makes.
    """

    name: str
    function: Callable[..., object]
    owner: type | None = None
    build: type | None = None


@cache
def callees() -> tuple[Callee, ...]:
    """Return every public function, method and constructor, but for formulas."""
    found: list[Callee] = []
    for name, thing in things().items():
        if not inspect.isclass(thing):
            if thing.__name__ not in OF_ONE_VALUE:  # type: ignore[attr-defined]
                found.append(Callee(name, cast("Callable[..., object]", thing)))
        elif not is_of_values(thing):
            found += list(_methods(name, thing))
    return tuple(callee for callee in found if parameters(callee.function))


def _methods(name: str, kind: type) -> Iterator[Callee]:
    maths = (
        formulas()
        if {"loglik", "logp", "traits"} & set(dir(kind)) or "gammaln" in dir(kind)
        else set()
    )
    if "__init__" in vars(kind) and not issubclass(kind, BaseModel):
        yield Callee(name, cast("Any", kind).__init__, build=kind)
    for part, value in vars(kind).items():
        if part.startswith("_") or part in maths:
            continue
        if isinstance(value, (classmethod, staticmethod)):
            yield Callee(f"{name}.{part}", getattr(kind, part))
        elif inspect.isfunction(value):
            yield Callee(f"{name}.{part}", value, owner=kind)


def parameters(function: Callable[..., object]) -> list[inspect.Parameter]:
    """Return the parameters of a function without ``self``."""
    several = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [
        p
        for p in inspect.signature(function).parameters.values()
        if p.name not in {"self", "cls"} and p.kind not in several
    ]


def accepted(callee: Callee) -> list[tuple[str, object]]:
    """Return the parameters and wrong values that the annotations accept.

    A None that is the default, and any text of a title, have a documented meaning.
    """
    options = options_of(callee.function)
    return [
        (p.name, value)
        for p in parameters(callee.function)
        if p.name in options and p.name not in {"title", "xlabel"}
        for value in WRONG
        if options[p.name].accepts(value) and not (value is None and p.default is None)
    ]


def test_every_public_function_goes_through_the_gate() -> None:
    """A wrong value is refused by name, before anything else is looked at."""
    tries = []
    for callee in callees():
        options = options_of(callee.function)
        for name, option in options.items():
            for value in (one for one in WRONG if not option.accepts(one)):
                with pytest.raises(ConfigError) as caught:
                    callee.function(**{name: value})
                assert caught.value.parameter == name, callee.name
                assert caught.value.hint, callee.name
                assert "object at 0x" not in str(caught.value)
                tries.append((callee.name, name))
    assert len(callees()) >= 320
    assert len(set(tries)) >= 950
    assert len(tries) >= 5000


# What is not checked by the gate: frames (by `read_frame`), and what may be anything.
ELSEWHERE = (
    "Native", "IntoFrameT", "FrameT", "<class 'object'>", "IntoTable", "IntoOutcome", "Eager",
    "Axes", "TierScheme", "Model", "DatabaseAPI", "IntoCapacities",
)  # fmt: skip


def test_every_other_parameter_is_a_frame_or_may_be_anything() -> None:
    unchecked = {
        str(parameter.annotation)
        for callee in callees()
        for parameter in parameters(callee.function)
        if parameter.name not in options_of(callee.function)
    }
    assert [kind for kind in unchecked if not any(word in kind for word in ELSEWHERE)] == []


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """Return small valid values to call the functions with."""
    folder = tmp_path_factory.mktemp("options")
    retailer = simulate_retailer(40, seed=3)
    found = stitch(retailer.records)
    log = PurchaseLog.from_frame(found.attach(retailer.transactions).valid, timezone="Asia/Tokyo")
    fake = invented(BgNbd(), Pooling.complete(), customers=6, draws=4)
    worth = lifetime_value(
        fake.purchases, fake.spend, fake.history, horizon=weeks(4), seed=1,
        discount=Discount(per_year=0.1), margin=0.3,
    )  # fmt: skip
    ids = [f"c{number}" for number in range(6)]
    arms = pd.DataFrame({"customer_id": ids, "arm": ["a", "b"] * 3, "value": np.arange(6.0)})
    (folder / "table.csv").write_text("a,b\n1,2\n")
    write_counter(folder / "counter", as_of="today", profile=arms)
    return SimpleNamespace(
        counter=folder / "counter",
        retailer=retailer, follow_up=retailer.follow_up(seed=1), found=found, log=log, worth=worth,
        purchases=fake.purchases, spend=fake.spend, history=fake.history, arms=arms, folder=folder,
        assignment=Assignment.from_frame(arms, shares={"a": 0.5, "b": 0.5}),
        csv=folder / "table.csv", world=World(people=5, seed=1),
        terms={"discount": Discount(per_year=0.1)},
        store=IdentityStore.create(folder / "store", found),
        split=log.split(at=str(log.time[len(log.time) // 2])[:10], unit="week"),
        records=found._linked.records, judged=found._linked.judged,
    )  # fmt: skip


def test_every_accepted_value_has_a_meaning_or_is_our_own_error(here: SimpleNamespace) -> None:
    tries, foreign = [], []
    for callee in callees():
        name = callee.name.removeprefix(f"{callee.function.__module__}.")
        for parameter, value in accepted(callee) if name not in TOLD else []:
            assert name in CALLS, f"{name} accepts {value!r} for {parameter}: add a call of it"
            tries.append((name, parameter))
            foreign += failure(name, here, {parameter: value})
    assert not foreign, "\n".join(foreign)
    assert len(tries) >= 120
    assert len({name for name, _ in tries}) >= 60


def failure(name: str, here: SimpleNamespace, options: dict[str, Any]) -> list[str]:
    """Call a function; an answer and our own error are right, another error is not."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            CALLS[name](here, options)
        except OmniltvError:
            return []
        except Exception as error:  # noqa: BLE001 - this is what is looked for
            return [f"{name}({options!r}) raises {error!r}"]
    return []
