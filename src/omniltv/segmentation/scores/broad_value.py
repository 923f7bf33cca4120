"""Broad value: actions that carry value without a sale, by a matrix of actions and classes."""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

import narwhals as nw
from pydantic import Field, model_validator

from omniltv._config import Written
from omniltv._options import checked
from omniltv.segmentation.conditions._values import Name
from omniltv.segmentation.conditions.condition import Condition
from omniltv.segmentation.conditions.kind import Scope
from omniltv.segmentation.scores._age import age_in_days, faded, is_one_of

__all__ = ["BroadValue", "ValuedAction"]

type HalfLife = Annotated[float, Field(gt=0, strict=True)] | None
type Points = Annotated[float, Field(strict=True)]

_NOT_DONE = 1_000_000.0


@checked
class ValuedAction(Written):
    """A row of the matrix: an action, whom it counts for, and who owns it.

    Attributes:
        category: Category of value, such as ``word of mouth``.
        action: The kind of event.
        owner: Team that follows the action up.
        weights: Points by customer class; a class that is not named gets none. They may be
            negative.
        half_life_days: Half-life of this action; that of the document if None.
        where: Condition on the columns of the events.

    Examples:
        >>> review = ValuedAction(category="word of mouth", action="review", owner="marketing",
        ...     weights={"customer": 5.0})
        >>> review.label
        'word of mouth/review'
    """

    category: Name
    action: Name
    owner: Name
    weights: Annotated[Mapping[Name, Points], Field(min_length=1)]
    half_life_days: HalfLife = None
    where: Condition | None = None

    @property
    def label(self) -> str:
        """Category and action."""
        return f"{self.category}/{self.action}"


