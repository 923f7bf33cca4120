"""Effects by customer by causalml, scikit-uplift and econml, on splits that are given."""

import json
import logging
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from causalml.inference.meta import (
    BaseRRegressor,
    BaseSRegressor,
    BaseTRegressor,
    BaseXRegressor,
)
from econml.dml import CausalForestDML, LinearDML
from econml.dr import LinearDRLearner
from econml.metalearners import XLearner
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklift.models import ClassTransformation, SoloModel, TwoModels

type Array = np.ndarray[Any, np.dtype[np.float64]]
type Make = Callable[[], Any]
type Scores = Callable[[Array, Array, Array, Array], object]

warnings.simplefilter("ignore")
logging.disable()

source, target = map(Path, sys.argv[1:])
given = json.loads(source.read_text("utf-8"))
data = np.load(given["arrays"])
x, treated, outcome, train, test = (data[k] for k in ("x", "treated", "outcome", "train", "test"))
binary = set(np.unique(outcome)) <= {0.0, 1.0}


def trees() -> object:
    """Return boosted trees for a number, as the default of omniltv."""
    return HistGradientBoostingRegressor(max_depth=3, learning_rate=0.05, random_state=0)


def classes() -> object:
    """Return boosted trees for a class."""
    return HistGradientBoostingClassifier(max_depth=3, learning_rate=0.05, random_state=0)


def line() -> object:
    """Return a linear regression."""
    return LinearRegression()


def logit() -> object:
    """Return a logistic regression."""
    return LogisticRegression(max_iter=1000)


def causalml_of(learner: Make) -> Scores:
    """Return the scores of a learner of causalml; the propensity is the share of the treated."""

    def scores(xa: Array, ta: Array, ya: Array, xb: Array) -> object:
        own = learner()
        weighted = isinstance(own, BaseXRegressor | BaseRRegressor)
        own.fit(xa, ta.astype(int), ya, **({"p": np.full(len(ta), ta.mean())} if weighted else {}))
        at = {"p": np.full(len(xb), ta.mean())} if isinstance(own, BaseXRegressor) else {}
        return own.predict(xb, **at)

    return scores


def sklift_of(learner: Make) -> Scores:
    """Return the scores of a learner of scikit-uplift."""
    return lambda xa, ta, ya, xb: learner().fit(xa, ya, ta).predict(xb)


def econml_of(learner: Make) -> Scores:
    """Return the scores of a learner of econml."""
    return lambda xa, ta, ya, xb: learner().fit(ya, ta, X=xa).effect(xb)


def dml() -> object:
    """Return linear double machine learning."""
    return LinearDML(model_y=line(), model_t=logit(), discrete_treatment=True, random_state=0)


def linear_dr() -> object:
    """Return a linear doubly robust learner."""
    return LinearDRLearner(model_regression=line(), model_propensity=logit(), random_state=0)


def forest() -> object:
    """Return a causal forest."""
    return CausalForestDML(
        model_y=line(), model_t=logit(), discrete_treatment=True, n_estimators=24,
        min_samples_leaf=100, random_state=0,
    )  # fmt: skip


QUICK = {
    "causalml: S, linear": causalml_of(lambda: BaseSRegressor(line())),
    "causalml: T, linear": causalml_of(lambda: BaseTRegressor(line())),
    "causalml: X, linear": causalml_of(lambda: BaseXRegressor(line())),
    "causalml: R, linear": causalml_of(lambda: BaseRRegressor(line(), random_state=0)),
    "econml: linear DML": econml_of(dml),
    "econml: linear DR": econml_of(linear_dr),
}
CLASSES = {
    "scikit-uplift: solo, logistic": sklift_of(lambda: SoloModel(logit())),
    "scikit-uplift: solo with interactions, logistic": sklift_of(
        lambda: SoloModel(logit(), method="treatment_interaction")
    ),
    "scikit-uplift: two models, logistic": sklift_of(lambda: TwoModels(logit(), logit())),
    "scikit-uplift: class transformation, logistic": sklift_of(
        lambda: ClassTransformation(logit())
    ),
}
SLOW = {
    "causalml: X, trees": causalml_of(lambda: BaseXRegressor(trees())),
    "causalml: R, trees": causalml_of(lambda: BaseRRegressor(trees(), random_state=0)),
    "econml: X, trees": econml_of(lambda: XLearner(models=trees(), propensity_model=logit())),
    "econml: causal forest": econml_of(forest),
    "scikit-uplift: solo, trees": sklift_of(lambda: SoloModel(classes())),
}
methods = QUICK | (CLASSES if binary else {}) | (SLOW if given["slow"] else {})

found, seconds = {}, {}
for name, scores in methods.items():
    start = time.process_time()
    found[name] = np.stack([
        np.asarray(scores(x[a], treated[a], outcome[a], x[b]), float).ravel()
        for a, b in zip(train, test, strict=True)
    ])  # fmt: skip
    seconds[name] = time.process_time() - start
    print(name, round(seconds[name], 1), flush=True)
np.savez(given["scores"], allow_pickle=False, **found)
target.write_text(json.dumps({"seconds": seconds}), "utf-8")
