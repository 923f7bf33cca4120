"""Effects by customer by causalml, scikit-uplift and econml, on splits that are given."""

import json
import logging
import sys
import time
import warnings
from pathlib import Path

import numpy as np
from causalml.inference.meta import (
    BaseDRRegressor,
    BaseRRegressor,
    BaseSRegressor,
    BaseTRegressor,
    BaseXRegressor,
)
from econml.dml import CausalForestDML, LinearDML
from econml.dr import LinearDRLearner
from econml.metalearners import SLearner, TLearner, XLearner
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklift.models import ClassTransformation, SoloModel, TwoModels

warnings.simplefilter("ignore")
logging.disable()

source, target = map(Path, sys.argv[1:])
given = json.loads(source.read_text("utf-8"))
data = np.load(given["arrays"])
x, treated, outcome, train, test = (data[k] for k in ("x", "treated", "outcome", "train", "test"))
binary = set(np.unique(outcome)) <= {0.0, 1.0}
few = given["quick"]


def trees():
    """Return boosted trees for a number."""
    return HistGradientBoostingRegressor(max_depth=3, learning_rate=0.05, random_state=0)


def classes():
    """Return boosted trees for a class."""
    return HistGradientBoostingClassifier(max_depth=3, learning_rate=0.05, random_state=0)


def logit():
    """Return a logistic regression."""
    return LogisticRegression(max_iter=1000)


def causalml_of(learner, *, propensity=True):
    """Return the scores of a learner of causalml."""

    def scores(xa, ta, ya, xb):
        kind = {"p": np.full(len(ta), ta.mean())} if propensity else {}
        learner().fit(xa, ta.astype(int), ya, **kind) if False else None
        own = learner()
        own.fit(xa, ta.astype(int), ya, **kind)
        at = {"p": np.full(len(xb), ta.mean())} if isinstance(own, BaseXRegressor) else {}
        return own.predict(xb, **at)

    return scores


def sklift_of(learner):
    """Return the scores of a learner of scikit-uplift."""

    def scores(xa, ta, ya, xb):
        return learner().fit(xa, ya, ta).predict(xb)

    return scores


def econml_of(learner, *, nuisance=False):
    """Return the scores of a learner of econml."""

    def scores(xa, ta, ya, xb):
        own = learner().fit(ya, ta, X=xa)
        return own.effect(xb)

    return scores


METHODS = {
    ("causalml", "S, linear"): causalml_of(lambda: BaseSRegressor(LinearRegression()), propensity=False),
    ("causalml", "T, linear"): causalml_of(lambda: BaseTRegressor(LinearRegression()), propensity=False),
    ("causalml", "S, trees"): causalml_of(lambda: BaseSRegressor(trees()), propensity=False),
    ("causalml", "T, trees"): causalml_of(lambda: BaseTRegressor(trees()), propensity=False),
    ("causalml", "X, trees"): causalml_of(lambda: BaseXRegressor(trees())),
    ("causalml", "R, trees"): causalml_of(lambda: BaseRRegressor(trees(), random_state=0)),
    ("causalml", "DR, trees"): causalml_of(lambda: BaseDRRegressor(trees())),
    ("econml", "S, trees"): econml_of(lambda: SLearner(overall_model=trees())),
    ("econml", "T, trees"): econml_of(lambda: TLearner(models=trees())),
    ("econml", "X, trees"): econml_of(lambda: XLearner(models=trees(), propensity_model=logit())),
    ("econml", "linear DML"): econml_of(lambda: LinearDML(model_y=trees(), model_t=logit(), discrete_treatment=True, random_state=0)),
    ("econml", "linear DR"): econml_of(lambda: LinearDRLearner(model_regression=trees(), model_propensity=logit(), random_state=0)),
    ("econml", "causal forest"): econml_of(lambda: CausalForestDML(model_y=trees(), model_t=logit(), discrete_treatment=True, n_estimators=60, min_samples_leaf=100, random_state=0)),
}
if binary:
    METHODS |= {
        ("scikit-uplift", "solo, logistic"): sklift_of(lambda: SoloModel(logit())),
        ("scikit-uplift", "solo with interactions, logistic"): sklift_of(lambda: SoloModel(logit(), method="treatment_interaction")),
        ("scikit-uplift", "two models, logistic"): sklift_of(lambda: TwoModels(logit(), logit())),
        ("scikit-uplift", "solo, trees"): sklift_of(lambda: SoloModel(classes())),
        ("scikit-uplift", "two models, trees"): sklift_of(lambda: TwoModels(classes(), classes())),
        ("scikit-uplift", "class transformation, logistic"): sklift_of(lambda: ClassTransformation(logit())),
        ("scikit-uplift", "class transformation, trees"): sklift_of(lambda: ClassTransformation(classes())),
    }

found, seconds = {}, {}
for (library, name), scores in METHODS.items():
    start = time.process_time()
    key = f"{library}: {name}"
    found[key] = np.stack([
        np.asarray(scores(x[a], treated[a], outcome[a], x[b]), float).ravel()
        for a, b in zip(train, test, strict=True)
    ])
    seconds[key] = time.process_time() - start
    print(key, round(seconds[key], 1), flush=True)
np.savez(given["scores"], **found)
target.write_text(json.dumps({"seconds": seconds}), "utf-8")
