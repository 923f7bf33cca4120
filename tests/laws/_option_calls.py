"""How to call each public function with one option changed, and which are told by documents."""
# ruff: noqa: ARG005 - every call in the table takes the same two arguments

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

from omniltv.data import (
    CalendarTime,
    PurchaseHistory,
    PurchaseLog,
    check,
    read_table,
    simulate_retailer,
)
from omniltv.data.simulate import Dirt
from omniltv.draws import Draws, RowDraws
from omniltv.experiments import (
    AlwaysValid,
    Assignment,
    Baseline,
    Difference,
    Forecast,
    Persistence,
    SequentialRatio,
    adjusted_p_values,
    assign,
    cuped,
    difference,
    follow_identities,
    lift,
    ltv_lift,
    window_history,
)
from omniltv.experiments.design import Design, Pilot, minimal_lift, power
from omniltv.experiments.learning import Register, Thompson, policy_value, pool_effects
from omniltv.experiments.long_run import (
    ArmWeeks,
    CohortWeeks,
    DecayPrior,
    EarlierCohort,
    FitPerArm,
    LongRunSample,
    SurrogateIndex,
    WeeklyDecay,
    WeeklyPurchases,
    long_run_lift,
)
from omniltv.experiments.metrics import measure
from omniltv.experiments.uplift import (
    CustomerEffects,
    DrLearner,
    Interactions,
    Ridge,
    RLearner,
    TLearner,
    XLearner,
    customer_effects,
)
from omniltv.identity import (
    InMemoryEngine,
    linkage_quality,
    reliability,
    timeline,
)
from omniltv.identity.linking import KeyBlocker
from omniltv.identity.records.normalise import house, sound
from omniltv.identity.store import IdentityStore
from omniltv.models import (
    BgNbd,
    CnbdK,
    ModelError,
    acquisition_value,
    alive_path,
    fit,
    fit_channel_mix,
    lifetime_value,
    load_fit,
)
from omniltv.models.checks import (
    PurchaseEvidence,
    SpendEvidence,
    backtest,
    compare,
    coverage,
    examine,
    expected_purchases_matrix,
    frequency_histogram,
    holdout_log_score,
    prob_alive_matrix,
    tracking,
)
from omniltv.models.posterior import priors
from omniltv.reporting.model_plots import plot_matrix, plot_tracking
from omniltv.segmentation import Condition, Context, Cut, TierMemory, TierScheme, transitions
from omniltv.segmentation.allocation import allocate
from omniltv.segmentation.conditions import Scope
from omniltv.segmentation.counter import CounterDesk, write_counter
from omniltv.segmentation.loyalty import (
    Programme,
    Ranks,
    Redemption,
    RedemptionModel,
    break_even,
    liability,
    settle,
)
from omniltv.segmentation.policy import ContactPolicy, contact_overlap
from omniltv.segmentation.products import fit_next_product
from omniltv.segmentation.response import PooledResponse, contact_propensity, fit_response
from omniltv.segmentation.scores import BroadValue, ValuedAction
from omniltv.segmentation.triggers import CustomerEvents, Visited
from omniltv.simulation import Calendar, World, preset
from omniltv.units import Discount, Span, TimeUnit, days, months, weeks, years

__all__ = ["CALLS", "TOLD", "Call"]

type Call = Callable[[SimpleNamespace, dict[str, Any]], object]

FRAME = pd.DataFrame({"customer_id": ["a"], "first_purchase": ["2026-01-05"],
                      "last_purchase": ["2026-01-05"], "orders": [1]})  # fmt: skip
ARMS = {"a": 0.5, "b": 0.5}
CELLS = pd.DataFrame({"tier": ["gold"], "estimate": [1.0], "standard_error": [1.0],
                      "control_mean": [9.0]})  # fmt: skip
MEASURED = CELLS.assign(measurement="one", treatment="call", channel="call")
TRIED = pd.DataFrame({"tier": "gold", "treatment": ["call", "none"] * 4, "value": range(8),
                      "propensity": 0.5, "round": 1})  # fmt: skip
BANDIT = Thompson(treatments=("call", "none"), by=("tier",))
LEDGER = pd.DataFrame({"event_id": ["e"], "customer_id": ["a"], "time": ["2026-01-05"],
                       "kind": ["earn"], "points": [1]})  # fmt: skip
