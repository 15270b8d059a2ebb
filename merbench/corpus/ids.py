"""Speaker, session and dialogue read off utterance ids."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from merbench.corpus.corpus import GROUPINGS
from merbench.corpus.problems import ProblemError, Problems
from merbench.corpus.text import name_array
from merbench.errors import ConfigError, did_you_mean

# IEMOCAP: Ses01F_impro01_M003 is the man of session 1, in the dialogue where the woman is tracked.
# MSP-IMPROV: MSP-IMPROV-S01A-F03-S-FM01 is the woman of session 3, playing scenario S01A.
BUILT_IN = (
    r"(?P<dialogue>(?P<speaker>Ses0*(?P<session>\d+))[FM]_\w+)_(?P<speaker2>[FM])(?:XX)?\d+[a-z]?",
    r"(?:MSP|UTD)-IMPROV-(?P<dialogue>S\d+[A-Z])-(?P<speaker>[FM](?P<dialogue2>0*(?P<session>\d+)))"
    r"-[A-Z]-[A-Z]+\d+",
)


def groups_from_ids(
    utterances: Sequence[str], pattern: str | None = None, problems: Problems | None = None
) -> dict[str, NDArray[np.str_]]:
    """Return the groupings that a pattern finds in the ids.

    Args:
        utterances: N ids.
        pattern: a regular expression that matches whole ids, with named groups `speaker`,
            `session` or `dialogue`; where a name is spread over the id, `speaker2`, `speaker3`
            and so on are appended to it. Without one, IEMOCAP's and MSP-IMPROV's are tried.
        problems: told of ids that do not match the pattern; the first is raised where not given.

    Returns:
        (N,) str per grouping; empty where no pattern is given and the built-in ones do not fit.

    Raises:
        ConfigError: the pattern is not a regular expression, or names other groups.
        CorpusError: an id does not match the pattern that was given.
    """
    if pattern is not None:
        return _groups(utterances, _compiled(pattern), problems or Problems())
    for known in BUILT_IN:
        found = _groups(utterances, re.compile(known), None)
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
    utterances: Sequence[str], pattern: re.Pattern[str], problems: Problems | None
) -> dict[str, NDArray[np.str_]]:
    """Match all ids; without `problems`, one that does not fit ends it, and nothing is found."""
    parts = {
        grouping: sorted(name for name in pattern.groupindex if name.rstrip("23456789") == grouping)
        for grouping in GROUPINGS
    }
    columns: dict[str, list[str]] = {grouping: [] for grouping in GROUPINGS if parts[grouping]}
    for utterance in utterances:
        match = pattern.fullmatch(utterance)
        if match is None and problems is None:
            return {}
        if match is None and problems is not None:
            what = f"ids: utterance {utterance!r} does not match {pattern.pattern!r}"
            problems.add(ProblemError("ids pattern", what))
        for grouping, names in columns.items():
            name = "".join(match[part] or "" for part in parts[grouping]) if match else "?"
            if not name and problems is None:
                return {}
            if not name and problems is not None:
                what = f"ids: {pattern.pattern!r} finds no {grouping} in {utterance!r}"
                problems.add(ProblemError("ids pattern", what))
            names.append(name)
    return {grouping: name_array(grouping, names) for grouping, names in columns.items()}
