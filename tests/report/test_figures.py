import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
import seaborn as sns
from made_findings import EMPTY, HOSTILE, LONG, NAN, made
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.text import Text

from merbench.report.figures import styles, write_figures
from merbench.report.figures.styles import COLOURS, house_style
from merbench.report.figures.write import sheets_of

SEVENTY = tuple(f"method_{i}" for i in range(70))
SHAPES = {
    "usual": {},
    "long": {
        "methods": ("m" * 60, LONG * 3, HOSTILE, "x"),
        "noises": ("a_noise_with_quite_a_long_name", "gaussian"),
        "classes": ("surprised and disgusted", "neutral", "x", HOSTILE),
        "modalities": ("electrodermal_activity", "visual", "text"),
    },
    "one": {"methods": ("only",), "noises": ("gaussian",), "severities": (0.5,)},
    "two modalities": {"modalities": ("audio", "visual"), "methods": ("a", "b")},
    "five modalities": {"modalities": ("audio", "visual", "text", "gaze", "physio")},
    "seventy": {"methods": SEVENTY, "noises": ("gaussian",), "modalities": ("audio", "text")},
    "no intervals": {"intervals": False, "probabilities": False},
    "many classes": {"classes": tuple(f"class {i}" for i in range(14))},
}


def drawn(findings):
    with house_style():
        for sheet in sheets_of(findings):
            yield sheet.stem, sheet.draw()


