"""Our own metrics and noises pass what is asked of a third party's."""

from typing import ClassVar

from merbench import registry
from merbench.testing import MetricConformance, NoiseConformance


def classes(base: type, group: registry.Group, attribute: str) -> dict[str, type]:
    """Return a class for each registered plug-in, as a third party would write it."""
    return {
        f"Test_{name}": type(f"Test_{name}", (base,), {attribute: name})
        for name in registry.names(group)
    }


globals().update(classes(MetricConformance, "metrics", "metric"))
globals().update(classes(NoiseConformance, "noises", "noise"))


class TestRawImpulse(NoiseConformance):
    noise = "impulse"
    settings: ClassVar = {"raw": True}
