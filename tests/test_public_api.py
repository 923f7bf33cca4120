import subprocess
import sys

import pytest

import omniltv


@pytest.mark.parametrize("name", omniltv.__all__)
def test_every_public_name_loads(name: str) -> None:
    assert getattr(omniltv, name) is not None
    assert name in dir(omniltv)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="lifetime_valeu"):
        _ = omniltv.lifetime_valeu


def test_a_star_import_gives_the_public_names() -> None:
    program = "from omniltv import *; print(fit.__module__, weeks(2))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["omniltv.models.inference.fitting", "2", "weeks"]
