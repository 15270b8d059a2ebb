"""`merbench data`: look at corpora, check them and write them."""

from __future__ import annotations

import json
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from merbench.audit.verdict import Checked
from merbench.cli import completing
from merbench.cli.options import read_settings, reader_settings
from merbench.corpus.check import check_corpus
from merbench.corpus.describe import CorpusFacts, describe
from merbench.corpus.layouts.write import LAYOUTS, write_corpus
from merbench.corpus.load import configure, configured, load_corpus, read
from merbench.corpus.readers.base import PathConfig
from merbench.corpus.readers.synthetic import SHAPES
from merbench.text import visible


@click.group()
def data() -> None:
    """Look at corpora, find what is wrong with them, and write them in other layouts.

    \b
    merbench data describe table:path/to/corpus
    merbench data check table:path/to/corpus
    """  # noqa: D301  # click looks for the character, not for two


@data.command("describe")
@click.argument("spec", shell_complete=completing.corpora)
@reader_settings
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def describe_command(spec: str, *, settings: tuple[str, ...], as_json: bool) -> None:
    """Show what is in a corpus.

    SPEC is READER:PATH, PATH (the reader is detected) or synthetic.

    \b
    merbench data describe synthetic
    merbench data describe npy_dir:path/to/corpus --set 'classes=[sad, happy]'
    """  # noqa: D301  # click looks for the character, not for two
    facts = describe(load_corpus(spec, **read_settings(settings)))
    if as_json:
        click.echo(json.dumps(facts.to_json(), indent=2))
    else:
        _show(facts, Console(emoji=False))


@data.command("check")
@click.argument("spec", shell_complete=completing.corpora)
@reader_settings
@click.option("--deep", is_flag=True, help="Look for leaks and mixed-up rows, too (minutes).")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def check_command(spec: str, *, settings: tuple[str, ...], deep: bool, as_json: bool) -> int:
    """Say everything that is wrong with a corpus, and what would be tidied.

    SPEC is READER:PATH, PATH (the reader is detected) or synthetic. Unlike the other commands,
    which stop at the first problem, this one reads on and lists all of them, one a line. The exit
    code is 0 where there is no problem, else 2.

    --deep audits a corpus without a problem: duplicates and speakers in two parts, features that
    know the label, rows of a modality in another order. The exit code is 1 where a check fails.

    \b
    merbench data check table:path/to/corpus
    merbench data check mmin:path/to/corpus --deep --json
    """  # noqa: D301  # click looks for the character, not for two
    chosen = configured(spec, **read_settings(settings))
    report = check_corpus(chosen.reader, chosen.config)
    found: tuple[Checked, ...] = ()
    if deep and not report.problems:
        from merbench.audit.deep import audit_corpus  # noqa: PLC0415 - slow, and only wanted here

        found = audit_corpus(read(*chosen))
    failed = any(checked.finding.verdict == "fail" for checked in found)
    if as_json:
        audited = {"audit": [checked.to_json() for checked in found]} if deep else {}
        click.echo(json.dumps({**report.to_json(), **audited}, indent=2))
        return 2 if report.problems else int(failed)
    for problem in report.problems:
        click.echo(visible(problem.text))
    for text in report.tidied:
        click.echo(f"note: {visible(text)}")
    if not report.problems:
        click.echo(f"no problem found in {report.utterances} utterances of {report.corpus}")
        for checked in found:
            finding = checked.finding
            click.echo(f"{checked.check.name}: {finding.verdict}; {finding.summary}")
        return int(failed)
    counts = ", ".join(f"{kind} {count}" for kind, count in report.counts.items())
    total = len(report.problems)
    click.echo(f"{total} problem{'s' * (total != 1)} in {spec} ({counts})", err=True)
    return 2


