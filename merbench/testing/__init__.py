"""Tests to inherit: what our own methods, noises, readers and metrics must pass, for yours.

    from merbench.testing import MethodConformance

    class TestMine(MethodConformance):
        method = "my_package.my_module:Mine"

Needs pytest.
"""

from merbench.testing.method import MethodConformance
from merbench.testing.metric import MetricConformance
from merbench.testing.noise import NoiseConformance
from merbench.testing.reader import ReaderConformance

__all__ = ["MethodConformance", "MetricConformance", "NoiseConformance", "ReaderConformance"]