VISITS = LEDGER.assign(activity_id="v", kind="purchase", value=5.0, draw=0)
RANKS = Ranks.model_validate(
    {"scheme": {"tiers": [{"name": "all"}], "value": "purchases"}, "memory": {"tiers": ["all"]}}
)
CARD = Programme.model_validate(
    {"name": "Card", "earning": [{"name": "a", "activity": "purchase"}], "ranks": RANKS}
)
REDEEMS = RedemptionModel(np.zeros(4), np.eye(4), np.ones(1), Redemption(), 1.0, 0)
IDS = np.array([f"c{number}" for number in range(6)], dtype=object)
BOUGHT = np.random.default_rng(1).poisson(2.0, (40, 9)).astype(float)
WEEKLY = WeeklyPurchases(IDS, BOUGHT[:6, :4], BOUGHT[:6, :4])
ONE = ArmWeeks("a", IDS[:3], BOUGHT[:3, :4], BOUGHT[:3, :4], np.empty((3, 0)), np.ones(3))
PAST = CohortWeeks("c", BOUGHT, BOUGHT, np.empty((40, 0)))
SAMPLE = LongRunSample(
    ONE._replace(name="b"), ONE, (PAST,), np.ones(4), np.ones(4), Persistence.none()
)
JUDGED = pd.DataFrame({"customer_id": ["a"], "tier": ["gold"]})
MEMORY = TierMemory(tiers=("gold",))
REVIEW = ValuedAction(category="a", action="review", owner="b", weights={"c": 1.0})
MATRIX = BroadValue(classes=("c",), actions=(REVIEW,))
CONTACTS = pd.DataFrame({"customer_id": ["a", "b"], "channel": "ec", "responded": [True, False],
                         "time": pd.to_datetime(["2026-01-05", "2026-02-05"])})  # fmt: skip
CONTACTED = pd.DataFrame({"customer_id": ["a"], "time": ["2026-01-01"], "treatment": ["call"],
                          "channel": ["call"]})  # fmt: skip
HAPPENED = CONTACTED.assign(event="visit")
OFFERS = pd.DataFrame({"customer_id": ["a"], "treatment": ["call"], "channel": ["call"],
                       "gain": [5.0], "sd": [1.0], "cost": [1.0], "calls": [1]})  # fmt: skip


