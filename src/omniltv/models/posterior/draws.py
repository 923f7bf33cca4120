"""Posterior draws of the coordinates of a model."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from omniltv._options import checked

__all__ = ["PosteriorDraws", "evenly"]


@checked
@dataclass(frozen=True, eq=False)
class PosteriorDraws:
    """Posterior draws of the coordinates of each group.

    Attributes:
        names: Names of the coordinates, of length n_coordinates.
        groups: The groups (combinations of the labels of all group columns), sorted;
            ``("",)`` under complete pooling.
        coordinates: Draws of shape (chains, draws, n_groups, n_coordinates).
        mean: Population means, of shape (chains, draws, n_coordinates); partial only.
        spread: Standard deviation of the random effects of each term, of shape
            (chains, draws, n_terms, n_coordinates); partial only.
        new: Random effect of an unseen level of each term, same shape; partial only.
        levels: Labels of the levels of each term; partial only.
        effects: Random effects of the levels of all terms, of shape
            (chains, draws, n_levels, n_coordinates); partial only.
        slopes: Effects of the covariates, of shape (chains, draws, n_effects).

    Examples:
        >>> draws = PosteriorDraws(("log_rate",), ("ec", "store"), np.zeros((2, 500, 2, 1)))
        >>> draws
        PosteriorDraws(log_rate; 2 groups, 1,000 draws)
        >>> draws.flat().shape
        (1000, 2, 1)
    """

    names: tuple[str, ...]
    groups: tuple[str, ...]
    coordinates: NDArray[np.float64]
    mean: NDArray[np.float64] | None = None
    spread: NDArray[np.float64] | None = None
    new: NDArray[np.float64] | None = None
    levels: tuple[tuple[str, ...], ...] = ()
    effects: NDArray[np.float64] | None = None
    slopes: NDArray[np.float64] | None = None

    def __repr__(self) -> str:
        n = len(self.groups)
        groups = "1 group" if n == 1 else f"{n:,} groups"
        return f"PosteriorDraws({', '.join(self.names)}; {groups}, {self.n_draws:,} draws)"

    @property
    def n_draws(self) -> int:
        """Number of draws in all chains."""
        chains, draws = self.coordinates.shape[:2]
        return int(chains * draws)

    def flat(self, unseen: Sequence[tuple[str, ...]] = ()) -> NDArray[np.float64]:
        """Return draws of shape (n_draws, n_groups + unseen, n_coordinates).

        Args:
            unseen: Groups that the fit did not see, by their label in each term. A known
                label has its own effect, an unknown label the effect of a new level.
        """
        parts = [self.coordinates, *(self._unseen(labels)[:, :, None] for labels in unseen)]
        joined = np.concatenate(parts, axis=2)
        return joined.reshape(self.n_draws, *joined.shape[2:])

    def _unseen(self, labels: tuple[str, ...]) -> NDArray[np.float64]:
        assert self.mean is not None
        assert self.new is not None
        assert self.effects is not None
        total, start = self.mean, 0
        for term, label in enumerate(labels):
            known = self.levels[term]
            seen = label in known
            effect = (
                self.effects[:, :, start + known.index(label)] if seen else self.new[:, :, term]
            )
            total = total + effect
            start += len(known)
        return total


def evenly(draws: int, n_draws: int) -> NDArray[np.intp]:
    """Return evenly spaced posterior draws, with repetitions if there are too few.

    Examples:
        >>> evenly(4, 100).tolist(), evenly(4, 2).tolist()
        ([0, 25, 50, 75], [0, 0, 1, 1])
    """
    return (np.arange(draws) * n_draws // draws).astype(np.intp)
