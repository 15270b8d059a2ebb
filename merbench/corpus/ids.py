"""Speaker, session and dialogue read off utterance ids."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from merbench.corpus.corpus import GROUPINGS
from merbench.errors import ConfigError, CorpusError, did_you_mean

# IEMOCAP: Ses01F_impro01_M003 is the man of session 1, in the dialogue where the woman is tracked.
# MSP-IMPROV: MSP-IMPROV-S01A-F03-S-FM01 is the woman of session 3, playing scenario S01A.
BUILT_IN = (
    r"(?P<dialogue>(?P<speaker>Ses0*(?P<session>\d+))[FM]_\w+)_(?P<speaker2>[FM])(?:XX)?\d+[a-z]?",
    r"(?:MSP|UTD)-IMPROV-(?P<dialogue>S\d+[A-Z])-(?P<speaker>[FM](?P<dialogue2>0*(?P<session>\d+)))"
    r"-[A-Z]-[A-Z]+\d+",
)


def groups_from_ids(
    utterances: Sequence[str], pattern: str | None = None
) -> dict[str, NDArray[np.str_]]:
    """Return the groupings that a pattern finds in the ids.

    Args:
        utterances: N ids.
        pattern: a regular expression that matches whole ids, with named groups `speaker`,
            `session` or `dialogue`; where a name is spread over the id, `speaker2`, `speaker3`
            and so on are appended to it. Without one, IEMOCAP's and MSP-IMPROV's are tried.

    Returns:
        (N,) str per grouping; empty where no pattern is given and the built-in ones do not fit.

    Raises:
        ConfigError: the pattern is not a regular expression, or names other groups.
        CorpusError: an id does not match the pattern that was given.
    """
    if pattern is not None:
        return _groups(utterances, _compiled(pattern), required=True)
    for known in BUILT_IN:
        found = _groups(utterances, re.compile(known), required=False)
        if found:
            return found
    return {}


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise ConfigError(f"ids: {pattern!r} is not a regular expression: {error}") from error
    for name in compiled.groupindex:
        if name.rstrip("23456789") not in GROUPINGS:
            raise ConfigError(f"ids: unknown group {name!r}: {did_you_mean(name, GROUPINGS)}")
    if not any(name in compiled.groupindex for name in GROUPINGS):
        raise ConfigError(
            f"ids: {pattern!r} names no group; write (?P<speaker>...), (?P<session>...) or "
            "(?P<dialogue>...) around the part of the id that tells it"
        )
    return compiled


def _groups(
    utterances: Sequence[str], pattern: re.Pattern[str], *, required: bool
) -> dict[str, NDArray[np.str_]]:
    parts = {
        grouping: sorted(name for name in pattern.groupindex if name.rstrip("23456789") == grouping)
        for grouping in GROUPINGS
    }
    columns: dict[str, list[str]] = {grouping: [] for grouping in GROUPINGS if parts[grouping]}
    for utterance in utterances:
        match = pattern.fullmatch(utterance)
        if match is None:
            if not required:
                return {}
            raise CorpusError(f"ids: utterance {utterance!r} does not match {pattern.pattern!r}")
        for grouping, names in columns.items():
            names.append("".join(match[part] or "" for part in parts[grouping]))
    for grouping, names in columns.items():
        if "" in names:
            utterance = utterances[names.index("")]
            raise CorpusError(f"ids: {pattern.pattern!r} finds no {grouping} in {utterance!r}")
    return {grouping: np.array(names) for grouping, names in columns.items()}
