"""A scenario as a document: its trigger, its steps, and what stops it."""

from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from omniltv._config import Written
from omniltv._options import checked
from omniltv.segmentation.conditions._values import Name, Names
from omniltv.segmentation.conditions.condition import Condition
from omniltv.segmentation.triggers.kind import AnyTrigger, TriggerDays

__all__ = ["STOPS", "Scenario", "ScenarioStep", "Stop", "fault_at"]

type Stop = Literal["bought", "answered", "left_tier", "withdrew_consent"]
"""What stops a scenario."""

STOPS: tuple[Stop, ...] = ("bought", "answered", "left_tier", "withdrew_consent")


@checked
class ScenarioStep(Written):
    """A step of a scenario: a treatment, some days after another step.

    Attributes:
        treatment: Name of a treatment of the playbook.
        days: Days after the step that it follows, or after the entry.
        after: Name of the step that it follows; None if it follows the entry.
        name: Name of the step; that of the treatment if None.

    Examples:
        >>> ScenarioStep(treatment="tips", days=3, after="welcome").step
        'tips'
    """

    treatment: Name
    days: TriggerDays = 0
    after: Name | None = None
    name: Name | None = None

    @property
    def step(self) -> str:
        """Name of the step."""
        return self.treatment if self.name is None else self.name


@checked
class Scenario(Written):
    """Steps with delays that begin with a trigger and end early if something stops them.

    Attributes:
        name: Name of the scenario.
        trigger: What a customer enters by.
        tiers: Tiers of the customers who may enter; all if None.
        classes: Classes of the customers who may enter; all if None.
        when: Condition on the customers who may enter.
        steps: The steps; a step may follow another one.
        stop: What stops the scenario for a customer: a purchase or an answer after the entry,
            leaving the tiers or classes of the scenario, or consent withdrawn on every channel
            of a next step.
        stop_when: Condition on the customer that stops it.
        re_enter_days: Days after the last entry before a customer may enter again; never if
            None.
        late_days: Days that a step may be late, because a job was missed or there was no room;
            it is skipped after that.

    Examples:
        >>> scenario = Scenario.from_yaml('''
        ... name: welcome
        ... trigger: {first_purchase: 0}
        ... steps:
        ... - {treatment: welcome}
        ... - {treatment: tips, after: welcome, days: 3}
        ... stop: [bought]
        ... ''')
        >>> [step.step for step in scenario.ordered()]
        ['welcome', 'tips']
    """

    name: Name
    trigger: AnyTrigger
    tiers: Names | None = None
    classes: Names | None = None
    when: Condition | None = None
    steps: Annotated[tuple[ScenarioStep, ...], Field(min_length=1, max_length=100)]
    stop: Annotated[tuple[Stop, ...], Field(max_length=len(STOPS))] = ("withdrew_consent",)
    stop_when: Condition | None = None
    re_enter_days: TriggerDays | None = None
    late_days: TriggerDays = 3

    @model_validator(mode="after")
    def _steps_are_trees(self) -> Self:
        faults = list(self._faults())
        if faults:
            raise ValidationError.from_exception_data("Scenario", faults)
        return self

    def ordered(self) -> tuple[ScenarioStep, ...]:
        """Return the steps so that each one stands behind the step that it follows.

        Examples:
            >>> from omniltv.segmentation.triggers import Visited
            >>> late, first = ScenarioStep(treatment="b", after="a"), ScenarioStep(treatment="a")
            >>> both = Scenario(name="s", trigger=Visited(visited="store"), steps=(late, first))
            >>> [step.step for step in both.ordered()]
            ['a', 'b']
        """
        depth = {number: len(list(self._chain(number))) for number in range(len(self.steps))}
        return tuple(self.steps[number] for number in sorted(depth, key=lambda n: (depth[n], n)))

    def _chain(self, number: int) -> Iterator[int]:
        """Yield a step and those that it follows; a cycle is followed once."""
        known = {step.step: place for place, step in enumerate(self.steps)}
        seen: set[int] = set()
        while number not in seen:
            yield number
            seen.add(number)
            after = self.steps[number].after
            if after is None or after not in known:
                return
            number = known[after]

    def _faults(self) -> Iterator[InitErrorDetails]:
        names = [step.step for step in self.steps]
        for number, step in enumerate(self.steps):
            if names.index(step.step) < number:
                path = ("steps", number, "name")
                yield fault_at(path, f"two steps are called {step.step!r}", step.step)
            if step.after is not None and step.after not in names:
                path = ("steps", number, "after")
                yield fault_at(path, f"there is no step {step.after!r}", step.after)
        for number, step in enumerate(self.steps):
            chain = list(self._chain(number))
            last = self.steps[chain[-1]].after
            if last is not None and last == step.step:
                circle = " -> ".join(names[each] for each in (*chain, number))
                path = ("steps", number, "after")
                yield fault_at(path, f"the steps follow each other: {circle}", step.after)


def fault_at(path: tuple[str | int, ...], problem: str, given: object) -> InitErrorDetails:
    """Return a fault of a document.

    Examples:
        >>> fault_at(("steps", 0, "after"), "there is no step 'a'", "a")["loc"]
        ('steps', 0, 'after')
    """
    error = PydanticCustomError("name", "{problem}", {"problem": problem})
    return {"type": error, "loc": path, "input": given}
