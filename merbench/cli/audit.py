"""`merbench audit`: does a method keep the protocol?"""

from __future__ import annotations

import json
from pathlib import Path

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from merbench.api.engines import default_jobs
from merbench.audit.audit import Audited, all_checks, audit_all
from merbench.audit.bench import Bench
from merbench.audit.cases import audit_junit
from merbench.audit.corpora import ground_of, synthetic_ground
from merbench.audit.subject import Subject, subject_of, subjects_of_run, subjects_of_suite
from merbench.audit.verdict import DOCS, Check
from merbench.cli import completing
from merbench.cli.options import option, read_settings
from merbench.cli.output import terminal, write_file
from merbench.errors import ConfigError, did_you_mean
from merbench.results.audits import AUDIT, audit_text

_STYLES = {"fail": "bold red", "note": "yellow", "not applicable": "dim", "pass": "green"}


@click.command("audit")
@click.argument("method", required=False, shell_complete=completing.method)
@click.option(
    "--suite",
    help="Audit all methods of a suite instead.",
    shell_complete=completing.suites,
)
@click.option(
    "--run",
    type=click.Path(path_type=Path),
    help="Audit all methods of a run, and keep the verdicts there for its report.",
)
@option("--corpus", help="READER:PATH, PATH; default: a small synthetic corpus.")
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    help="A setting of the method (repeatable; value in YAML): --set latent=sampled.",
)
@click.option("--checks", metavar="A,B", help="Only these checks.")
@click.option(
    "--claimed-gain",
    type=click.FloatRange(0, 100),
    metavar="POINTS",
    help="Points of mean recall that the spread over seeds is held against.",
)
@option("--jobs", type=click.IntRange(1), help="Processes [number of cores].")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--junit", type=click.Path(path_type=Path), help="Write JUnit XML.")
def audit_command(
    method: str | None,
    suite: str | None,
    run: Path | None,
    corpus: str | None,
    settings: tuple[str, ...],
    checks: str | None,
    claimed_gain: float | None,
    jobs: int | None,
    *,
    as_json: bool,
    junit: Path | None,
) -> int:
    """Check that a method keeps the protocol: a minute or two for one method.

    METHOD is a registered name or package.module:Name.

    \b
    merbench audit nmer                        on a small synthetic corpus
    merbench audit my.module:Mine --corpus table:DIR   on yours
    merbench audit --suite quick --junit audit.xml     every method of a suite
    merbench audit --run runs/quick                    and in the report of that run

    Exit codes: 0 nothing fails, 1 a check fails, 2 wrong input.
    """  # noqa: D301  # click looks for the character, not for two
    subjects = _subjects(method, suite, run, settings)
    chosen = _chosen(all_checks(None if claimed_gain is None else claimed_gain / 100), checks)
    ground = synthetic_ground() if corpus in (None, "synthetic") else ground_of(str(corpus))
    console = terminal()
    found: list[Audited] = []
    with Console(stderr=True).status("") as status:
        audits = audit_all(subjects, ground, chosen, jobs or default_jobs())
        for subject in subjects:
            status.update(f"{escape(subject.label)}, {len(found) + 1} of {len(subjects)}")
            found.append(next(audits))
            if not as_json:
                _show(found[-1], console)
    if run is not None:
        write_file(run / AUDIT, audit_text([each.to_json() for each in found]))
    if junit is not None:
        write_file(junit, audit_junit(found))
    if as_json:
        click.echo(json.dumps([each.to_json() for each in found], indent=1))
    return int(any(each.failed for each in found))


def _subjects(
    method: str | None, suite: str | None, run: Path | None, settings: tuple[str, ...]
) -> tuple[Subject, ...]:
    if sum(each is not None for each in (method, suite, run)) != 1:
        raise ConfigError("expected one of METHOD, --suite SUITE and --run RUN")
    if method is not None:
        return (subject_of(method, read_settings(settings)),)
    if settings:
        raise ConfigError("--set changes one method, and this names several; leave one out")
    return subjects_of_run(run) if run is not None else subjects_of_suite(suite or "")


def _chosen(checks: tuple[Check[Bench], ...], names: str | None) -> tuple[Check[Bench], ...]:
    wanted = [name.strip() for name in (names or "").split(",") if name.strip()]
    known = [check.name for check in checks]
    for name in wanted:
        if name not in known:
            raise ConfigError(f"--checks: no check {name!r}; {did_you_mean(name, known)}")
    return tuple(check for check in checks if not wanted or check.name in wanted)


def _show(audited: Audited, console: Console) -> None:
    train, valid, test = audited.utterances
    fails = len(audited.failed)
    verdict = f"{fails} of {len(audited.checks)} checks fail" if fails else "no check fails"
    console.print(
        f"[bold]{escape(audited.label)}[/bold]: {verdict}  ({escape(audited.corpus)}: {train} "
        f"utterances to train, {valid} to select, {test} to test)",
        highlight=False,
        soft_wrap=True,
    )
    drawn = Table(
        box=SIMPLE_HEAD, show_edge=False, pad_edge=False, caption=f"What each means: {DOCS}"
    )
    drawn.add_column("check", no_wrap=True)
    drawn.add_column("verdict", no_wrap=True)
    drawn.add_column("evidence", overflow="fold")
    drawn.add_column("s", justify="right", no_wrap=True)
    for checked in audited.checks:
        finding = checked.finding
        style = _STYLES[finding.verdict]
        drawn.add_row(
            checked.check.name,
            f"[{style}]{finding.verdict}[/]",
            escape(finding.summary),
            f"{checked.seconds:.1f}",
        )
    console.print(drawn, crop=False)
    console.print()
