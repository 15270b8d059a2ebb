"""What is inert by construction, and why: said here, or by the method itself.

What is said here of our own methods stands apart from them, since words about a network are no
reason to train it again.
"""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase

from merbench.methods.base import Method

_ONE_TOKEN = "attention over one token uses neither query nor key"
_MEAN = "the latent's variance is for training alone; at test z is the mean"
_OURS: Mapping[str, Mapping[str, str]] = {
    "merbench.methods.nmer:Nmer": {
        "*.attention.query_key_*": _ONE_TOKEN,
        "vae.log_variance*": _MEAN,
    },
}


def expected_inert(method: Method, name: str) -> str:
    """Return why a component or parameter of a method is inert by construction; else "".

    A method of someone else's says so in a class attribute `inert_by_construction`, patterns of
    names (`*` stands for anything) -> reason.
    """
    for cls in type(method).__mro__:
        ours = _OURS.get(f"{cls.__module__}:{cls.__qualname__}", {})
        theirs: Mapping[str, str] = vars(cls).get("inert_by_construction", {})
        for pattern, reason in {**ours, **theirs}.items():
            if fnmatchcase(name, pattern):
                return reason
    return ""
