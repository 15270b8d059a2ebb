import pytest

from merbench.analysis.build import analyse
from tests.analysis.world import World


def sentences(tmp_path, world, kind=None):
    found = analyse(world.write(tmp_path / "run"), draws=1000)
    return [s.text for s in found.verdict if kind in (None, s.kind)]


def contrasts(*pairs):
    return {"suite": {"name": "w", "contrasts": [[*pair] for pair in pairs]}}


def test_a_clear_leader_is_named_with_its_lead_and_interval(tmp_path):
    said = sentences(tmp_path, World({"mmin": 0.8, "nmer": 0.5}, folds=8), "lead")
    assert said[0].startswith("mmin leads on the grid mean with 79.9 % UA, 29.9 ")
    assert "ahead of nmer (95 % interval +28" in said[0]


def test_equal_methods_are_neither_better_nor_equivalent_at_a_small_size(tmp_path):
    world = World({"mmin": 0.6, "nmer": 0.6}, record=contrasts(("nmer", "mmin")))
    said = analyse(world.write(tmp_path / "run"), draws=1000).verdict
    assert "supported" not in {s.kind for s in said}
    assert any("Neither a difference nor equivalence is shown" in s.text for s in said)


def test_equal_methods_are_equivalent_where_the_data_can_show_it(tmp_path):
    world = World(
        {"mmin": 0.6, "nmer": 0.6}, folds=10, utterances=1200, record=contrasts(("nmer", "mmin"))
    )
    said = sentences(tmp_path, world, "equivalent")
    assert len(said) == 1
    assert said[0].startswith("nmer and mmin are equivalent within 1.0 point:")


def test_claims_of_one_seed_are_about_the_trained_models(tmp_path):
    world = World(
        {"mmin": 0.8, "nmer": 0.5}, speakers=3, seeds=(0,), record=contrasts(("nmer", "mmin"))
    )
    said = sentences(tmp_path, world, "supported")
    assert said
    assert all(text.endswith(" (of these trained models only).") for text in said)


def test_the_best_without_each_modality_is_named(tmp_path):
    skills = {"mmin": lambda c: 0.8 if c.pattern == "text" else 0.4, "nmer": 0.6}
    said = sentences(tmp_path, World(skills), "finding")
    assert "mmin when audio is missing" in said[0]
    assert "nmer when text is missing" in said[0]


def test_breakdown_is_told_by_noise(tmp_path):
    def frail(c):
        return 0.8 if c.severity < 0.5 else 0.25

    said = sentences(tmp_path, World({"mmin": frail, "nmer": 0.7}), "finding")
    told = next(text for text in said if "burst on present" in text)
    assert told.startswith("Half-way to chance under burst on present modalities: mmin at 0.4")
    assert told.endswith("; not within the grid: nmer.")


@pytest.mark.parametrize("methods", [{"nmer": 0.6}, {"a": 0.6}])
def test_one_method_alone_is_no_comparison(tmp_path, methods):
    said = sentences(tmp_path, World(methods), "lead")
    assert said[0].endswith("it is the only method.")


def test_a_grid_without_noise_speaks_of_missing_modalities(tmp_path):
    said = sentences(tmp_path, World({"a": 0.7, "b": 0.5}, noise=False), "lead")
    assert "a leads on the partial mean" in said[0]


def test_one_fold_speaks_of_its_models_whatever_the_seeds(tmp_path):
    world = World({"mmin": 0.8, "nmer": 0.5}, folds=1, speakers=6)
    found = analyse(world.write(tmp_path / "run"), draws=500)
    assert found.inference.scope == "models"
    assert any("One fold was tested" in s.text for s in found.verdict)


def test_one_seed_of_one_method_limits_the_claims_about_that_method_alone(tmp_path):
    world = World(
        {"mmin": 0.8, "nmer": 0.5, "mine": 0.3}, speakers=3, seeds_of={"mine": (0,)},
        record=contrasts(("mmin", "nmer"), ("mmin", "mine")),
    )  # fmt: skip
    said = [text for text in sentences(tmp_path, world, "supported") if "[" in text]
    assert [text.endswith("(of these trained models only).") for text in said] == [False, True]


def test_a_declared_pair_that_cannot_be_tested_is_named(tmp_path):
    holes = [("nmer", "1", seed) for seed in (0, 1, 2)]
    world = World(
        {"mmin": 0.6, "zero_fill": 0.6, "nmer": 0.6}, lacking=holes,
        record=contrasts(("nmer", "mmin"), ("mmin", "zero_fill")),
    )  # fmt: skip
    found = analyse(world.write(tmp_path / "run"), partial=True, draws=200)
    assert any(s.text.startswith("nmer against mmin is not tested") for s in found.verdict)


def test_a_difference_that_is_real_and_too_small_to_matter_is_said_to_be_both(tmp_path):
    skills = {"mmin": 0.6, "nmer": 0.595}
    world = World(
        skills, folds=10, utterances=8000, noise=False, record=contrasts(("mmin", "nmer"))
    )
    said = [text for text in sentences(tmp_path, world, "supported") if "[" in text]
    assert "but by less than 1.0 point, too little to matter" in said[0]
