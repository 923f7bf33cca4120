"""What OR-Tools makes of an allocation: the LP by GLOP, the integer problem by CP-SAT.

Run by `_peers.run` in an environment of its own: `... INPUT.json OUTPUT.json`. The input has the
net gain of each offer, its group, the use of resources (rows, columns, amounts), the capacities
and the seconds for CP-SAT. The output has value and seconds by solver; no value if it did not
finish.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from ortools.linear_solver.python import model_builder
from ortools.sat.python import cp_model

SCALE = 100  # CP-SAT works on whole numbers


def main() -> None:
    """Solve what the input holds."""
    source, target = map(Path, sys.argv[1:3])
    given = json.loads(source.read_text("utf-8"))
    found = {"GLOP (LP)": linear(given), "CP-SAT": integer(given)}
    target.write_text(json.dumps(found), "utf-8")


def linear(given: dict[str, Any]) -> dict[str, object]:
    """Return the optimum of the linear relaxation."""
    start = time.process_time()
    model = model_builder.Model()
    offers = [model.new_num_var(0, 1, f"x{k}") for k in range(len(given["net"]))]
    for part in members(given["group"]):
        model.add(sum(offers[k] for k in part) <= 1)
    for rows, amounts, capacity in resources(given):
        model.add(sum(a * offers[k] for k, a in zip(rows, amounts, strict=True)) <= capacity)
    model.maximize(sum(n * x for n, x in zip(given["net"], offers, strict=True)))
    solver = model_builder.Solver("GLOP")
    status = solver.solve(model)
    done = status == model_builder.SolveStatus.OPTIMAL
    value = solver.objective_value if done else None
    return {"value": value, "seconds": time.process_time() - start}


def integer(given: dict[str, Any]) -> dict[str, object]:
    """Return the best choice that CP-SAT finds in time, and its bound."""
    start = time.process_time()
    model = cp_model.CpModel()
    offers = [model.new_bool_var(f"x{k}") for k in range(len(given["net"]))]
    for part in members(given["group"]):
        model.add_at_most_one(offers[k] for k in part)
    for rows, amounts, capacity in resources(given):
        whole = np.ceil(np.array(amounts) * SCALE).astype(int).tolist()
        chosen = [offers[k] for k in rows]
        model.add(cp_model.LinearExpr.weighted_sum(chosen, whole) <= int(capacity * SCALE))
    gain = np.round(np.array(given["net"]) * SCALE).astype(int).tolist()
    model.maximize(cp_model.LinearExpr.weighted_sum(offers, gain))
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.max_time_in_seconds = given["patience"]
    status = solver.solve(model)
    good = status in (cp_model.OPTIMAL, cp_model.FEASIBLE)
    return {
        "value": solver.objective_value / SCALE if good else None,
        "bound": solver.best_objective_bound / SCALE,
        "optimal": status == cp_model.OPTIMAL,
        "seconds": time.process_time() - start,
    }


def members(group: list[int]) -> list[np.ndarray]:
    """Return the offers of each group; groups are sorted."""
    return np.split(np.arange(len(group)), np.flatnonzero(np.diff(group)) + 1)


def resources(given: dict[str, Any]) -> list[tuple[list[int], list[float], float]]:
    """Return the offers, their use and the capacity of each resource."""
    rows, columns, amounts = (np.array(given[name]) for name in ("rows", "columns", "amounts"))
    return [
        (rows[columns == r].tolist(), amounts[columns == r].tolist(), capacity)
        for r, capacity in enumerate(given["capacity"])
    ]


if __name__ == "__main__":
    main()
