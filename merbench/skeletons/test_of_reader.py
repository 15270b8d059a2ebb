"""What every reader must pass, for Skeleton."""

from pathlib import Path

import numpy as np

from merbench.skeletons.reader import Skeleton
from merbench.testing import ReaderConformance


class TestSkeleton(ReaderConformance):
    """Add tests of your own below."""

    reader = Skeleton

    def write(self, folder: Path) -> Path:
        """Write a small corpus for it."""
        for n in range(8):
            file = folder / ("calm", "happy")[n % 2] / f"speaker{n % 3}" / f"u{n}.npz"
            file.parent.mkdir(parents=True, exist_ok=True)
            np.savez(file, audio=np.arange(6.0).reshape(3, 2) * n, text=np.full((1 + n % 2, 4), n))
        return folder
