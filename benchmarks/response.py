"""Response to contacts: partial pooling beside no pooling, complete pooling and boosting.

1. Contacts of a simulated world, made at random; the contacts of the last weeks are held out.
   The world knows the true probability of each response.
2. Contacts that were targeted: how far the mean probability over all customers, and over those
   who were not contacted, is from the truth, with and without a propensity.
3. The e-mail experiment of Hillstrom (2008): one e-mail per customer, response is a visit.

    uv run --group bench python benchmarks/response.py [--check] [--markdown PAGE]
"""

import argparse
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import _markdown
import numpy as np
import pandas as pd
from _report import report
from numpy.typing import NDArray
from scipy import special
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import log_loss

from omniltv.segmentation.response import contact_propensity, fit_response
from omniltv.simulation import TargetingRule, World, preset
from omniltv.units import weeks

PRESETS = ("apparel", "cosmetics")
WEEKS = {"4 weeks": 4, "26 weeks": 26}
HELD_OUT = 1
HOURS = np.arange(7, 22)
SHARE = 0.3  # of customers and channels contacted in a week
OURS, TRUTH, BOOSTING = "partial pooling", "the truth", "gradient boosting"
NONE, COMPLETE = "no pooling", "complete pooling"
MOST_OFF = 0.01  # calibration error above that of the true probabilities, which is chance
MENDED = 0.5  # of the bias that the propensity must mend at least

type Numbers = NDArray[np.float64]
type Method = Callable[[pd.DataFrame, pd.DataFrame], Numbers]


