import numpy as np
import pytest

from omniltv.data.history import PurchaseHistory
from omniltv.errors import ConfigError
from omniltv.models import BgNbd, Pooling, PoolingKind, fit


def test_constructors_name_kind_and_columns() -> None:
    assert Pooling.complete() == Pooling(PoolingKind.COMPLETE)
    assert Pooling.none("channel") == Pooling(PoolingKind.NONE, ("channel",))
    assert Pooling.partial("channel", "arm").by == ("channel", "arm")


@pytest.mark.parametrize("columns", [(), ("",), ("channel", "channel")])
def test_columns_are_named_once(columns: tuple[str, ...]) -> None:
    for make in (Pooling.none, Pooling.partial):
        with pytest.raises(ConfigError):
            make(*columns)


def test_crossed_groups_share_their_effects(rich: PurchaseHistory) -> None:
    """A combination that was not seen is forecast by the effects of both its labels."""
    seen = ~((rich.groups["channel"] == "app") & (rich.groups["region"] == "north"))
    crossed = Pooling.partial("channel", "region")
    found = fit(BgNbd(), rich.take(seen), seed=1, method="laplace", pooling=crossed)
    assert len(found.groups) == 5
    cells = found.cells(rich.take(~seen), unseen="population")
    assert set(cells.group) == {5}
    draws = found.draws
    assert draws.mean is not None
    assert draws.effects is not None
    app, north = draws.effects[0, :, 0], draws.effects[0, :, 3]
    assert draws.levels == (("app", "ec", "store"), ("north", "south"))
    np.testing.assert_allclose(cells.by_group[:, 5], draws.mean[0] + app + north)
