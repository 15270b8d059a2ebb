"""merbench: a robustness benchmark for multimodal emotion recognition.

What stands here is the Python interface, described in docs/api.md. Each name is imported when it is
first used, so that `import merbench` itself takes no time.
"""

from __future__ import annotations

import importlib
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from merbench.api.job import run as run
    from merbench.api.run import Run as Run
    from merbench.api.trained import Trained as Trained
    from merbench.config import Config as Config
    from merbench.corpus.corpus import Corpus as Corpus
    from merbench.corpus.corpus import Modality as Modality
    from merbench.corpus.load import load_corpus as load_corpus
    from merbench.corpus.readers.base import PathConfig as PathConfig
    from merbench.corpus.readers.base import Reader as Reader
    from merbench.corruption.noises.base import Damage as Damage
    from merbench.corruption.noises.base import Noise as Noise
    from merbench.errors import CellError as CellError
    from merbench.errors import ConfigError as ConfigError
    from merbench.errors import CorpusError as CorpusError
    from merbench.errors import IncompleteError as IncompleteError
    from merbench.errors import MerbenchError as MerbenchError
    from merbench.errors import NotComparableError as NotComparableError
    from merbench.errors import StorageError as StorageError
    from merbench.methods.base import BlackBox as BlackBox
    from merbench.methods.base import Method as Method
    from merbench.methods.base import MethodConfig as MethodConfig
    from merbench.methods.base import Network as Network
    from merbench.methods.base import NetworkConfig as NetworkConfig
    from merbench.methods.base import NetworkMethod as NetworkMethod
    from merbench.methods.base import Stage as Stage
    from merbench.methods.estimator import EstimatorMethod as EstimatorMethod
    from merbench.methods.module import ModuleMethod as ModuleMethod
    from merbench.results.metrics import Bounds as Bounds
    from merbench.results.metrics import ConfusionMetric as ConfusionMetric

__version__ = version("merbench")

_MODULES = {
    "merbench.api.job": ("run",),
    "merbench.api.run": ("Run",),
    "merbench.api.trained": ("Trained",),
    "merbench.config": ("Config",),
    "merbench.corpus.corpus": ("Corpus", "Modality"),
    "merbench.corpus.load": ("load_corpus",),
    "merbench.corpus.readers.base": ("PathConfig", "Reader"),
    "merbench.corruption.noises.base": ("Damage", "Noise"),
    "merbench.errors": (
        "CellError",
        "ConfigError",
        "CorpusError",
        "IncompleteError",
        "MerbenchError",
        "NotComparableError",
        "StorageError",
    ),
    "merbench.methods.base": (
        "BlackBox",
        "Method",
        "MethodConfig",
        "Network",
        "NetworkConfig",
        "NetworkMethod",
        "Stage",
    ),
    "merbench.methods.estimator": ("EstimatorMethod",),
    "merbench.methods.module": ("ModuleMethod",),
    "merbench.results.metrics": ("Bounds", "ConfusionMetric"),
}
_PLACES = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Import a name of the interface when it is first used."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(importlib.import_module(_PLACES[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """Return the interface, and what is imported."""
    return sorted({*globals(), *_PLACES})