@data.command("convert")
@click.argument("spec", shell_complete=completing.corpora)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder to write.")
@click.option("--layout", type=click.Choice(sorted(LAYOUTS)), default="native", show_default=True)
@reader_settings
@click.option("--force", is_flag=True, help="Replace the corpus that is in the folder.")
def convert(spec: str, *, out: Path, layout: str, settings: tuple[str, ...], force: bool) -> None:
    """Write a corpus in another layout.

    SPEC is READER:PATH, PATH (the reader is detected) or synthetic. The result is read back before
    it takes its place, and what the layout has no room for is said; a conversion that fails leaves
    nothing behind. --force replaces a folder only where every file in it belongs to its corpus.

    \b
    merbench data convert table:iemocap --out iemocap-native
    merbench data convert mmsa:aligned_50.pkl --set bin='{at: [0], names: [neg, pos]}' --out mosi
    """  # noqa: D301  # click looks for the character, not for two
    options = read_settings(settings)
    chosen = configured(spec, **options)
    corpus = read(*chosen)
    source = chosen.config.path if isinstance(chosen.config, PathConfig) else None
    lost = write_corpus(corpus, out, layout, ids=options.get("ids"), replace=force, source=source)
    click.echo(f"{len(corpus)} utterances in {layout}:{out}")
    if not lost:
        click.echo(f"read back with the same fingerprint {corpus.fingerprint[:12]}", err=True)
    for what in lost:
        click.echo(f"the {layout} layout does not keep {what}", err=True)


@data.command()
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder to write.")
@click.option("--layout", type=click.Choice(sorted(LAYOUTS)), default="table", show_default=True)
@click.option("--shape", type=click.Choice(sorted(SHAPES)), default="default", show_default=True)
@click.option("--utterances", type=int, help="How many; the shape's own number by default.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--force", is_flag=True, help="Replace the corpus that is in the folder.")
def synth(
    *, out: Path, layout: str, shape: str, utterances: int | None, seed: int, force: bool
) -> None:
    """Write the synthetic corpus to disk, to try a layout or other code on.

    \b
    merbench data synth --out corpus
    merbench data synth --out corpus --layout mmin --shape iemocap --utterances 500
    """  # noqa: D301  # click looks for the character, not for two
    size = {} if utterances is None else {"utterances": utterances}
    corpus = read("synthetic", configure("synthetic", shape=shape, seed=seed, **size))
    write_corpus(corpus, out, layout, replace=force)
    click.echo(f"{len(corpus)} utterances in {layout}:{out}")


def _show(facts: CorpusFacts, console: Console) -> None:
    console.print(
        f"[bold]{escape(facts.name)}[/bold]  {facts.utterances} utterances", highlight=False
    )
    console.print(f"fingerprint  {facts.fingerprint}", highlight=False)
    console.print(
        "groups       " + (", ".join(f"{n} {g}s" for g, n in facts.groups.items()) or "none"),
        highlight=False,
    )

    classes = Table("class", title="Classes", title_justify="left")
    classes.add_column("utterances", justify="right")
    classes.add_column("share", justify="right")
    for name, count in facts.classes.items():
        classes.add_row(escape(name), str(count), f"{count / facts.utterances:.1%}")
    console.print(classes)

    modalities = Table("modality", "kind", title="Modalities", title_justify="left")
    for heading in ("width", "frames", "mean", "NaN", "constant", "absent"):
        modalities.add_column(heading, justify="right")
    for m in facts.modalities:
        span = str(m.longest) if m.shortest == m.longest else f"{m.shortest}-{m.longest}"
        modalities.add_row(
            escape(m.name),
            m.kind,
            str(m.width),
            span,
            f"{m.mean_length:.1f}",
            str(m.nan_cells),
            str(m.constant_columns),
            str(m.absent),
        )
    console.print(modalities)

    schemes = Table("folds", title="Fold schemes", title_justify="left")
    schemes.add_column("possible")
    for s in facts.schemes:
        schemes.add_row(s.scheme, escape(s.refused) if s.refused else f"{s.folds} folds")
    console.print(schemes)