def written(figure, monkeypatch):
    """Every text that is drawn and the box it fills, in pixels."""
    renderer = FigureCanvasAgg(figure).get_renderer()
    seen = []
    draw = Text.draw

    def record(text, *args, **kwargs):
        if text.get_visible() and text.get_text().strip():
            seen.append(text)
        draw(text, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(Text, "draw", record)
        figure.draw(renderer)
    return [(text.get_text(), text.get_window_extent(renderer)) for text in seen]


@pytest.mark.parametrize(
    "shape", [pytest.param(s, marks=[pytest.mark.slow] * (s == "seventy")) for s in SHAPES]
)
def test_no_text_is_clipped_and_none_covers_another(shape, monkeypatch):
    for stem, figure in drawn(made(**SHAPES[shape])):
        width, height = figure.bbox.width, figure.bbox.height
        found = written(figure, monkeypatch)
        boxes = np.array([(b.x0, b.y0, b.x1, b.y1) for _, b in found])
        for (text, _), (x0, y0, x1, y1) in zip(found, boxes, strict=True):
            inside = x0 >= -0.5 and y0 >= -0.5 and x1 <= width + 0.5 and y1 <= height + 0.5
            assert inside, (stem, text, (x0, y0, x1, y1), (width, height))
        # A pixel or two of line spacing may be shared.
        wide = np.minimum(boxes[:, None, 2], boxes[None, :, 2]) - np.maximum(
            boxes[:, None, 0], boxes[None, :, 0]
        )
        tall = np.minimum(boxes[:, None, 3], boxes[None, :, 3]) - np.maximum(
            boxes[:, None, 1], boxes[None, :, 1]
        )
        clash = np.triu((wide > 1.5) & (tall > 2.5), 1)
        pairs = [(found[i][0], found[j][0]) for i, j in np.argwhere(clash)]
        assert not pairs, (stem, pairs[:5])


@pytest.fixture(scope="module")
def usual(tmp_path_factory):
    return write_figures(made(), tmp_path_factory.mktemp("run") / "deep" / "figures", jobs=1)


def test_each_figure_is_there_as_png_svg_and_pdf(usual):
    assert all(path.is_file() for path in usual)
    assert {path.stem for path in usual} == {
        "curves-gaussian-absent", "curves-gaussian-present", "curves-frame_drop-absent",
        "curves-frame_drop-present", "robustness-area", "robustness-breakdown", "robustness-grid",
        "heatmap", "heatmap-behind", "heatmap-conditions", "confusion", "training", "reliability",
        "overview", "contrasts", "ranks",
    }  # fmt: skip
    for path in usual:
        content = path.read_bytes()
        start = {".png": b"\x89PNG\r", ".svg": b"<?xml", ".pdf": b"%PDF-"}[path.suffix]
        assert content.startswith(start)
        if path.suffix == ".pdf":
            assert b"/Count 1 " in content
            assert b"CreationDate" not in content
            assert b"/Subtype /Type3" not in content  # publishers refuse bitmap fonts


def test_svg_files_show_hostile_names_as_text_with_unique_ids(usual):
    roots = {path.stem: ET.parse(path).getroot() for path in usual if path.suffix == ".svg"}
    for root in roots.values():
        assert not [e for e in root.iter() if str(e.tag).endswith("script")]
        ids = [e.get("id") for e in root.iter() if e.get("id")]
        assert len(ids) == len(set(ids))
    found = roots["contrasts"].iter("{http://www.w3.org/2000/svg}text")
    texts = " ".join("".join(e.itertext()) for e in found)
    assert "<script>alert" in texts
    assert "$\\frac$" in texts


@pytest.mark.slow
def test_equal_findings_give_equal_bytes_in_any_process_and_under_any_settings(tmp_path):
    small = {"modalities": ("audio", "text"), "noises": ("gaussian",), "methods": ("a", "b", "c")}
    with mpl.rc_context({"lines.linewidth": 9, "svg.fonttype": "path", "font.size": 30}):
        first = write_figures(made(**small), tmp_path / "one", jobs=1)
    code = (
        "from pathlib import Path; from made_findings import made; "
        "from merbench.report.figures import write_figures; "
        f"write_figures(made(**{small!r}), Path({str(tmp_path / 'two')!r}), jobs=1)"
    )
    environment = os.environ | {"PYTHONHASHSEED": "77", "PYTHONPATH": str(Path(__file__).parent)}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
    third = write_figures(made(**small), tmp_path / "three", jobs=2)
    for path, other in zip(first, third, strict=True):
        assert path.read_bytes() == other.read_bytes(), path.name
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes(), path.name


def test_a_run_without_noise_lacks_its_figures():
    stems = {sheet.stem for sheet in sheets_of(made(noises=()))}
    assert stems == {
        "heatmap", "heatmap-behind", "heatmap-conditions", "confusion", "training", "reliability",
        "overview", "contrasts", "ranks",
    }  # fmt: skip


def test_a_run_without_training_probabilities_or_contrasts_lacks_those_figures():
    findings = made(methods=("only",), noises=(), probabilities=False)
    assert {sheet.stem for sheet in sheets_of(findings)} == {
        "heatmap", "heatmap-conditions", "confusion", "overview",
    }  # fmt: skip


def test_missing_values_leave_gaps_and_no_warning():
    findings = made()
    for frame in (findings.curves, findings.grid, findings.robustness, findings.overviews[0].frame):
        frame.loc[frame["method"] == "nmer", ["value", "low", "high"]] = NAN
    findings.confusions[-1] = NAN
    assert len(list(drawn(findings))) == 16


def test_an_interval_without_an_upper_end_reaches_the_axis():
    findings = made(methods=("a", "b"))
    sheet = next(s for s in sheets_of(findings) if s.stem == "robustness-breakdown")
    with house_style():
        figure = sheet.draw()
    texts = [text.get_text() for text in figure.texts]
    shown = findings.robustness[findings.robustness["censored"]]
    assert len(shown)
    for value in shown["value"]:
        assert f"> {value:.2f}" in texts


def test_wide_bands_do_not_flatten_the_curves():
    findings = made(noises=("gaussian",))
    findings.curves["low"], findings.curves["high"] = -1.0, 2.0
    with house_style():
        figure = sheets_of(findings)[0].draw()
    low, high = figure.axes[0].get_ylim()
    assert low >= 0
    assert high <= 102
    values = 100 * findings.curves["value"]
    assert (values.max() - 25) / (high - low) > 0.5


def test_an_axis_goes_below_0_where_a_metric_does():
    findings = made(noises=("gaussian",))
    findings.curves["value"] -= findings.curves["value"].max() - 0.1
    with house_style():
        figure = sheets_of(findings)[0].draw()
    assert figure.axes[0].get_ylim()[0] < 100 * findings.curves["value"].min()


def test_without_a_chance_there_is_no_line_of_it_and_no_word():
    findings = made(noises=("gaussian",))
    known = sheets_of(findings)[0]
    curves = findings.curves.assign(metric="f1")
    unknown = sheets_of(replace(findings, metrics=("f1",), curves=curves))[0]
    assert "chance" in known.note
    assert "chance" not in unknown.note
    with house_style():
        with_it, without = (len(s.draw().axes[0].lines) for s in (known, unknown))
    assert with_it == without + 1


def test_colours_are_those_of_seaborn():
    assert tuple(sns.color_palette("colorblind").as_hex()) == COLOURS


def test_seventy_methods_look_different_in_colour_and_in_grey():
    many = styles(SEVENTY)
    looks = list(many.values())
    assert len({(s.colour, s.marker) for s in looks}) == 70
    assert len({(s.marker, s.dash, s.hollow) for s in looks}) == 70
    assert len({s.colour for s in looks[:10]}) == 10
    assert many["method_3"] == styles(["a", "b", "c", "d"])["d"]


def test_methods_of_like_grey_differ_in_marker_or_dash():
    looks = list(styles(SEVENTY[:20]).values())
    grey = [float(np.dot(to_rgb(s.colour), (0.299, 0.587, 0.114))) for s in looks]
    for i, first in enumerate(looks):
        assert grey[i] < 0.9  # seen on white
        for j, other in enumerate(looks[:i]):
            if abs(grey[i] - grey[j]) < 0.1:
                assert (first.marker, first.dash) != (other.marker, other.dash)


def test_nothing_to_show_gives_no_file(tmp_path):
    findings = replace(
        made(methods=("only",), noises=(), probabilities=False),
        overviews=(), grid=EMPTY, confusions=np.zeros((1, 0, 4, 4)), patterns=(),
    )  # fmt: skip
    assert write_figures(findings, tmp_path) == []
