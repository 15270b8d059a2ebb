import re
import xml.etree.ElementTree as ET

import pytest
from made_findings import HOSTILE, made

from merbench.report.figures import inline_figures
from merbench.report.figures.compact import _relative, _short_path
from merbench.results.conditions import NoiseColumn

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def inline():
    return inline_figures(made(), "run1-")


def ids(svg):
    return [e.get("id") for e in ET.fromstring(svg).iter() if e.get("id")]


def test_a_page_gets_a_curve_for_each_noise_and_one_figure_of_each_other_kind(inline):
    assert list(inline.curves) == [
        NoiseColumn(noise, on)
        for noise in ("gaussian", "frame_drop")
        for on in ("absent", "present")
    ]  # fmt: skip
    assert [figure.identifier for figure in inline.figures][-5:] == [
        "run1-overview", "run1-contrasts", "run1-ranks", "run1-reliability", "run1-training",
    ]  # fmt: skip
    for figure in inline.figures:
        assert figure.title
        assert figure.note
        assert len(figure.svg) < 15_000


def test_each_is_one_element_in_the_pages_ink_and_type_that_styles_nothing_else(inline):
    for svg in [f.svg for f in inline.figures] + [k.svg for k in inline.legend]:
        root = ET.fromstring(svg)
        assert root.tag == f"{SVG}svg"
        tags = {element.tag.removeprefix(SVG) for element in root.iter()}
        assert tags <= {"svg", "g", "path", "text", "use", "defs", "marker"}
        assert "currentColor" in svg
        for absent in ("#010203", "#000000", "font-family", "<style", "clip-path"):
            assert absent not in svg


def test_ids_are_unique_on_a_page_with_two_runs_and_every_reference_resolves(inline):
    other = inline_figures(made(), "run2-")
    every = [f for page in (inline, other) for f in (*page.figures, *page.legend)]
    known = [name for item in every for name in ids(item.svg)]
    assert len(known) == len(set(known))
    for item in every:
        used = re.findall(r'(?:url\(#|href="#)([^")]+)', item.svg)
        assert set(used) <= set(ids(item.svg))


def test_names_are_text_and_labels_are_read(inline):
    texts = "".join(ET.fromstring(inline.overview.svg).itertext())
    assert "<script>alert" in texts
    assert "<script" not in inline.overview.svg
    root = ET.fromstring(inline.overview.svg)
    assert root.get("role") == "img"
    assert root.get("aria-label") == inline.overview.title


def test_parts_that_show_a_method_carry_its_class_and_the_legend_names_it(inline):
    keys = {key.method: key for key in inline.legend}
    assert keys[HOSTILE].part == "m1"
    for figure in (*inline.curves.values(), inline.overview, inline.reliability, inline.ranks):
        classes = {e.get("class") for e in ET.fromstring(figure.svg).iter()}
        assert {key.part for key in inline.legend} <= classes


def test_curves_keep_every_point(inline):
    findings = made()
    curve = next(iter(inline.curves.values()))
    for group in ET.fromstring(curve.svg).iter(f"{SVG}g"):
        line = [p for p in group.iter(f"{SVG}path") if "marker:" in p.get("style", "")]
        if group.get("class") and line:
            numbers = re.findall(r"-?[\d.]+", line[0].get("d"))
            assert len(numbers) == 2 * findings.curves["severity"].nunique()


def test_equal_findings_give_equal_text(inline):
    assert inline_figures(made(), "run1-") == inline


def test_what_a_run_lacks_is_none():
    bare = inline_figures(made(methods=("only",), noises=(), probabilities=False))
    assert bare.curves == {}
    assert [figure.identifier for figure in bare.figures] == ["overview"]


def test_without_intervals_nothing_is_said_of_bands():
    bare = inline_figures(made(intervals=False))
    assert all("Bands" not in f.note and "Bars:" not in f.note for f in bare.figures)


@pytest.mark.parametrize(
    ("path", "short"),
    [
        ("M 1.04 2 \nL 3 4 \nL 2.96 -1.5 \nz\n", "M1 2 3 4 3-1.5z"),
        ("M 0 -0.04 L 0.5 0.25", "M0 0 .5 .2"),
    ],
)
def test_paths_lose_no_more_than_their_last_digits(path, short):
    assert _short_path(path, 1) == short


def test_steps_lead_to_the_points_they_replace():
    path = "M1 2 3 4 3-1.5zM.1.2 5.5 7"
    assert _relative(path) == "M1 2l2 2 0-5.5zM.1 .2l5.4 6.8"
    assert _relative("M0 1C0 .5 1 2 3 4z") == "M0 1C0 .5 1 2 3 4z"
