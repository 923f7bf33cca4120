"""What to try instead of a model that does not fit."""

from omniltv.models.processes.protocols import PurchaseModel

__all__ = ["other_models"]

_CONTINUOUS = {"mbg_nbd": "MbgNbd()", "pareto_nbd": "ParetoNbd()", "mbg_cnbd_2": "CnbdK(2)"}


def other_models(model: PurchaseModel) -> str:
    """Return code that compares the fit with those of other models."""
    if model.discrete:
        return "compare this fit with that of another model by checks.compare"
    others = [code for name, code in _CONTINUOUS.items() if name != model.name]
    return f"checks.compare with the fits of {', '.join(others[:-1])} and {others[-1]}"
