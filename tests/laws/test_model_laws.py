"""The library's own models keep the public laws, each law a test of its own."""

from collections.abc import Callable

import pytest

from omniltv.models.processes.built_in import PURCHASE_MODELS, SPEND_MODELS
from omniltv.models.processes.protocols import PurchaseModel, SpendModel
from omniltv.testing import SPEND_LAWS, laws_of


@pytest.mark.parametrize(
    ("model", "law"),
    [
        pytest.param(model, law, id=f"{model.name}-{law.__name__}")
        for model in PURCHASE_MODELS
        for law in laws_of(model)
    ],
)
def test_purchase_model_keeps(model: PurchaseModel, law: Callable[[PurchaseModel], None]) -> None:
    law(model)


@pytest.mark.parametrize("law", SPEND_LAWS, ids=lambda law: law.__name__)
@pytest.mark.parametrize("model", SPEND_MODELS, ids=lambda model: model.name)
def test_spend_model_keeps(law: Callable[[SpendModel], None], model: SpendModel) -> None:
    law(model)
