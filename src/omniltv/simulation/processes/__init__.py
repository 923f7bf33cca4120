"""Purchase processes of simulated customers, by name: one file each.

The first four are those of the built-in models. `RegimeCustomers` and `WeibullCustomers` are
none of them: they show how a method does if its model is wrong.
"""

from collections.abc import Mapping

from omniltv._config import validate
from omniltv.errors import ConfigError
from omniltv.simulation.processes.bg_nbd import BgNbdCustomers
from omniltv.simulation.processes.cnbd_k import CnbdCustomers
from omniltv.simulation.processes.mbg_nbd import MbgNbdCustomers
from omniltv.simulation.processes.pareto_nbd import ParetoNbdCustomers
from omniltv.simulation.processes.protocol import (
    Outlook,
    PersonColumns,
    PurchaseProcess,
    Today,
    Uniforms,
    alive_chain,
)
from omniltv.simulation.processes.regimes import RegimeCustomers
from omniltv.simulation.processes.weibull import WeibullCustomers

__all__ = [
    "PROCESSES",
    "BgNbdCustomers",
    "CnbdCustomers",
    "MbgNbdCustomers",
    "Outlook",
    "ParetoNbdCustomers",
    "PersonColumns",
    "PurchaseProcess",
    "RegimeCustomers",
    "Today",
    "Uniforms",
    "WeibullCustomers",
    "alive_chain",
    "process_of",
]

type BuiltIn = BgNbdCustomers | ParetoNbdCustomers | RegimeCustomers | WeibullCustomers
"""A built-in process; the others derive from the first one."""

PROCESSES: Mapping[str, type[BuiltIn]] = {
    "bg_nbd": BgNbdCustomers,
    "mbg_nbd": MbgNbdCustomers,
    "pareto_nbd": ParetoNbdCustomers,
    "mbg_cnbd_k": CnbdCustomers,
    "regimes": RegimeCustomers,
    "weibull": WeibullCustomers,
}
"""The built-in processes by name."""


def process_of(written: object) -> PurchaseProcess:
    """Return a process from its name, from a mapping with a name and parameters, or as it is.

    Raises:
        ConfigError: If there is no such process, or a parameter is invalid.

    Examples:
        >>> process_of("regimes").name, process_of({"name": "mbg_cnbd_k", "k": 3}).name
        ('regimes', 'mbg_cnbd_k')
    """
    if isinstance(written, PurchaseProcess):
        return written
    data = {"name": written} if isinstance(written, str) else written
    name = data.get("name") if isinstance(data, dict) else None
    if name not in PROCESSES:
        known = ", ".join(PROCESSES)
        raise ConfigError(f"no process is called {name!r}. Hint: one of {known}")
    return validate(PROCESSES[str(name)], data)
