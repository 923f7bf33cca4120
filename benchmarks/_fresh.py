"""One step of a benchmark in a Python process of its own, with its memory.

What a process has loaded, compiled or freed before would blur times and peaks. A script
that uses this answers ``--step NAME`` by calling `answer` with its steps.
"""

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

__all__ = ["Answer", "Step", "answer", "forget_peak", "memory", "run", "surroundings"]

type Answer = dict[str, float]
"""What a step found out."""

type Step = Callable[..., Answer]
"""Takes what it is given by keyword, as JSON can carry it."""

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")
_MB = 1e6


def run(
    script: str,
    step: str,
    given: Mapping[str, object],
    *,
    environment: Mapping[str, str] | None = None,
) -> Answer:
    """Return what a step of a script finds in a fresh process, with its ``peak MB``.

    Args:
        script: The script, which runs the step when called with ``--step``.
        step: The name of the step.
        given: What the step is given, by keyword.
        environment: Variables beside those of this process.

    Raises:
        CalledProcessError: If the step fails.
    """
    print(f"{step}: {dict(given)}", file=sys.stderr, flush=True)
    done = subprocess.run(
        [sys.executable, script, "--step", step],
        input=json.dumps(given),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env={**os.environ, **(environment or {})},
    )
    found: Answer = json.loads(done.stdout.splitlines()[-1])
    print(f"  {found}", file=sys.stderr, flush=True)
    return found


def answer(steps: Mapping[str, Step], name: str) -> int:
    """Run a step on what stdin holds, print what it found, and return the exit code 0."""
    found = steps[name](**json.load(sys.stdin))
    print(json.dumps({"peak MB": memory()[1], **found}))
    return 0


def memory() -> tuple[float, float]:
    """Return the resident memory of this process in MB: now, and at most so far.

    Where the system does not tell (it is Linux that does) both are the most so far.
    """
    if not _STATUS.exists():
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 if _is_mac() else 1e-3)
        return most / _MB, most / _MB
    lines = dict(line.split(":", 1) for line in _STATUS.read_text("utf-8").splitlines())
    now, most = (int(lines[name].split()[0]) * 1024 for name in ("VmRSS", "VmHWM"))
    return now / _MB, most / _MB


def forget_peak() -> float:
    """Let the peak start anew where the system allows it, and return the memory now, in MB."""
    if _CLEAR.exists():
        _CLEAR.write_text("5", "utf-8")
    return memory()[0]


def surroundings() -> str:
    """Return the processor and how busy it is: times mean nothing without."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text("utf-8").splitlines() if info.exists() else []
    name = next((line.split(":")[1].strip() for line in lines if "model name" in line), "?")
    load = Path("/proc/loadavg")
    busy = load.read_text("utf-8").split()[0] if load.exists() else "?"
    from omniltv.draws import cores  # noqa: PLC0415 - the process that only starts others is light

    return f"{cores()} cores of {name}, load {busy} at the start"


def _is_mac() -> bool:
    return sys.platform == "darwin"
