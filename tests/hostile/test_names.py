"""Names that mean harm stay names, wherever they are shown: page, JUnit, table, terminal, job."""

from __future__ import annotations

import csv
import dataclasses
import json
import re
import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest

from merbench.cli import call
from tests.check.worlds import BASE, PROTOCOL
from tests.hostile.sandbox import command

HURT = "window.hurt=1"
NAMES = (
    f"<script>{HURT}</script>",
    f'" onmouseover="{HURT}" x="',
    f"' onfocus='{HURT}' autofocus='",
    f"</script><img src=x onerror={HURT}>",
    f"<svg/onload={HURT}>",
    f"javascript:{HURT}",
    "]]></testcase><testcase name='passed'/><!--",
    "&lt;b&gt;&amp;&#60;i&#62;",
    "{{ 7 * 7 }}{% raw %}${{ github.token }}",
    "%0A::error::forged",
    "::error::forged",
    "[bold red]x[/bold red][link=file:///etc/passwd]y[/link]",
    r"\input{/etc/passwd}\write18{touch executed}$^_&%#~",
    "| a | b |\\|`code`![x](http://127.0.0.1/x)<b>",
    '=HYPERLINK("http://127.0.0.1/","x")',
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "../../../escaped",
    "/etc/passwd",
    "con.nul:stream",
    "שלום مرحبا 𝕏 ﷽ e\u0301",
)
# What cannot be a name at all, in a run that somebody else has made.
UNFIT = ("\x1b[31mred", "a\nb", "a\r::error::x", "\x07", "\u202egnp", "\x9b31m", "x" * 5000, "\0")