@checked
class BroadValue(Written):
    """CLV in the broad sense: points for actions, by a matrix category x action x class (S18).

    A person's points are the sum over the actions that the matrix has for the person's class:
    weight times the number of events, each halved with every half-life of its age. People score
    by what they do, bought or not. An action or a class that is not in the matrix brings
    nothing. Points are not money; see `CombinedValue`.

    Attributes:
        version: Version of the form of this document.
        classes: The customer classes, best first, as of `TierScheme.customer_classes`.
        actions: The rows of the matrix.
        priority: By class, the actions as ``category/action``, first to follow up first.
            Actions that are not named follow by weight, high ones first, then in the order of
            the document.
        half_life_days: Days in which the points of an action are halved; None for no decay.
        class_column: Column of customers with the class.
        kind_column: Column of events with the action, such as ``what`` of a `Timeline`.
        time_column: Column of events with the day or moment of the action.

    Examples:
        >>> from datetime import date
        >>> import pandas as pd
        >>> from omniltv.segmentation import Context
        >>> from omniltv.segmentation.scores import scored
        >>> matrix = BroadValue.from_yaml('''
        ... version: 1
        ... classes: [customer, prospect]
        ... actions:
        ... - {category: word of mouth, action: review, owner: marketing, weights: {customer: 5}}
        ... - category: interest
        ...   action: enquiry
        ...   owner: sales
        ...   weights: {customer: 1, prospect: 3}
        ... ''')
        >>> people = pd.DataFrame({
        ...     "customer_id": ["a", "b"], "customer_class": ["customer", "prospect"]})
        >>> events = pd.DataFrame({"customer_id": ["a", "a", "b"],
        ...     "kind": ["review", "enquiry", "enquiry"], "time": [date(2026, 3, 1)] * 3})
        >>> found = scored(people, matrix, Context(today=date(2026, 3, 1), events=events))
        >>> found[["broad_value", "broad_action", "broad_owner"]].values.tolist()
        [[6.0, 'word of mouth/review', 'marketing'], [3.0, 'interest/enquiry', 'sales']]
    """

    version: Literal[1] = 1
    classes: Annotated[tuple[Name, ...], Field(min_length=1, max_length=20)]
    actions: Annotated[tuple[ValuedAction, ...], Field(min_length=1, max_length=100)]
    priority: Mapping[Name, tuple[Name, ...]] = Field(default_factory=dict)
    half_life_days: HalfLife = None
    class_column: Name = "customer_class"
    kind_column: Name = "kind"
    time_column: Name = "time"

    @model_validator(mode="after")
    def _matrix_makes_sense(self) -> Self:
        _refuse_twice(self.classes, "class")
        _refuse_twice([each.label for each in self.actions], "action")
        named = {name for each in self.actions for name in each.weights} | set(self.priority)
        _refuse_unknown(sorted(named - set(self.classes)), "class")
        for name, labels in self.priority.items():
            _refuse_twice(labels, "action")
            valued = {each.label for each in self.actions if name in each.weights}
            unknown = [label for label in labels if label not in valued]
            if unknown:
                raise ValueError(f"{name!r} has no weight for the action {unknown[0]!r}")
        return self

    @property
    def columns(self) -> frozenset[str]:
        """The class."""
        return frozenset({self.class_column})

    @property
    def event_columns(self) -> frozenset[str]:
        """The kind and the time, and the columns of the conditions on events."""
        conditions = [each.where.columns for each in self.actions if each.where is not None]
        return frozenset({self.kind_column, self.time_column}).union(*conditions)

    @property
    def categories(self) -> tuple[str, ...]:
        """The categories, in the order of the document."""
        return tuple(dict.fromkeys(each.category for each in self.actions))

    def order_of(self, customer_class: str) -> tuple[ValuedAction, ...]:
        """Return the actions that count for a class, first to follow up first.

        Examples:
            >>> post, review = (
            ...     ValuedAction(category="a", action=action, owner="b", weights={"c": weight})
            ...     for action, weight in (("post", 1.0), ("review", 5.0)))
            >>> matrix = BroadValue(classes=("c",), actions=(post, review))
            >>> [each.action for each in matrix.order_of("c")]
            ['review', 'post']
        """
        first = self.priority.get(customer_class, ())
        valued = [each for each in self.actions if customer_class in each.weights]
        return tuple(
            sorted(
                valued,
                key=lambda each: (
                    first.index(each.label) if each.label in first else len(first),
                    -each.weights[customer_class],
                ),
            )
        )

    def sums(self, scope: Scope) -> Mapping[str, nw.Expr]:
        """Return for each action the faded number of each event.

        Raises:
            DataError: If a column is of the wrong type.
            ConfigError: If the context has no day, or a condition needs another table.

        Examples:
            >>> from datetime import date
            >>> from omniltv.segmentation import Context
            >>> review = ValuedAction(category="a", action="review", owner="b", weights={"c": 1.0})
            >>> scope = Scope({"kind": nw.String(), "time": nw.Date()},
            ...     Context(today=date(2026, 3, 1)))
            >>> list(BroadValue(classes=("c",), actions=(review,)).sums(scope))
            ['_a/review']
        """
        age = age_in_days(scope, self.time_column)
        found: dict[str, nw.Expr] = {}
        for each in self.actions:
            counts = is_one_of(scope, self.kind_column, (each.action,))
            if each.where is not None:
                counts = counts & scope.compiled(each.where.root)
            half_life = each.half_life_days or self.half_life_days
            found[f"_{each.label}"] = counts.cast(nw.Float64) * faded(age, half_life)
        return found

    def expressions(self, scope: Scope) -> Mapping[str, nw.Expr]:
        """Return the points, those of each category, and what to follow up first.

        ``broad_value`` is the sum of ``broad_value_CATEGORY``. ``broad_action`` is the action
        of the highest priority that the person did, and ``broad_owner`` its owner; missing if
        there is none. A person whose class is missing or not in the document has no points:
        they are missing, not 0.

        Raises:
            DataError: If the column of the class is absent or not of text.

        Examples:
            >>> review = ValuedAction(category="a", action="review", owner="b", weights={"c": 1.0})
            >>> scope = Scope({"customer_class": nw.String()})
            >>> list(BroadValue(classes=("c",), actions=(review,)).expressions(scope))[2:]
            ['broad_value', 'broad_value_a', 'broad_action', 'broad_owner']
        """
        classes = {name: is_one_of(scope, self.class_column, (name,)) for name in self.classes}
        known = is_one_of(scope, self.class_column, self.classes)
        points = {each.label: self._points(each, classes) for each in self.actions}
        by_category = {
            f"broad_value_{category}": _sum(
                [points[each.label] for each in self.actions if each.category == category]
            )
            for category in self.categories
        }
        totals = {"broad_value": _sum(list(points.values())), **by_category}
        found = {name: nw.when(known).then(total) for name, total in totals.items()}
        place = {f"_place_{each.label}": self._place(each, classes) for each in self.actions}
        first = nw.min_horizontal(*place.values(), nw.lit(_NOT_DONE))
        return {**place, "_first": first, **found, **self._follow_up()}

    def _points(self, action: ValuedAction, classes: Mapping[str, nw.Expr]) -> nw.Expr:
        weights = [
            nw.when(classes[name]).then(nw.lit(float(weight))).otherwise(nw.lit(0.0))
            for name, weight in action.weights.items()
        ]
        return _sum(weights) * nw.col(f"_{action.label}")

    def _follow_up(self) -> dict[str, nw.Expr]:
        """Return the action to follow up first, and its owner."""
        labels = {each.label: each.label for each in self.actions}
        owners = {each.label: each.owner for each in self.actions}
        return {"broad_action": _word_of_first(labels), "broad_owner": _word_of_first(owners)}

    def _place(self, action: ValuedAction, classes: Mapping[str, nw.Expr]) -> nw.Expr:
        """Return the place of an action in the order of the class; far behind if not done."""
        done = nw.col(f"_{action.label}") > 0
        places = [
            nw.when(classes[name] & done)
            .then(nw.lit(float(self.order_of(name).index(action)) - _NOT_DONE))
            .otherwise(nw.lit(0.0))
            for name in action.weights
        ]
        return _sum(places) + _NOT_DONE


def _word_of_first(words: Mapping[str, str]) -> nw.Expr:
    """Return the word of the action in the first place; missing if there is none."""
    first = nw.col("_first")
    any_done = first < _NOT_DONE
    parts = [
        nw.when(any_done & (nw.col(f"_place_{label}") == first))
        .then(nw.lit(word))
        .otherwise(nw.lit(""))
        for label, word in words.items()
    ]
    return nw.when(any_done).then(nw.concat_str(*parts))


def _sum(numbers: list[nw.Expr]) -> nw.Expr:
    return nw.sum_horizontal(*numbers)


def _refuse_twice(names: tuple[str, ...] | list[str], what: str) -> None:
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise ValueError(f"the {what} {twice[0]!r} is there twice")


def _refuse_unknown(names: list[str], what: str) -> None:
    if names:
        raise ValueError(f"the {what} {names[0]!r} is not in the list of classes")
