"""The version of the package."""

import subprocess
import sys
from importlib.metadata import version

import omniltv


def test_the_version_is_that_of_the_distribution() -> None:
    assert omniltv.__version__ == version("omniltv")
    assert "__version__" in dir(omniltv)


def test_the_version_is_read_only_when_asked() -> None:
    code = "import sys, omniltv; assert 'importlib.metadata' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
