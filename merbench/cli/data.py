"""`merbench data`: look at corpora and write them."""

from __future__ import annotations

import json
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from merbench.corpus.describe import CorpusFacts, describe
from merbench.corpus.layouts import LAYOUTS, write_corpus
from merbench.corpus.load import configure, load_corpus, read
from merbench.corpus.readers.synthetic import SHAPES


@click.group()
def data() -> None:
    """Look at corpora and write them."""


@data.command("describe")
@click.argument("spec")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def describe_command(spec: str, *, as_json: bool) -> None:
    """Show what is in a corpus.

    SPEC is READER:PATH, PATH (the reader is detected) or synthetic.
    """
    facts = describe(load_corpus(spec))
    if as_json:
        click.echo(json.dumps(facts.to_json(), indent=2))
    else:
        _show(facts, Console())


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
    """Write the synthetic corpus to disk, to try a layout or other code on."""
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
