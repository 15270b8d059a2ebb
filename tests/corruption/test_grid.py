import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merbench import registry
from merbench.corruption.grid import (
    ABSENT,
    CLEAN,
    NoiseColumn,
    all_patterns,
    build_grid,
    partial_patterns,
    unmet,
)
from merbench.features.observation import State
from merbench.results.conditions import NoiseColumn as ShownColumn
from merbench.results.header import TableHeader
from merbench.results.severity import origin_of
from tests.corpora import MIXED, Stream, make_corpus, noise

SEQUENCES = make_corpus()
A, V, T = SEQUENCES.names
MIX = make_corpus(streams=MIXED)  # prosody is a vector
VECTORS = make_corpus(streams=(Stream("face", 3, 1), Stream("voice", 4, 1)))
SEVERITIES = (0.1, 0.3, 0.5, 0.7, 0.9)


def column(name, on=("absent",), severities=(0.5,), label=None, **options):
    kind = noise(name, **options)
    points = tuple(kind.at_severity(severity) for severity in severities)
    return NoiseColumn(label or name, kind, on, points)


def grid_of(corpus, *columns, patterns=None, draws=1):
    return build_grid(corpus, patterns or all_patterns(corpus.names), columns, draws)


def conditions(grid, **wanted):
    return [c for c in grid.conditions if all(getattr(c, k) == v for k, v in wanted.items())]


@pytest.mark.parametrize("m", [2, 3, 4, 5])
def test_patterns_are_all_non_empty_sets_singles_first_the_complete_one_last(m):
    names = [f"m{k}" for k in range(m)]
    patterns = all_patterns(names)
    assert {frozenset(p) for p in patterns} == {
        frozenset(n for k, n in enumerate(names) if code >> k & 1) for code in range(1, 2**m)
    }
    assert len(patterns) == 2**m - 1
    assert [len(p) for p in patterns] == sorted(len(p) for p in patterns)
    assert all(list(p) == [n for n in names if n in p] for p in patterns)
    assert patterns[-1] == tuple(names)
    assert partial_patterns(names) == patterns[:-1]


def test_a_full_grid_of_six_noises_and_five_severities_has_397_conditions():
    names = ("gaussian", "impulse", "babble", "frame_drop", "burst", "token_swap")
    columns = [column(name, ("absent", "present"), SEVERITIES) for name in names]
    grid = grid_of(SEQUENCES, *columns)
    assert len(conditions(grid, noise="none")) == 7
    assert len(conditions(grid, on="absent")) == 6 * 5 * 6  # the complete pattern lacks nothing
    assert len(conditions(grid, on="present")) == 6 * 5 * 7
    assert len(grid.conditions) == 397
    assert not grid.not_applicable
    assert len(set(grid.conditions)) == 397


@pytest.mark.parametrize(("on", "each"), [("absent", 6), ("present", 7), ("all", 1)])
def test_each_draw_is_a_condition_of_its_own(on, each):
    grid = grid_of(SEQUENCES, column("gaussian", (on,), (0.3, 0.6)), draws=3)
    assert len(grid.conditions) == 7 + each * 2 * 3
    for draw in range(3):
        assert len(conditions(grid, noise="gaussian", draw=draw)) == each * 2


def test_noise_free_columns_come_first():
    grid = grid_of(SEQUENCES, column("gaussian"))
    assert [c.noise for c in grid.conditions] == ["none"] * 7 + ["gaussian"] * 6
    assert [c.inputs for c in grid.conditions[:7]] == [
        tuple(CLEAN if m in pattern else ABSENT for m in SEQUENCES.names)
        for pattern in all_patterns(SEQUENCES.names)
    ]


def states(condition):
    return [seen.state for seen in condition.inputs]


def test_on_absent_noises_what_is_outside_the_pattern_and_nothing_is_absent():
    grid = grid_of(SEQUENCES, column("burst", ("absent",)))
    (only_v,) = conditions(grid, pattern=(V,), noise="burst")
    assert states(only_v) == [State.NOISED, State.PRESENT, State.NOISED]


def test_on_present_noises_what_is_inside_the_pattern_and_the_rest_is_absent():
    grid = grid_of(SEQUENCES, column("burst", ("present",)))
    (of_two,) = conditions(grid, pattern=(A, T), noise="burst")
    assert states(of_two) == [State.NOISED, State.ABSENT, State.NOISED]


@pytest.mark.parametrize("patterns", [None, [(A,), (A, V)], partial_patterns((A, V, T))])
def test_on_all_noises_everything_once_and_is_called_complete(patterns):
    grid = grid_of(SEQUENCES, column("burst", ("all",), SEVERITIES), patterns=patterns)
    found = conditions(grid, noise="burst")
    assert [c.point.severity for c in found] == list(SEVERITIES)
    assert {c.pattern for c in found} == {(A, V, T)}
    assert all(states(c) == [State.NOISED] * 3 for c in found)


def test_on_all_nothing_is_absent_where_a_vector_has_no_time_to_be_hit_in():
    grid = grid_of(MIX, column("burst", ("all",)))
    (found,) = conditions(grid, noise="burst")
    assert states(found) == [State.NOISED, State.PRESENT, State.NOISED]