def write_run(folder: Path, draw: int = 0) -> Path:
    """Write a run whose methods, classes, folds and suite are called like this."""
    skills = {name: 0.4 + 0.01 * n - 0.2 * draw for n, name in enumerate(NAMES)}
    record = {
        "protocol": PROTOCOL,
        "suite_hash": NAMES[0],
        "versions": {NAMES[0]: NAMES[1]},
        "suite": {"name": NAMES[3], "version": 1, "contrasts": [[NAMES[0], NAMES[1]]]},
        "corpus": {"name": NAMES[4], "modalities": [{"name": NAMES[1], "kind": NAMES[0]}]},
        "warnings": [*NAMES],
        "status": NAMES[0],
        "host": {NAMES[0]: NAMES[1]},
        "git": {"revision": NAMES[2]},
    }
    world = dataclasses.replace(BASE, skills=skills, seeds=(0, 1), folds=3, draw=draw)
    return dataclasses.replace(world, record=record).write(folder)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the page and the tables of such a run, and all that a gate writes of it."""
    folder = tmp_path_factory.mktemp("told")
    after, before = write_run(folder / "after", 1), write_run(folder / "before")
    assert call(["report", str(after), "--out", str(folder / "report")]) == 0
    reference = folder / "base.json"
    assert call(["check", str(before), "--save-reference", str(reference)]) == 0
    files = ["--junit", str(folder / "gate.xml"), "--html", str(folder / "gate.html")]
    assert call(["check", str(after), "--reference", str(reference), *files]) == 1
    return folder


@pytest.mark.parametrize("page", ["report/index.html", "gate.html"])
def test_no_script_of_a_name_runs_in_a_browser(told, browser, page):
    context = browser.new_context()
    opened = context.new_page()
    asked, said = [], []
    opened.on("request", lambda request: asked.append(request.url))
    opened.on("dialog", lambda dialog: said.append(dialog.message))
    opened.on("pageerror", lambda error: said.append(str(error)))
    file = told / page
    opened.goto(file.as_uri())
    for place in opened.locator("main [title], th, td, button").all()[:60]:
        if place.is_visible():
            place.hover(force=True)
    assert opened.evaluate("window.hurt") is None
    assert (asked, said) == ([file.as_uri()], [])
    text = opened.inner_text("body") + opened.inner_text("h1")
    shown = re.sub(r"[\s\u200b]", "", text)
    for name in NAMES:
        assert re.sub(r"\s", "", name) in shown, name
    assert opened.locator("main img, main script:not(.data), main b > i, svg[onload]").count() == 0
    context.close()


def test_junit_stays_one_document_with_the_names_in_it(told):
    found = ElementTree.parse(told / "gate.xml").getroot()
    cases = found.findall(".//testcase")
    text = "\n".join(f"{case.get('classname')} {case.get('name')}" for case in cases)
    for name in NAMES:
        # A dot in a class name would make a level of the tree.
        assert name.replace(".", "_") in text, name
    assert not [case for case in cases if case.get("name") == "passed"]


def test_csv_keeps_the_names_and_markdown_and_latex_show_them(told):
    tables = told / "report" / "tables"
    with (tables / "robustness.csv").open(encoding="utf-8", newline="") as stream:
        cells = {cell for row in csv.reader(stream) for cell in row}
    assert set(NAMES) <= cells
    for path in tables.glob("*.md"):
        lines = path.read_text("utf-8").splitlines()
        grid = [line for line in lines if line.startswith("|")]
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in grid}) <= 1
        assert not re.search(r"(?<!&lt)<(script|img|svg)", path.read_text("utf-8"))
    for path in tables.glob("*.tex"):
        text = path.read_text("utf-8")
        assert r"\input" not in text
        assert r"\write" not in text


def test_nothing_is_written_outside_and_nothing_is_executed(told):
    assert sorted(path.name for path in told.iterdir()) == [
        *("after", "base.json", "before", "gate.html", "gate.xml", "report")
    ]


def test_a_job_has_no_command_that_a_name_forged(told, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    call(["check", str(told / "after"), "--reference", str(told / "base.json"), "--github"])
    lines = capsys.readouterr().out.splitlines()
    commands = [line for line in lines if line.startswith("::")]
    assert commands
    assert all(re.match(r"::(error|warning|notice) title=[^:\n]*::", line) for line in commands)
    assert "<script" not in re.sub(r"\\<", "", (tmp_path / "summary.md").read_text("utf-8"))


@pytest.mark.parametrize(
    "typed",
    [
        ("check", "{}/after", "--reference", "{}/before", "--all"),
        ("compare", "{}/before", "{}/after"),
    ],
)
def test_a_terminal_shows_names_as_they_are(told, tmp_path, typed):
    said = command(*(word.format(told) for word in typed), cwd=tmp_path)
    assert said.code in (0, 1), said.err
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", said.out + said.err)
    assert "\n::" not in said.out
    assert "[bold red]x[/bold red]" in said.out.replace("\n", "")


@pytest.mark.parametrize("name", UNFIT, ids=[ascii(name[:12]) for name in UNFIT])
def test_what_cannot_be_a_name_is_refused_in_a_run_of_others(tmp_path, name):
    skills = {name: 0.5, "nmer": 0.6}
    dataclasses.replace(BASE, skills=skills, seeds=(0,), folds=2).write(tmp_path / "run")
    for typed in (("report", "run"), ("check", "run", "--save-reference", "x.json")):
        assert "cannot be a name" in command(*typed, cwd=tmp_path).refused()


@pytest.mark.parametrize("where", ["utterance", "label", "speaker", "modality"])
@pytest.mark.parametrize("name", ["\x1b[2J", "\u202ex", "\x85"])
def test_what_cannot_be_a_name_is_refused_in_a_corpus(corpus_copy, tmp_path, where, name):
    folder = corpus_copy("npy_dir")
    if where == "modality":
        (folder / "audio").rename(folder / name)
        (folder / "corpus.json").unlink()
    else:
        labels = folder / "labels.csv"
        old = {"utterance": "u001", "label": "c0", "speaker": "speaker1"}[where]
        labels.write_text(labels.read_text("utf-8").replace(old, name), "utf-8")
    for typed in ("describe", "check"):
        said = command("data", typed, f"npy_dir:{folder}", cwd=tmp_path)
        assert said.code == 2
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", said.out + said.err)


def test_a_run_s_record_has_no_code_imported(tiny_run, tmp_path):
    run = Path(shutil.copytree(tiny_run, tmp_path / "run"))
    (tmp_path / "evil.py").write_text("open('executed', 'w').close()\n")
    sound = (run / "run.json").read_text("utf-8")
    typed = ("predict", "run", "--method", "logreg", "--corpus", "synthetic", "--out", "x.csv")
    for name, spoil in (
        ("Metric", lambda suite: suite["metrics"].append("evil:Metric")),
        ("Method", lambda suite: suite["methods"][0].update(name="evil:Method")),
    ):
        record = json.loads(sound)
        spoil(record["suite"])
        (run / "run.json").write_text(json.dumps(record), "utf-8")
        assert f"--import evil:{name}" in command(*typed, cwd=tmp_path).refused()
    for typed in (("report", "run"), ("check", "run", "--save-reference", "x"), ("runs",)):
        said = command(*typed, cwd=tmp_path)
        assert said.code == 0, said.err
        assert "evil" not in said.imported
    assert not (tmp_path / "executed").exists()


def test_an_import_s_record_cannot_have_a_folder_elsewhere_removed(world, tmp_path):
    typed = ("grid", "import", world / "given" / "given.csv", "--as", "other", "--run", "run")
    typed = (*typed, "--suite", world / "suite" / "tiny.yaml", "--replace")
    assert command(*typed, cwd=tmp_path).code == 0
    precious = tmp_path / "precious"
    precious.mkdir()
    (record,) = (tmp_path / "run" / "imports").glob("*.json")
    content = json.loads(record.read_text("utf-8"))
    content["cells"][0]["folder"] = "../../precious"
    record.write_text(json.dumps(content), "utf-8")
    command(*typed, cwd=tmp_path).refused()
    assert precious.is_dir()
