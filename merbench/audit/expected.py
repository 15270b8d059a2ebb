"""What is inert by construction, and why: said here, or by the method itself.

What is said here of our own methods stands apart from them, since words about a network are no
reason to train it again.
"""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import NamedTuple

from merbench.methods.base import Method


class _Inert(NamedTuple):
    """A pattern of names, why what it names is inert, and the settings under which it is."""

    pattern: str
    reason: str
    settings: Mapping[str, str]


_OURS: Mapping[str, tuple[_Inert, ...]] = {
    "merbench.methods.nmer:Nmer": (
        _Inert(
            "*.attention.query_key_*",
            "attention over one token uses neither query nor key",
            {"attention": "utterance", "tokens": "one"},
        ),
        _Inert(
            "vae.log_variance*",
            "the latent's variance is for training, at test z is the mean",
            {"latent": "mean"},
        ),
    ),
}


def expected_inert(method: Method, name: str) -> str:
    """Return why a component or parameter of a method is inert by construction; else "".

    A method of someone else's says so in a class attribute `inert_by_construction`, patterns of
    names (`*` stands for anything) -> reason.
    """
    for cls in type(method).__mro__:
        theirs: Mapping[str, str] = vars(cls).get("inert_by_construction", {})
        for pattern, reason in theirs.items():
            if fnmatchcase(name, pattern):
                return reason
        for ours in _OURS.get(f"{cls.__module__}:{cls.__qualname__}", ()):
            meant = all(getattr(method.config, k) == v for k, v in ours.settings.items())
            if meant and fnmatchcase(name, ours.pattern):
                return ours.reason
    return ""