def test_noise_on_what_the_complete_pattern_lacks_is_the_clean_column():
    grid = grid_of(SEQUENCES, column("gaussian", ("absent",), (0.5,)))
    assert not conditions(grid, noise="gaussian", pattern=(A, V, T))
    assert list(grid.duplicates.values()) == ["audio+visual+text"]


@pytest.mark.parametrize("patterns", [[(A, V, T)], [(A,), (A, V, T)]])
def test_such_a_duplicate_is_no_condition_even_where_it_is_asked_for(patterns):
    grid = grid_of(SEQUENCES, column("gaussian"), patterns=patterns)
    assert len(grid.conditions) == 2 * len(patterns) - 1


def test_severity_0_on_absent_modalities_is_complete_clean_data_even_where_that_is_left_out():
    partial = partial_patterns(SEQUENCES.names)
    grid = grid_of(SEQUENCES, column("burst", ("absent",), (0.0,)), patterns=partial)
    assert [c.noise for c in grid.conditions] == ["none"] * 6
    assert len(grid.duplicates) == 6
    assert set(grid.duplicates.values()) == {"audio+visual+text"}


def test_severity_0_on_present_modalities_duplicates_the_patterns_own_clean_column():
    grid = grid_of(SEQUENCES, column("burst", ("present",), (0.0,)))
    assert len(grid.conditions) == 7
    assert all(name.startswith(f"{same} burst") for name, same in grid.duplicates.items())


def test_on_all_shows_what_on_present_shows_of_the_complete_pattern_in_a_column_of_its_own():
    grid = grid_of(SEQUENCES, column("gaussian", ("present", "all")))
    assert len(conditions(grid, noise="gaussian", on="present")) == 7
    (one,) = conditions(grid, on="all")
    assert one.inputs == conditions(grid, noise="gaussian", on="present")[-1].inputs
    assert not grid.duplicates


def test_a_noise_keeps_its_complete_column_where_vectors_make_it_look_like_another():
    """A timed noise leaves vectors clean: audio noised beside a clean vector, twice."""
    grid = grid_of(MIX, column("burst", ("absent", "present"), (0.5,)))
    complete = [m.name for m in MIX.modalities]
    (found,) = conditions(grid, pattern=tuple(complete), noise="burst", on="present")
    twins = [c for c in conditions(grid, on="absent") if c.inputs == found.inputs]
    assert [c.pattern for c in twins] == [("prosody",)]


def test_severities_that_take_the_same_step_are_evaluated_once():
    near = column("gaussian", ("present",), (0.50, 0.5001, 0.9))
    assert near.points[0].level == near.points[1].level
    grid = grid_of(SEQUENCES, near)
    assert len(grid.conditions) == 7 + 2 * 7
    assert {c.point.requested for c in conditions(grid, noise="gaussian")} == {0.5, 0.9}


def test_one_noise_under_two_labels_is_two_columns():
    grid = grid_of(SEQUENCES, column("impulse"), column("impulse", label="raw impulse", raw=True))
    assert len(conditions(grid, noise="impulse")) == len(conditions(grid, noise="raw impulse")) == 6
    assert set(grid.noises) == {"impulse", "raw impulse"}


TIMED = [name for name in registry.names("noises") if noise(name).timed]


@pytest.mark.parametrize("name", TIMED)
def test_time_noises_of_a_corpus_of_vectors_are_listed_once_and_never_scored(name):
    grid = grid_of(VECTORS, column(name, ("absent", "present", "all"), SEVERITIES), draws=2)
    assert len(grid.conditions) == 3
    assert sorted(grid.not_applicable) == sorted(
        [
            f"face {name} on absent",
            f"voice {name} on absent",
            f"face {name} on present",
            f"voice {name} on present",
            f"face+voice {name} on present",
            f"face+voice {name} on all",
        ]
    )


@pytest.mark.parametrize("corpus", [MIX, SEQUENCES, VECTORS])
@pytest.mark.parametrize("on", ["absent", "present"])
@pytest.mark.parametrize("name", [*TIMED, "gaussian"])
def test_a_curve_starts_where_its_noise_has_severity_0(name, on, corpus):
    columns = [column(name, (on,), (0.0, 0.5))]
    grid = grid_of(corpus, *columns)
    axes = dict.fromkeys(("corpus", "classes", "methods", "folds", "seeds", "conditions"), ())
    header = TableHeader(**axes, modalities=corpus.names, unmet=unmet(corpus, columns))
    for condition in conditions(grid, noise=name):
        pattern = "+".join(condition.pattern)
        origin = grid.duplicates[f"{pattern} {name} 0.00 on {on}"]
        assert origin_of(header, pattern, ShownColumn(name, on)) == origin


