"""Names in a playbook that lead nowhere, or stand twice, each with its path."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from pydantic_core import InitErrorDetails

from omniltv.segmentation.scenarios.scenario import fault_at

if TYPE_CHECKING:
    from omniltv.segmentation.playbook.playbook import Playbook

__all__ = ["faults_of"]

type Path = tuple[str | int, ...]


def faults_of(playbook: "Playbook") -> Iterator[InitErrorDetails]:
    """Yield the faults of a playbook that no part of it shows by itself."""
    for part, items in (
        ("treatments", [(rule.name, rule.channel) for rule in playbook.treatments]),
        ("scenarios", [(each.name,) for each in playbook.scenarios]),
        ("campaigns", [(each.name,) for each in playbook.campaigns]),
        ("resources", [(each.name,) for each in playbook.resources]),
    ):
        yield from _twice(part, items)
    yield from _faults_of_treatments(playbook)
    yield from _faults_of_scenarios(playbook)


def _faults_of_treatments(playbook: "Playbook") -> Iterator[InitErrorDetails]:
    campaigns = tuple(each.name for each in playbook.campaigns)
    resources = tuple(each.name for each in playbook.resources)
    for number, rule in enumerate(playbook.treatments):
        at: Path = ("treatments", number)
        yield from _unknown((*at, "tiers"), "tier", rule.tiers, playbook.tiers)
        yield from _unknown((*at, "classes"), "class", rule.classes, playbook.classes)
        yield from _unknown((*at, "uses"), "resource", rule.uses, resources)
        named = () if rule.campaign is None else (rule.campaign,)
        yield from _unknown((*at, "campaign"), "campaign", named, campaigns)


def _faults_of_scenarios(playbook: "Playbook") -> Iterator[InitErrorDetails]:
    treatments = tuple(dict.fromkeys(rule.name for rule in playbook.treatments))
    triggered = {rule.name for rule in playbook.treatments if rule.trigger is not None}
    for number, scenario in enumerate(playbook.scenarios):
        at: Path = ("scenarios", number)
        yield from _unknown((*at, "tiers"), "tier", scenario.tiers, playbook.tiers)
        yield from _unknown((*at, "classes"), "class", scenario.classes, playbook.classes)
        for k, step in enumerate(scenario.steps):
            path: Path = (*at, "steps", k, "treatment")
            yield from _unknown(path, "treatment", (step.treatment,), treatments)
            if step.treatment in triggered:
                yield fault_at(path, f"{step.treatment!r} has a trigger of its own", step.treatment)


def _twice(part: str, names: Sequence[tuple[str, ...]]) -> Iterator[InitErrorDetails]:
    for number, name in enumerate(names):
        if names.index(name) < number:
            yield fault_at((part, number), f"{' on '.join(name)} stands twice", name)


def _unknown(
    path: Path, what: str, names: Iterable[str] | None, known: Sequence[str]
) -> Iterator[InitErrorDetails]:
    for name in names or ():
        if name not in known:
            listed = ", ".join(known) or "none"
            yield fault_at(path, f"there is no {what} {name!r}; known: {listed}", name)
