"""merbench: a robustness benchmark for multimodal emotion recognition."""

from importlib.metadata import version

__version__ = version("merbench")