def _with(options: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    return options | other


TRIAL = pd.DataFrame({"customer_id": range(80), "arm": ["a", "b"] * 40, "tier": "gold",
                      "age": np.arange(80) % 7, "value": 9.0 + np.arange(80) % 4})  # fmt: skip
MOVED = pd.DataFrame({"before": ["c1"], "after": ["c0"], "change": "merged"})


def _scored() -> CustomerEffects:
    return customer_effects(
        TRIAL, Assignment.from_frame(TRIAL), control="a", learner=TLearner(Ridge()),
        baseline=Baseline(TRIAL, covariates="age", by="tier"),
    )  # fmt: skip


def _seeded(options: dict[str, Any]) -> Any:
    return {"seed": options.get("seed", 0)}


PILOT = Pilot(np.arange(1.0, 9.0))
DESIGN = Design(name="s", arms={"a": 0.5, "b": 0.5}, control="a")

CALLS: Mapping[str, Call] = {
    "Assignment.from_frame": lambda w, x: Assignment.from_frame(w.arms, **x),
    "Assignment.balance": lambda w, x: w.assignment.balance(w.arms, columns=["value"], **x),
    "Assignment.known_arm": lambda w, x: w.assignment.known_arm(**x),
    "Condition.where": lambda w, x: Condition.where(
        **_with({"column": "value", "op": "ge", "value": 1}, x)
    ).mask(w.arms),
    "BroadValue.order_of": lambda w, x: MATRIX.order_of(**x),
    "Context": lambda w, x: Context(**x),
    "Context.amounts": lambda w, x: Context().amounts(**x),
    "Scope": lambda w, x: Scope(**_with({"schema": {}}, x)),
    "Scope.at": lambda w, x: Scope({}).at(**x),
    "PurchaseHistory.from_summaries": lambda w, x: PurchaseHistory.from_summaries(FRAME, **x),
    "PurchaseHistory.with_group": lambda w, x: w.history.with_group(values=["a"] * 6, **x),
    "PurchaseHistory.with_covariate": lambda w, x: w.history.with_covariate(values=[1] * 6, **x),
    "PurchaseHistory.selected": lambda w, x: w.history.selected(**x),
    "PurchaseLog.from_frame": lambda w, x: PurchaseLog.from_frame(w.log.to_frame(), **x),
    "PurchaseLog.before": lambda w, x: w.log.before(**x),
    "PurchaseLog.since": lambda w, x: w.log.since(**x),
    "PurchaseLog.realised_value": lambda w, x: w.log.realised_value(w.log.customer_id, **x),
    "PurchaseLog.history": lambda w, x: w.log.history(unit="week", **x),
    "CalendarTime": lambda w, x: CalendarTime(
        **_with({"by": None, "labels": ("all",), "intensity": None}, x)
    ),
    "PurchaseCounts.exactly": lambda w, x: (
        w.purchases.prob_purchases(w.history, weeks(4), 2).exactly(**x).mean()
    ),
    "alive_path": lambda w, x: alive_path(
        w.purchases, w.log, w.log.customer_id[:1], **_with({"every": weeks(52)}, x)
    ),
    "PurchaseFit": lambda w, x: replace(w.purchases, **x).prob_alive(w.history),
    "PurchaseLog.calendar_time": lambda w, x: w.log.calendar_time(**_with({"seed": 1}, x)),
    "PurchaseLog.split": lambda w, x: w.log.split(
        **_with({"at": w.log.time.min(), "unit": "week"}, x)
    ),
    "TierScheme.high_potential_general": lambda w, x: TierScheme.high_potential_general(
        **_with({"low_realised": Cut(amount=1.0)}, x)
    ).assign(w.worth, w.log),
    "ContactPolicy.moment": lambda w, x: ContactPolicy().moment(
        **_with({"on": date(2026, 1, 5), "hour": 10, "own": None, "zone": None}, x)
    ),
    "contact_overlap": lambda w, x: contact_overlap(
        JUDGED, CONTACTED, **_with({"on": "2026-01-05", "tiers": ["gold"]}, x)
    ),
    "CustomerEvents.read": lambda w, x: CustomerEvents.read(HAPPENED, **x),
    "CustomerEvents.before": lambda w, x: CustomerEvents.read(HAPPENED).before(**x),
    "CustomerEvents.table": lambda w, x: CustomerEvents.read(HAPPENED).table(**x),
    "TriggerKind.fires": lambda w, x: Visited(visited=("ec",)).fires(
        CustomerEvents.read(HAPPENED), **x
    ),
    "allocate": lambda w, x: allocate(OFFERS, {"calls": 1}, **x),
    "assign": lambda w, x: assign(w.arms, arms=ARMS, **_with({"salt": "spring"}, x)),
    "check": lambda w, x: check(w.retailer.transactions, **x),
    "cuped": lambda w, x: cuped(
        w.arms, w.assignment, baseline=Baseline(w.arms, covariates="value"), **x
    ),
    "difference": lambda w, x: difference(w.arms, w.assignment, **x),
    "lift": lambda w, x: lift(w.arms, w.assignment, estimator=Difference(), **x),
    "power": lambda w, x: power(
        PILOT, DESIGN, **_with({"lift": 0.1, "customers": 9, "runs": 3}, x)
    ),
    "minimal_lift": lambda w, x: minimal_lift(PILOT, DESIGN, **_with({"customers": 9}, x)),
    "AlwaysValid.reach": lambda w, x: AlwaysValid(Difference(), planned=9).reach(
        **_with({"level": 0.9, "means": None, "n": 9}, x)
    ),
    "measure": lambda w, x: measure([], {}, w.assignment, **x),
    "adjusted_p_values": lambda w, x: adjusted_p_values(np.array([0.1]), **x),
    "ltv_lift": lambda w, x: ltv_lift(
        w.assignment, observed=w.arms, persistence=Persistence.none(), **x
    ),
    "long_run_lift": lambda w, x: long_run_lift(
        WEEKLY,
        w.assignment,
        persistence=Persistence.none(),
        earlier=[EarlierCohort("c", WEEKLY)],
        discount=Discount(per_year=0.1),
        **_with({"control": "a"}, x),
    ),
    "LongRunLift.draws": lambda w, x: long_run_lift(
        WEEKLY,
        w.assignment,
        persistence=Persistence.none(),
        earlier=[EarlierCohort("c", WEEKLY)],
        discount=Discount(per_year=0.1),
        control="a",
    ).draws(**_with({"method": "weekly decay"}, x)),
    "DecayPrior": lambda w, x: WeeklyDecay(DecayPrior(**x)).estimate(SAMPLE, seed=1),
    "WeeklyDecay.estimate": lambda w, x: WeeklyDecay().estimate(SAMPLE, **x),
    "WeeklyDecay.estimate_jointly": lambda w, x: WeeklyDecay().estimate_jointly([SAMPLE], **x),
    "SurrogateIndex": lambda w, x: SurrogateIndex(**x).estimate(SAMPLE, seed=1),
    "SurrogateIndex.estimate": lambda w, x: SurrogateIndex().estimate(SAMPLE, **x),
    "FitPerArm.estimate": lambda w, x: FitPerArm(
        Forecast(customer_id=IDS, value=Draws.from_array(np.ones((6, 2))), span=weeks(4), arms=())
    ).estimate(SAMPLE, **x),
    "pool_effects": lambda w, x: pool_effects(CELLS, **_with({"by": "tier"}, x)),
    "PooledEffects.effects": lambda w, x: pool_effects(CELLS, by="tier").effects(**x),
    "Register.add": lambda w, x: Register.empty().add(
        difference(w.arms.assign(value=w.arms["value"] + 1), w.assignment, control="a"),
        **_with({"measurement": "m", "end": date(2026, 1, 5), "decision": "go on"}, x),
    ),
    "Register.learnings": lambda w, x: Register.read(MEASURED).learnings(**x),
    "Thompson.shares": lambda w, x: BANDIT.shares(TRIED, **x),
    "TreatmentShares.share_of": lambda w, x: BANDIT.shares(TRIED).share_of(**x),
    "TreatmentShares.assign": lambda w, x: BANDIT.shares(TRIED).assign(
        JUDGED, **_with({"salt": "spring"}, x)
    ),
    "policy_value": lambda w, x: policy_value(TRIED, BANDIT.shares(TRIED), **x),
    "customer_effects": lambda w, x: customer_effects(
        TRIAL,
        Assignment.from_frame(TRIAL),
        **_with(
            {
                "control": "a",
                "baseline": Baseline(TRIAL, covariates="age", by="tier"),
                "learner": TLearner(Ridge()),
            },
            x,
        ),
    ),
    "CustomerEffects.policy_value": lambda w, x: _scored().policy_value(**_with({"cost": 1.0}, x)),
    "CustomerEffects.cells": lambda w, x: _scored().cells(**_with({"by": "tier"}, x)),
    "CustomerEffects.pooled": lambda w, x: _scored().pooled(**_with({"by": "tier"}, x)),
    "Interactions.fit": lambda w, x: Interactions().fit(_scored().sample, **_seeded(x)),
    "TLearner.fit": lambda w, x: TLearner(Ridge()).fit(_scored().sample, **_seeded(x)),
    "XLearner.fit": lambda w, x: XLearner(Ridge()).fit(_scored().sample, **_seeded(x)),
    "RLearner.fit": lambda w, x: RLearner(Ridge()).fit(_scored().sample, **_seeded(x)),
    "DrLearner.fit": lambda w, x: DrLearner(Ridge()).fit(_scored().sample, **_seeded(x)),
    "follow_identities": lambda w, x: follow_identities(w.assignment, MOVED, **x),
    "SequentialRatio.first_below": lambda w, x: SequentialRatio.of(
        np.array(["a"]), ARMS, np.array(["2026-04-01"], dtype="datetime64[D]")
    ).first_below(**_with({"alpha": 0.1}, x)),
    "days": lambda w, x: days(**x),
    "weeks": lambda w, x: weeks(**x),
    "months": lambda w, x: months(**x),
    "years": lambda w, x: years(**x),
    "fit": lambda w, x: fit(BgNbd(), w.history, method="map", **x),
    "lifetime_value": lambda w, x: lifetime_value(
        w.purchases, w.spend, w.history, **w.terms | {"horizon": weeks(4), "seed": 1} | x
    ),
    "acquisition_value": lambda w, x: acquisition_value(
        w.purchases, w.spend, **w.terms | {"horizon": weeks(4), "acquisition_cost": 1.0} | x
    ),
    "fit_channel_mix": lambda w, x: fit_channel_mix(
        w.log, **_with({"seed": 1, "half_life": None, "method": "map"}, x)
    ),
    "load_fit": lambda w, x: load_fit(**x),
    "Retailer.follow_up": lambda w, x: w.retailer.follow_up(**x),
    "FollowUp.expected_value": lambda w, x: w.follow_up.expected_value(weeks(1), treated=True, **x),
    "FollowUp.true_lift": lambda w, x: w.follow_up.true_lift(weeks(1), **x),
    "Truth.true_value": lambda w, x: w.retailer.truth.true_value(weeks(1), **x),
    "simulate_retailer": lambda w, x: simulate_retailer(5, **x),
    "Dirt.rate": lambda w, x: Dirt().rate(**x),
    "read_table": lambda w, x: read_table(**_with({"path": w.csv}, x)),
    "RowDraws.from_array": lambda w, x: RowDraws.from_array([[1.0]], **x),
    "RowDraws.prob_at_least": lambda w, x: w.worth.draws.prob_at_least(**x),
    "Forecast.of": lambda w, x: Forecast.of(w.worth, **x),
    "Forecast.of_purchases": lambda w, x: Forecast.of_purchases(
        w.purchases, w.history, span=weeks(4), **x
    ),
    "Lift.overall": lambda w, x: difference(w.arms, w.assignment, control="a").overall(**x),
    "window_history": lambda w, x: window_history(
        w.log, assign(w.log.customer_id, arms=ARMS, salt="s"), **x
    ),
    "IdentityStore.create": lambda w, x: IdentityStore.create(w.folder / str(x["folder"]), w.found),
    "IdentityStore": lambda w, x: IdentityStore(w.folder / str(x["folder"])),
    "IdentityStore.review": lambda w, x: w.store.review(**x),
    "Resolution.review": lambda w, x: w.found.review(**x),
    "Resolution.draws": lambda w, x: w.found.draws(1, **x),
    "Timeline.of": lambda w, x: timeline(
        w.found.crosswalk, transactions=w.retailer.transactions
    ).of(**x),
    "linkage_quality": lambda w, x: linkage_quality(
        w.found.crosswalk, w.retailer.truth.records, **x
    ),
    "reliability": lambda w, x: reliability(w.found, w.retailer.truth.records, **x),
    "InMemoryEngine.link": lambda w, x: InMemoryEngine().link(
        w.records,
        blockers=(KeyBlocker("phone", ("phone",)),),
        comparisons=w.found._state.spec.comparisons,
        **_with({"max_block": 50, "seed": 1}, x),
    ),
    "KeyBlocker.propose": lambda w, x: KeyBlocker("phone", ("phone",)).propose(w.records, **x),
    "KeyBlocker.blocks": lambda w, x: list(KeyBlocker("phone", ("phone",)).blocks(w.records, **x)),
    "house": lambda w, x: house(**x),
    "sound": lambda w, x: sound(**x),
    "ImputedValue.total": lambda w, x: w.worth.total(**x),
    "LifetimeValue.total": lambda w, x: w.worth.total(**x),
    "LifetimeValue.predictive_total": lambda w, x: w.worth.predictive_total(**x),
    "Coverage.share": lambda w, x: coverage(w.purchases, w.split, seed=1).share(0.5, **x),
    "Coverage.share_of_totals": lambda w, x: coverage(w.purchases, w.split, seed=1).share_of_totals(
        0.5, **x
    ),
    "ModelError": lambda w, x: ModelError(**_with({"horizons": (weeks(4),), "sd": (0.1,)}, x)),
    "ModelError.factors": lambda w, x: ModelError.default().factors(
        **_with({"channels": ["ec"], "horizon": weeks(4), "n_draws": 2, "seed": 1}, x)
    ),
    "backtest": lambda w, x: backtest(
        w.log, BgNbd(), **_with({"horizon": weeks(1), "origins": 1, "seed": 1}, x), method="map"
    ),
    "coverage": lambda w, x: coverage(w.purchases, w.split, **_with({"seed": 1}, x)),
    "compare": lambda w, x: compare({"bg": w.purchases}, w.history, **x),
    "expected_purchases_matrix": lambda w, x: expected_purchases_matrix(
        w.purchases, weeks(4), T=weeks(9), **x
    ),
    "prob_alive_matrix": lambda w, x: prob_alive_matrix(w.purchases, T=weeks(9), **x),
    "frequency_histogram": lambda w, x: frequency_histogram(w.purchases, w.history, **x),
    "holdout_log_score": lambda w, x: holdout_log_score(w.purchases, w.split, **x),
    "examine": lambda w, x: examine(w.purchases, w.history, **x),
    "PurchaseEvidence": lambda w, x: PurchaseEvidence(
        **{"fit": w.purchases, "history": w.history, "seed": 1} | x
    ),
    "SpendEvidence": lambda w, x: SpendEvidence(
        **{"fit": w.spend, "history": w.history, "seed": 1} | x
    ),
    "FitFindings.of": lambda w, x: w.purchases.findings.of(**x),
    "tracking": lambda w, x: tracking(w.purchases, w.split.calibration, log=w.log, **x),
    "plot_tracking": lambda w, x: plot_tracking(
        tracking(w.purchases, w.split.calibration, log=w.log), **x
    ),
    "plot_matrix": lambda w, x: plot_matrix(prob_alive_matrix(w.purchases, T=weeks(9)), **x),
    "Tiering.first": lambda w, x: (
        TierScheme.high_potential_general().assign(w.worth, w.log).first(**x)
    ),
    "TierScheme.customer_classes": lambda w, x: TierScheme.customer_classes(
        **_with({"active_since": "2026-01-01"}, x)
    ),
    "TierMemory.move": lambda w, x: MEMORY.move(
        **_with({"state": None, "now": JUDGED, "on": "2026-01-01"}, x)
    ),
    "TierMemory.qualifying": lambda w, x: MEMORY.qualifying(**_with({"log": w.log}, x)),
    "TierMemory.review_dates": lambda w, x: MEMORY.review_dates(
        MEMORY.move(None, JUDGED, on="1990-01-01").state, **x
    ),
    "Transitions.kept": lambda w, x: transitions(JUDGED, JUDGED, tiers=("gold",)).kept(**x),
    "Transitions.nurtured": lambda w, x: transitions(JUDGED, JUDGED, tiers=("gold",)).nurtured(
        **_with({"tier": "gold", "into": "gold"}, x)
    ),
    "transitions": lambda w, x: transitions(JUDGED, JUDGED, **_with({"tiers": ("gold",)}, x)),
    "Calendar.factors": lambda w, x: Calendar().factors(
        **_with({"start": date(2026, 1, 5), "first": 0, "days": 7}, x)
    ),
    "World": lambda w, x: World(people=5, **x),
    "World.fork": lambda w, x: w.world.fork(**x),
    "World.counterfactual": lambda w, x: w.world.counterfactual(
        **_with({"plan_a": None, "plan_b": None, "span": weeks(1)}, x)
    ),
    "WorldTruth.responses": lambda w, x: w.world.truth.responses(**_with({"channel": "ec"}, x)),
    "preset": lambda w, x: preset(**x),
    "Discount.factor": lambda w, x: Discount(per_year=0.1).factor(
        **_with({"time": 1.0, "unit": TimeUnit.WEEK}, x)
    ),
    "Discount": lambda w, x: Discount(**x),
    "Span": lambda w, x: Span(unit=TimeUnit.WEEK, **x),
    "Exponential": lambda w, x: priors.Exponential(**x),
    "HalfNormal": lambda w, x: priors.HalfNormal(**x),
    "LogNormal": lambda w, x: priors.LogNormal(**_with({"mu": 0.0, "sigma": 1.0}, x)),
    "Normal": lambda w, x: priors.Normal(**_with({"mu": 0.0, "sigma": 1.0}, x)),
    "StudentT": lambda w, x: priors.StudentT(**_with({"nu": 3.0, "mu": 0.0, "sigma": 1.0}, x)),
    "CounterDesk.of": lambda w, x: CounterDesk(w.counter).of(**x),
    "write_counter": lambda w, x: write_counter(w.folder / "other", profile=w.arms, **x),
    "fit_next_product": lambda w, x: fit_next_product(CONTACTS.assign(category="tea"), **x),
    "PooledResponse": lambda w, x: fit_response(CONTACTS, model=PooledResponse(**x)),
    "contact_propensity": lambda w, x: contact_propensity(w.arms, columns=["value"], **x),
    "fit_response": lambda w, x: fit_response(CONTACTS, **x),
    "Settlement.close": lambda w, x: settle(LEDGER, at="2026-02-01").close(**x),
    "Programme.events": lambda w, x: CARD.events(VISITS, **x),
    "Programme.rank_history": lambda w, x: CARD.rank_history(VISITS, **x),
    "Programme.progress": lambda w, x: CARD.progress(VISITS, **x),
    "Ranks.multiplier": lambda w, x: RANKS.multiplier(**x),
    "liability": lambda w, x: liability(
        settle(LEDGER, at="2026-02-01"), VISITS.assign(time="2026-03-01"), REDEEMS, **x
    ),
    "break_even": lambda w, x: break_even(CARD, CARD, VISITS, **_with({"share": 0.5}, x)),
    "settle": lambda w, x: settle(LEDGER, **_with({"at": "2026-02-01"}, x)),
    "CnbdK": lambda w, x: fit(CnbdK(**x), w.history, seed=1, method="map"),
}

# Classes whose constructors take what they are told: results (NaN says that a figure is unknown),
# parts of the linker that are called with columns of its own, and names of columns that are looked
# up when a frame is read.
TOLD = frozenset({
    "ContaminationCheck", "CustomerEffects", "DrLearner", "FittedInteractions", "Interactions",
    "RLearner", "Ridge", "SequentialRatioCheck", "TLearner", "TwoArmsCheck", "UpliftCurve",
    "XLearner",
    "Allocation", "Choice", "DualAscent", "ExactAllocator",
    "AcquisitionValue", "AddressComparison", "Balance", "Baseline", "BestFirstClusterer.cluster",
    "ArmLabelCheck", "BalanceCheck", "CheckFinding", "ClusterCheck", "CovariateTimeCheck",
    "EarlyOutcomeCheck", "SampleRatioCheck", "StrataCheck", "Stratified", "StudyFacts",
    "WindowCheck", "Layer", "Pilot", "Design", "RandomisationCheck", "ComplianceCheck",
    "PolicyValue", "PoolingPrior", "TreatmentShares",
    "EarlierCohort", "FitPerArm", "LongRunLift", "LongRunRow", "WeeklyDecay",
    "AttritionCheck", "AlwaysValid", "Compliers", "DoublyRobust", "QuantileDifference",
    "Regression", "Mean", "Quantile", "Ratio", "Reached", "Retention", "Scorecard", "Weekly",
    "BirthDateComparison", "CalibrationHoldout", "ConditionalExpectation", "Coordinate",
    "CoordinateComparison", "CopiesApart.link", "Cuped", "DateComparison", "Diagnostics",
    "Diagnostics.of_mode", "Diagnostics.of_weights", "Difference", "Draws", "Effect", "Evidence",
    "Finding", "FrequencyRecencyMatrix", "ImputedValue.predictive_total", "IntakeReport",
    "KeyBlocker", "Lift", "LinkageQuality", "Learnt", "LinkModel.standard_error",
    "ActingData", "ContactPlan", "ContactPlan.of", "ContactOverlap", "CustomerEvents",
    "ScenarioState",
    "CustomerEvents.with_table", "ScenarioState.with_rows", "ScenarioState.sent",
    "ScenarioState.of", "QuietHours.is_quiet", "QuietHours.allowed",
    "CounterView", "Moves", "Responses",
    "NameComparison", "NumberComparison", "Outcome",
    "Passage", "Transitions", "Cut.places",
    "OwnColumn", "Pairs.alike", "Pairs.apply", "Pairs.crossed", "Pairs.equal", "Pairs.has",
    "Pairs.known", "Pairs.near", "PhoneComparison", "ProbAlive", "PurchaseCounts",
    "PurchaseHistory", "PurchaseLog",
    "Ranking", "RecordLinkageBlocker", "RecordLinkageBlocker.propose", "RecordLinkageComparison",
    "RecordLinkageEngine.link", "RecordLinkageEngine.trained", "ResolutionSummary", "Retailer",
    "RowDraws", "SampleRatio", "SetComparison",
    "BreakEven", "Liability", "LedgerState", "ProgrammeEvents", "RedemptionModel",
    "Settlement", "Shapes.blocks", "SharedUseComparison",
    "SplinkEngine", "SplinkEngine.link", "StoreUpdate", "StringComparison", "TableProfile",
    "TextComparison", "Tolerance", "Totals", "Truth", "ValueComparison", "Balance.of", "WorldStep",
    "folded", "load_febrl",
})  # fmt: skip
