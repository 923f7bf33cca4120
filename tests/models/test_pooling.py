import pytest

from omniltv.errors import ConfigError
from omniltv.models import Pooling, PoolingKind


def test_constructors_name_kind_and_columns() -> None:
    assert Pooling.complete() == Pooling(PoolingKind.COMPLETE)
    assert Pooling.none("channel") == Pooling(PoolingKind.NONE, ("channel",))
    assert Pooling.partial("channel", "arm").by == ("channel", "arm")


@pytest.mark.parametrize("columns", [(), ("",), ("channel", "channel")])
def test_columns_are_named_once(columns: tuple[str, ...]) -> None:
    for make in (Pooling.none, Pooling.partial):
        with pytest.raises(ConfigError):
            make(*columns)
