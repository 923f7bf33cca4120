"""Other libraries, run beside ours on the same input, each in an environment of its own.

A peer is a list of pinned requirements, ``peers/NAME.txt``, and scripts that read one
JSON file and write another. Its environment is built by uv at the first run and kept
under ``.peers/NAME`` until the list changes.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

__all__ = ["run"]

_HERE = Path(__file__).parent
_PYTHON = "3.12"


def run(
    name: str, script: str, given: Mapping[str, object], *, patience: float | None = None
) -> Mapping[str, object]:
    """Return what a script of ``peers/`` makes of an input, in the environment of a peer.

    Args:
        name: The peer: its requirements are ``peers/NAME.txt``.
        script: File in ``peers/``, called with the paths of its input and its output.
        given: The input, as JSON can carry it.
        patience: Seconds after which it is stopped.

    Raises:
        CalledProcessError: If the environment cannot be built or the script fails.
        TimeoutExpired: If it was stopped.
    """
    python = _environment(name)
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "input.json"), Path(folder, "output.json")
        source.write_text(json.dumps(given), "utf-8")
        # -I: nothing of the caller's environment or folder is imported by mistake.
        # What the script prints goes to stderr: our own stdout ends with one JSON line.
        command = [str(python), "-I", str(_HERE / "peers" / script), str(source), str(target)]
        # In that folder: databases that a peer puts into its own go with it.
        subprocess.run(command, check=True, stdout=sys.stderr, timeout=patience, cwd=folder)
        found: Mapping[str, object] = json.loads(target.read_text("utf-8"))
    return found


def _environment(name: str) -> Path:
    """Return the Python of a peer's environment, built first where it is not up to date."""
    requirements = _HERE / "peers" / f"{name}.txt"
    folder = _HERE / ".peers" / name
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    built = folder / "requirements.txt"  # written last, so a build that broke off is repeated
    if built.is_file() and built.read_bytes() == requirements.read_bytes():
        return python
    print(f"building the environment of {name}: {folder}", file=sys.stderr, flush=True)
    _uv("venv", "--clear", "--python", _PYTHON, str(folder))
    _uv("pip", "install", "--python", str(python), "--requirement", str(requirements))
    built.write_bytes(requirements.read_bytes())
    return python


def _uv(*arguments: str) -> None:
    """Run uv, by preference the one that started us, where the project's pins hold."""
    command = [os.environ.get("UV", "uv"), *arguments]
    subprocess.run(command, check=True, cwd=_HERE.parent, stdout=sys.stderr)
