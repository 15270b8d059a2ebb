import pytest

from merbench.corpus.ids import groups_from_ids
from merbench.errors import ConfigError, CorpusError


def found(utterance, pattern=None):
    return {name: column.item() for name, column in groups_from_ids([utterance], pattern).items()}


@pytest.mark.parametrize(
    ("utterance", "speaker", "session", "dialogue"),
    [
        ("Ses01F_impro01_F003", "Ses01F", "1", "Ses01F_impro01"),
        ("Ses01F_impro01_M003", "Ses01M", "1", "Ses01F_impro01"),
        ("Ses05M_script03_2_F045", "Ses05F", "5", "Ses05M_script03_2"),
        ("Ses04M_script01_1b_M000", "Ses04M", "4", "Ses04M_script01_1b"),
        ("Ses03F_impro05_FXX1", "Ses03F", "3", "Ses03F_impro05"),
        ("MSP-IMPROV-S01A-F03-S-FM01", "F03", "3", "S01A03"),
        ("MSP-IMPROV-S12H-M06-P-MF105", "M06", "6", "S12H06"),
    ],
)
def test_iemocap_and_msp_improv_ids_tell_their_groups(utterance, speaker, session, dialogue):
    assert found(utterance) == {"speaker": speaker, "session": session, "dialogue": dialogue}


def test_both_speakers_of_a_scene_share_session_and_dialogue():
    pair = ["MSP-IMPROV-S01A-F03-S-FM01", "MSP-IMPROV-S01A-M03-S-FM02"]
    groups = groups_from_ids(pair)
    assert len(set(groups["speaker"])) == 2
    assert len(set(groups["session"])) == 1
    assert len(set(groups["dialogue"])) == 1


def test_other_ids_tell_nothing_unless_a_pattern_is_given():
    assert found("03bSnISJMiM_1") == {}
    assert found("03bSnISJMiM_1", r"(?P<dialogue>.*)_\d+") == {"dialogue": "03bSnISJMiM"}


def test_a_built_in_pattern_is_used_only_where_it_fits_every_id():
    assert groups_from_ids(["Ses01F_impro01_F003", "another"]) == {}


def test_numbered_groups_are_joined_in_their_order():
    assert found("b-x-a", r"(?P<speaker2>\w)-x-(?P<speaker>\w)") == {"speaker": "ab"}


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("(?P<speaker>", "not a regular expression"),
        ("(?P<speeker>.*)", "did you mean 'speaker'"),
        ("(.*)", "names no group"),
    ],
)
def test_a_useless_pattern_is_refused(pattern, words):
    with pytest.raises(ConfigError, match=words):
        groups_from_ids(["a"], pattern)


def test_an_id_that_the_given_pattern_does_not_fit_is_named():
    with pytest.raises(CorpusError, match="'b1' does not match"):
        groups_from_ids(["a1", "b1"], r"a(?P<speaker>\d)")
    with pytest.raises(CorpusError, match="no speaker in 'a'"):
        groups_from_ids(["a"], r"a(?P<speaker>\d?)")