def main() -> int:
    """Run the benchmark and return its exit code."""
    parser = argparse.ArgumentParser(description="Response to contacts.")
    parser.add_argument("--people", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--markdown", type=Path, help="page whose tables are filled in")
    parser.add_argument("--check", action="store_true", help="exit 1 where a target is missed")
    options = parser.parse_args()
    held = pd.DataFrame([row for name in PRESETS for row in held_out(name, options)])
    aimed = pd.DataFrame(targeted(options))
    real = pd.DataFrame(hillstrom())
    tables = {"held out": held, "targeted": aimed, "hillstrom": real}
    if options.markdown:
        _markdown.fill(options.markdown, {k: _markdown.table(t) for k, t in tables.items()})
    for table in tables.values():
        print(table.to_string(index=False), end="\n\n")
    score, errors = (
        held.pivot_table(index=["world", "history"], columns="method", values=name)
        for name in ("log loss", "calibration error")
    )
    off = float((errors[OURS] - errors[TRUTH]).max())
    bias = aimed.set_index(["targeting", "method"])["bias, not contacted"]
    left = {name: abs(bias["engagement", name]) for name in (OURS, PROPENSITY)}
    targets = {
        f"log loss below {name}": bool((score[OURS] < score[name]).all())
        for name in (NONE, COMPLETE, BOOSTING)
    } | {
        f"calibration error at most {MOST_OFF} above that of the truth, is {off:.4f}": off
        <= MOST_OFF,
        f"the propensity mends {MENDED:.0%} of the bias": left[PROPENSITY] <= MENDED * left[OURS],
    }
    lead = float((score[BOOSTING] - score[OURS]).min())
    figures = {"lead over boosting": lead, "calibration error above truth": off}
    return report("response", held, figures=figures, targets=targets, check=options.check)


@dataclass(frozen=True)
class Campaign:
    """Contacts of a world, with the true probability of opening of each.

    Attributes:
        contacts: Delivered contacts: the columns of a contact history, ``week`` and ``truth``.
        world: The world after the contacts.
    """

    contacts: pd.DataFrame
    world: World


def campaign(name: str, people: int, length: int, seed: int) -> Campaign:
    """Return weekly contacts of customers, channels, days and hours chosen at random."""
    world, rng, parts = World(preset(name), people=people, seed=seed), rng_of(seed), []
    past = world.run(weeks(52)).per_person().set_index("customer_id")["value"]
    for week in range(length + HELD_OUT):
        listed = world.records.query("consent")
        chosen = listed[rng.random(len(listed)) < SHARE]
        plan = scheduled(chosen.assign(channel=chosen["source"]), rng)
        if week >= length:  # the truth is known as of the first day of a week
            plan = plan.assign(day=0)
        parts.append(delivered(world, plan, past).assign(week=week))
    return Campaign(pd.concat(parts, ignore_index=True), world)


def rng_of(seed: int) -> np.random.Generator:
    """Return the generator of the plans."""
    return np.random.default_rng([seed, 7])


def scheduled(chosen: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Return a plan with a treatment, days and hours at random."""
    n = len(chosen)
    columns = {"treatment": "mail", "day": rng.integers(0, 7, n), "hour": rng.choice(HOURS, n)}
    return chosen[["customer_id", "channel"]].assign(**columns)


def delivered(world: World, plan: pd.DataFrame, past: pd.Series) -> pd.DataFrame:
    """Step a world and return the delivered contacts, with the truth before the step."""
    chance = true_chance(world)
    made = world.step(plan).contacts
    made = made[made["stage"].isin(["delivered", "opened", "answered"])]
    hour = made["time"].dt.hour
    keys = pd.MultiIndex.from_arrays([made["channel"], hour, made["customer_id"]])
    level = np.digitize(past.reindex(made["customer_id"]), np.quantile(past, [0.5, 0.8]))
    return pd.DataFrame(
        {
            "customer_id": made["customer_id"],
            "channel": made["channel"],
            "time": made["time"],
            "tier": np.array(["general", "potential", "high"])[level],
            "responded": made["stage"].isin(["opened", "answered"]),
            "truth": chance.reindex(keys).to_numpy(),
        }
    ).reset_index(drop=True)


def true_chance(world: World) -> pd.Series:
    """Return the probability of opening a delivered contact, by channel, hour and customer."""
    truth, parts = world.truth, {}
    for channel in world.config.channels:
        for hour in HOURS.tolist():
            table = truth.responses(channel.name, hour=float(hour)).set_index("customer_id")
            parts[channel.name, hour] = table["opened"] / table["delivered"].where(
                table["delivered"] > 0
            )
    return pd.concat(parts)


def held_out(name: str, options: argparse.Namespace) -> Iterator[dict[str, object]]:
    """Yield the scores of each method on held-out contacts of one preset."""
    for label, length in WEEKS.items():
        found = campaign(name, options.people, length, options.seed).contacts
        past, later = found[found["week"] < length], found[found["week"] >= length]
        for method, predict in METHODS.items():
            start = time.process_time()
            chance = predict(past, later)
            row = {"world": name, "history": label, "contacts": len(past), "method": method}
            yield (
                row
                | scores(later["responded"], chance)
                | {
                    "error": round(float(np.sqrt(np.mean((chance - later["truth"]) ** 2))), 4),
                    "CPU s": round(time.process_time() - start, 1),
                }
            )


def scores(responded: pd.Series, chance: Numbers) -> dict[str, object]:
    """Return log loss, and the mean distance of shares from probabilities in ten bins."""
    bins = pd.qcut(pd.Series(chance).rank(method="first"), 10, labels=False)
    frame = pd.DataFrame({"p": chance, "y": responded.to_numpy(dtype=float)})
    means = frame.groupby(bins).agg(p=("p", "mean"), y=("y", "mean"), n=("y", "size"))
    off = float(((means["p"] - means["y"]).abs() * means["n"]).sum() / means["n"].sum())
    return {
        "log loss": round(float(log_loss(responded, chance)), 5),
        "calibration error": round(off, 4),
    }


def pooled(past: pd.DataFrame, later: pd.DataFrame) -> Numbers:
    """Return what our model predicts."""
    asked = later.drop(columns=["responded", "truth"], errors="ignore")
    model = fit_response(past.drop(columns=["truth"], errors="ignore"))
    return np.asarray(model.predict(asked)["p_response"])


def raw(past: pd.DataFrame, later: pd.DataFrame) -> Numbers:
    """Return the share of each customer and channel, with half a response added to each side."""
    keys = ["customer_id", "channel"]
    seen = past.groupby(keys)["responded"].agg(["sum", "size"])
    own = seen.reindex(pd.MultiIndex.from_frame(later[keys])).fillna(0.0)
    return ((own["sum"] + 0.5) / (own["size"] + 1.0)).to_numpy()


def complete(past: pd.DataFrame, later: pd.DataFrame) -> Numbers:
    """Return the share of the channel."""
    return later["channel"].map(past.groupby("channel")["responded"].mean()).to_numpy()


def boosting(past: pd.DataFrame, later: pd.DataFrame) -> Numbers:
    """Return what gradient boosting predicts, with the earlier responses of the customer."""
    both = pd.concat([past, later], ignore_index=True)
    features, known = boosting_features(both, len(past)), np.arange(len(both)) < len(past)
    model = HistGradientBoostingClassifier(
        learning_rate=0.05, max_iter=400, early_stopping=True, random_state=1, min_samples_leaf=100
    )
    model.fit(features[known], past["responded"])
    return np.asarray(model.predict_proba(features[~known])[:, 1])


def boosting_features(both: pd.DataFrame, known: int) -> Numbers:
    """Return features: time, channel, tier, earlier contacts and responses of the customer.

    Held-out contacts have the counts at the end of the history.
    """
    y = both["responded"].to_numpy(dtype=float).copy()
    y[known:] = 0.0
    one = np.where(np.arange(len(both)) < known, 1.0, 0.0)
    frame = both.assign(y=y, one=one, day=both["time"].dt.floor("D"))
    columns = [frame["time"].dt.hour, frame["time"].dt.weekday]
    columns += [pd.Series(pd.factorize(frame[name])[0]) for name in ("channel", "tier")]
    for keys in (["customer_id"], ["customer_id", "channel"]):
        group = frame.groupby(keys)
        seen, hits = (group[name].cumsum() - frame[name] for name in ("one", "y"))
        columns += [seen, (hits + 0.5) / (seen + 1.0)]
    last = frame.groupby("customer_id")["time"].shift()
    columns.append((frame["time"] - last).dt.total_seconds())
    return np.column_stack([np.asarray(column, dtype=float) for column in columns])


METHODS: Mapping[str, Method] = {
    TRUTH: lambda _, later: later["truth"].to_numpy(),
    OURS: pooled,
    BOOSTING: boosting,
    COMPLETE: complete,
    NONE: raw,
}
PROPENSITY = "partial pooling, propensity"


def targeted(options: argparse.Namespace) -> Iterator[dict[str, object]]:
    """Yield how far mean probabilities are from the truth if contacts were targeted."""
    for rule in ("World.targeted (value)", "engagement"):
        world = World(preset("apparel"), people=2 * options.people, seed=options.seed)
        rng = rng_of(options.seed + 1)
        past = world.run(weeks(52)).per_person().set_index("customer_id")["value"]
        traits = people_of(world, past, rng)
        parts = []
        for _ in range(8):
            chosen = by_value(world) if rule != "engagement" else by_engagement(traits, rng)
            known = world.records.query("consent and source == 'ec'")["customer_id"]
            plan = scheduled(chosen[chosen["customer_id"].isin(known)], rng)
            parts.append(delivered(world, plan, past))
        made = pd.concat(parts, ignore_index=True)
        world.run(weeks(8))  # until all are rested
        yield from biases(rule, made, traits, world)


def people_of(world: World, past: pd.Series, rng: np.random.Generator) -> pd.DataFrame:
    """Return customers of the web shop with their value, and a noisy score of their engagement."""
    chance = true_chance(world).sort_index().xs(("ec", 12))
    odds = pd.Series(special.logit(chance.to_numpy()), index=chance.index)
    listed = world.records.query("consent and source == 'ec'")["customer_id"]
    odds = odds.reindex(listed)
    score = (odds - odds.mean()) / odds.std() + 0.5 * rng.standard_normal(len(odds))
    value = np.log1p(past.reindex(listed)).to_numpy()
    level = np.digitize(past.reindex(listed), np.quantile(past, [0.5, 0.8]))
    tier = np.array(["general", "potential", "high"])[level]
    columns = {"customer_id": listed, "log_value": value, "engagement": score.to_numpy()}
    return pd.DataFrame(columns).assign(tier=tier, channel="ec").reset_index(drop=True)


def by_value(world: World) -> pd.DataFrame:
    """Return the plan of a rule that prefers high value."""
    rule = TargetingRule(treatment="mail", channel="ec", base=-2.5, value=1.0, hidden=0.5)
    return world.targeted(rule)


def by_engagement(traits: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Return customers who seem to be engaged."""
    chance = special.expit(-2.5 + 1.5 * traits["engagement"])
    return traits[rng.random(len(traits)) < chance]


def biases(
    rule: str, made: pd.DataFrame, traits: pd.DataFrame, world: World
) -> Iterator[dict[str, object]]:
    """Yield the mean error of each method, over all customers and over those not contacted."""
    noon = made["time"].max().normalize() + pd.DateOffset(days=56, hours=12)
    truth = true_chance(world).sort_index().xs(("ec", 12)).reindex(traits["customer_id"]).to_numpy()
    contacted = traits["customer_id"].isin(made["customer_id"]).to_numpy()
    traits = traits.assign(contacted=contacted, time=noon)
    columns = ["log_value", "engagement"]
    traits = contact_propensity(traits, contacted="contacted", columns=columns)
    asked = traits.drop(columns=[*columns, "contacted"])
    with_it = made.merge(traits[["customer_id", "propensity"]], on="customer_id")
    known = np.isfinite(truth)
    for name, method, history, table in (
        (COMPLETE, complete, made, asked),
        (OURS, pooled, made, asked.drop(columns="propensity")),
        (PROPENSITY, pooled, with_it, asked),
    ):
        error = method(history, table) - truth
        yield {
            "targeting": rule,
            "method": name,
            "contacted": int(contacted.sum()),
            "not contacted": int((~contacted).sum()),
            "mean truth": round(float(truth[known].mean()), 4),
            "bias, all": round(float(error[known].mean()), 4),
            "bias, not contacted": round(float(error[known & ~contacted].mean()), 4),
            "error, all": round(float(np.sqrt(np.mean(error[known] ** 2))), 4),
        }


def hillstrom() -> Iterator[dict[str, object]]:
    """Yield the scores on half of the e-mails of the experiment; nothing without the file."""
    path = Path(os.environ.get("OMNILTV_DATA", ".")) / "hillstrom.csv"
    if not path.exists():
        return
    table = pd.read_csv(path).query("segment != 'No E-Mail'").reset_index(drop=True)
    table["customer_id"], table["responded"] = np.arange(len(table)), table["visit"] == 1
    table["time"] = pd.Timestamp("2008-03-20 10:00")
    table["tier"] = table["newbie"].astype(str) + table["mens"].astype(str)
    table["tier"] += table["womens"].astype(str) + " " + table["segment"]
    half = np.random.default_rng(1).random(len(table)) < 0.5
    features = ["recency", "history", "mens", "womens", "newbie"]
    coded = table[["zip_code", "channel", "segment"]].apply(lambda c: pd.factorize(c)[0])
    x = np.column_stack([table[features], coded])
    model = HistGradientBoostingClassifier(learning_rate=0.05, early_stopping=True, random_state=1)
    boosted = model.fit(x[half], table["responded"][half]).predict_proba(x[~half])[:, 1]
    mail = table.assign(channel="mail")
    for name, chance in (
        (COMPLETE, complete(mail[half], mail[~half])),
        (f"{OURS}, segments as tiers", pooled(mail[half], mail[~half])),
        (f"{BOOSTING}, all columns", boosted),
    ):
        yield {"method": name, "e-mails": int((~half).sum())} | scores(
            table["responded"][~half], chance
        )


if __name__ == "__main__":
    raise SystemExit(main())