@pytest.mark.parametrize("name", TIMED)
def test_in_a_mixed_corpus_time_noises_hit_sequences_only(name):
    grids = [grid_of(MIX, column(name, (on,))) for on in ("absent", "present")]
    found = {(c.pattern, c.on): states(c) for g in grids for c in conditions(g, noise=name)}
    present, noised, absent = State.PRESENT, State.NOISED, State.ABSENT
    # audio, prosody (a vector), text
    assert found == {
        (("audio",), "absent"): [present, absent, noised],
        (("prosody",), "absent"): [noised, present, noised],
        (("text",), "absent"): [noised, absent, present],
        (("audio", "prosody"), "absent"): [present, present, noised],
        (("prosody", "text"), "absent"): [noised, present, present],
        (("audio",), "present"): [noised, absent, absent],
        (("text",), "present"): [absent, absent, noised],
        (("audio", "prosody"), "present"): [noised, present, absent],
        (("audio", "text"), "present"): [noised, absent, noised],
        (("prosody", "text"), "present"): [absent, present, noised],
        (("audio", "prosody", "text"), "present"): [noised, present, noised],
    }
    lost = [*grids[0].not_applicable, *grids[1].not_applicable]
    assert lost == [f"audio+text {name} on absent", f"prosody {name} on present"]


@pytest.mark.parametrize("name", ["gaussian", "impulse", "babble"])
def test_noise_without_time_applies_to_vectors(name):
    grid = grid_of(VECTORS, column(name, ("absent", "present")))
    assert len(grid.conditions) == 3 + 2 + 3
    assert not grid.not_applicable


def test_a_modalitys_inputs_are_named_once_in_order():
    columns = [column("gaussian", ("absent", "present"), (0.3, 0.6)), column("burst", ("all",))]
    grid = grid_of(SEQUENCES, *columns, draws=2)
    for modality in range(3):
        inputs = grid.inputs(modality)
        # clean, absent, 2 severities and 1 of 2 draws each
        assert len(inputs) == len(set(inputs)) == 2 + 2 * 2 + 2
        assert inputs[:2] == (CLEAN, ABSENT) if modality == 0 else {CLEAN, ABSENT} <= set(inputs)
        assert set(inputs) == {c.inputs[modality] for c in grid.conditions}


def shown(corpus, pattern, on, kind, label, point, draw):
    """What each modality of a condition reads, in words; None where the noise meets nothing."""
    met = {
        "absent": [m for m in corpus.modalities if m.name not in pattern],
        "present": [m for m in corpus.modalities if m.name in pattern],
        "all": list(corpus.modalities),
    }[on]
    able = [m.name for m in met if not (kind.timed and m.kind == "vector")]
    if met and not able:
        return None
    words = []
    for m in corpus.modalities:
        if m.name in able:
            place = point.level if point.level is not None else point.severity
            words.append("clean" if point.severity == 0 else f"{label} {place} {draw}")
        else:
            words.append("clean" if m.name in pattern or on == "all" else "absent")
    return tuple(words)


@settings(deadline=None, max_examples=100)
@given(
    corpus=st.sampled_from([SEQUENCES, MIX, VECTORS]),
    some=st.data(),
    names=st.lists(st.sampled_from(registry.names("noises")), max_size=3, unique=True),
    severities=st.lists(st.sampled_from([0, 0.2, 0.201, 0.7, 1]), min_size=1, unique=True),
    on=st.lists(st.sampled_from(["absent", "present", "all"]), min_size=1, unique=True),
    draws=st.integers(1, 2),
)
def test_every_grid_shows_each_distinct_input_once(corpus, some, names, severities, on, draws):
    every = all_patterns(corpus.names)
    patterns = some.draw(st.lists(st.sampled_from(every), min_size=1, unique=True))
    columns = [column(name, tuple(on), severities) for name in names]
    grid = build_grid(corpus, patterns, columns, draws)
    expected, noisy, lost = set(), set(), set()
    for pattern in patterns:
        expected.add(tuple("clean" if m in pattern else "absent" for m in corpus.names))
    places = [(c, point) for c in columns for point in c.points]
    for (c, point), where, draw in itertools.product(places, on, range(draws)):
        for pattern in [every[-1]] if where == "all" else patterns:
            words = shown(corpus, pattern, where, c.noise, c.label, point, draw)
            if words is None:
                lost.add(f"{'+'.join(pattern)} {c.label} on {where}")
            else:
                noisy.add((c.label, where, words))
    expected.add(("clean",) * len(corpus.names))
    noisy = {key for key in noisy if key[2] not in expected}
    if every[-1] not in patterns:
        expected.discard(("clean",) * len(corpus.names))
    assert len(grid.conditions) == len(expected) + len(noisy)
    keys = {(c.noise, c.on, c.inputs) for c in grid.conditions}
    assert len(keys) == len(grid.conditions)
    assert set(grid.not_applicable) == lost
    assert len(grid.not_applicable) == len(lost)
    for condition in grid.conditions:
        assert condition.pattern in every


def test_conditions_have_readable_names():
    grid = grid_of(SEQUENCES, column("gaussian", ("present",), (0.44,)))
    assert grid.conditions[3].name == "audio+visual"
    assert conditions(grid, pattern=(A, V), noise="gaussian")[0].name == (
        "audio+visual gaussian 0.44 on present"
    )
