"""What a test of "no difference" found, and what it could have found."""

from __future__ import annotations

from dataclasses import dataclass

ALPHA = 0.05  # what is called significant, everywhere


@dataclass(frozen=True)
class Outcome:
    """Result of a two-sided test.

    Attributes:
        statistic: of the test; NaN where it has none.
        p: two-sided; NaN where the test cannot be made.
        smallest_p: the smallest p that the test reaches on data of this size; 1 where it cannot
            be made.
        n: how many differences it used.
        exact: False where p was estimated by random draws.
    """

    statistic: float
    p: float
    smallest_p: float
    n: int
    exact: bool = True

    def can_reach(self, alpha: float) -> bool:
        """Say whether data of this size can ever give p <= alpha."""
        return self.smallest_p <= alpha
