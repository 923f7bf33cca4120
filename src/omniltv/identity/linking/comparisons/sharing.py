"""Comparison by other records: do people of other names use the contact that two share?"""

from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np

from omniltv._arrays import Codes, Levels
from omniltv._options import checked
from omniltv.identity.linking.comparisons._grading import first_level
from omniltv.identity.linking.values import Pairs
from omniltv.identity.records.columns import MISSING, Column

__all__ = ["SharedUseComparison"]

_SEVERAL = 2


@checked
@dataclass(frozen=True)
class SharedUseComparison:
    """Grades pairs that share a contact by the given names of other records with this contact.

    If a third record has another given name, several people use the contact, and a shared
    contact says less about two records of which one has no name. The names of the two records
    do not count, since `NameComparison` grades these.

    Args:
        name: Name of the comparison.
        contacts: The fields that people share.
        names: Given names, in each script.

    Examples:
        >>> from omniltv.identity.records.columns import Column
        >>> columns = {
        ...     "phone": Column.of(["1", "1", "1", "2", "2"]),
        ...     "given_written": Column.of(["ken", "emi", None, "ann", None]),
        ... }
        >>> SharedUseComparison().grade(Pairs.of(columns, [0, 3, 0], [2, 4, 3])).tolist()
        [2, 0, -1]
    """

    name: str = "shared_use"
    contacts: tuple[str, ...] = ("phone", "email")
    names: tuple[str, ...] = ("given_written", "given_sound")
    shared = True
    coincidence = 0.3
    agreement = 2
    levels = ("no other record", "no other name", "other names")
    frequency = (None, None, None)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are read."""
        return (*self.contacts, *self.names)

    def grade(self, pairs: Pairs) -> Levels:
        """Return the level of each pair, shape (n_pairs,)."""
        names = [name for name in self.names if pairs.has(name)]
        common, more, other = np.zeros((3, len(pairs)), dtype=np.bool_)
        for contact in self.contacts if names else ():
            rows = np.flatnonzero(pairs.equal(contact))
            if not len(rows):
                continue
            column, values = pairs.columns[contact], pairs.left[contact][rows]
            common[rows] = True
            more[rows] |= column.count[values] > _SEVERAL
            for name in names:
                own = (pairs.known(name) & ~pairs.equal(name))[rows]
                other[rows] |= _names_by(column, pairs.columns[name])[values] - own >= _SEVERAL
        return first_level([common & ~other & ~more, common & ~other, common])


_COUNTED: WeakKeyDictionary[Column, WeakKeyDictionary[Column, Codes]] = WeakKeyDictionary()


def _names_by(contact: Column, name: Column) -> Codes:
    """Return how many names the records with each contact have, shape (n_contacts,)."""
    known = _COUNTED.setdefault(contact, WeakKeyDictionary())
    if name not in known:
        both = (contact.codes != MISSING) & (name.codes != MISSING)
        width = len(name.values) + 1
        used = np.unique(contact.codes[both].astype(np.int64) * width + name.codes[both])
        known[name] = np.bincount(used // width, minlength=len(contact.values))
    return known[name]
