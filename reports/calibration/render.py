"""Page and figures of results.csv: the words of page.md.in, with the tables put in."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd

HERE = Path(__file__).parent
RULES = (
    "interval",
    "cluster + seed variance",
    "fold variance alone",
    "plain cluster bootstrap",
    "sign flip by cluster",
    "corrected t",
    "sign flip by fold",
    "Wilcoxon by fold",
    "Bayes, P > .95",
    "McNemar",
)
OF_INTERVALS = RULES[:4]
IN_FIGURES = (*RULES[:4], "corrected t")
KEY = ["layout", "luck", "seeds"]
TEMPLATE = HERE / "page.md.in"


def share(value: float) -> str:
    """Write .052, or a dash for what was not made."""
    if pd.isna(value):
        return "-"
    return f"{value:.3f}".removeprefix("0") if value < 1 else "1"


def markdown(table: pd.DataFrame) -> str:
    """Write a table whose index and cells are shown."""
    flat = table.reset_index()
    keys = len(table.index.names)
    lines = [
        "| " + " | ".join(map(str, flat.columns)) + " |",
        "|" + " --- |" * keys + " ---: |" * len(table.columns),
    ]
    for row in flat.itertuples(index=False):
        cells = [str(c) for c in row[:keys]] + [share(c) for c in row[keys:]]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def wide(rows: pd.DataFrame, rules: tuple[str, ...]) -> pd.DataFrame:
    """Put the rules across, in the order of the csv."""
    order = rows[KEY].drop_duplicates()
    table = rows.pivot_table(index=KEY, columns="rule", values="share", sort=False)
    return table.reindex(index=pd.MultiIndex.from_frame(order), columns=list(rules))


def claims(results: pd.DataFrame, drop: float) -> pd.DataFrame:
    """Return how often each rule claims a difference."""
    return wide(results[(results.quantity == "claims") & (results["drop"] == drop)], RULES)


def coverage(results: pd.DataFrame, of: str, metric: str) -> pd.DataFrame:
    """Return how often each interval holds the truth."""
    chosen = results[(results.quantity == f"coverage of {of}") & (results.metric == metric)]
    return wide(chosen, OF_INTERVALS)


def power(results: pd.DataFrame) -> pd.DataFrame:
    """Return the power of three seeds, fresh luck, with drops across."""
    rows = results[
        (results.quantity == "claims")
        & (results["drop"] > 0)
        & (results.seeds == 3)
        & (results.luck == "fresh")
    ].copy()
    rows["points"] = (rows["drop"] * 100).round().astype(int)
    table = rows.pivot_table(index=["layout", "rule"], columns="points", values="share", sort=False)
    return table.rename(columns=lambda points: f"{points} point" + "s" * (points > 1))


def save(figure: plt.Figure, stem: str) -> None:
    """Write png and svg, the same bytes each time."""
    figure.savefig(HERE / f"{stem}.png", dpi=90, metadata={"Software": None})
    figure.savefig(HERE / f"{stem}.svg", metadata={"Date": None})
    plt.close(figure)


def false_alarms(results: pd.DataFrame) -> None:
    """Draw the false alarms of each layout and luck over seeds."""
    table = claims(results, 0.0)
    layouts = [name for name in results.layout.unique() if "no groups" not in name]
    lucks = list(results.luck.unique())
    figure, axes = plt.subplots(
        len(lucks), len(layouts), figsize=(10, 6.4), sharex=True, sharey=True, layout="constrained"
    )
    for row, luck in zip(axes, lucks, strict=True):
        for ax, layout in zip(row, layouts, strict=True):
            for rule, marker in zip(IN_FIGURES, "osD^x", strict=True):
                shares = table[rule].xs((layout, luck), level=KEY[:2])
                ax.plot(shares.index, shares, marker=marker, ms=4, lw=1, label=rule)
            ax.axhline(0.05, color="black", lw=0.8, ls=":")
            ax.set_xticks(shares.index)
            if luck == lucks[0]:
                ax.set_title(layout, fontsize=9)
        row[0].set_ylabel(f"{luck}\nfalse alarms", fontsize=9)
    for ax in axes[-1]:
        ax.set_xlabel("seeds")
    handles, names = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=len(names), fontsize=8)
    save(figure, "false_alarms")


def powers(results: pd.DataFrame) -> None:
    """Draw the power of three seeds over the true drop."""
    rows = results[
        (results.quantity == "claims") & (results.seeds == 3) & (results.luck == "fresh")
    ]
    layouts = list(results.layout.unique())
    figure, axes = plt.subplots(
        1, len(layouts), figsize=(11, 3.2), sharey=True, layout="constrained"
    )
    for ax, layout in zip(axes, layouts, strict=True):
        for rule, marker in zip(IN_FIGURES, "osD^x", strict=True):
            one = rows[(rows.layout == layout) & (rows.rule == rule)]
            ax.plot(one["drop"] * 100, one.share, marker=marker, ms=4, lw=1, label=rule)
        ax.axhline(0.05, color="black", lw=0.8, ls=":")
        ax.set_title(layout, fontsize=9)
        ax.set_xlabel("true drop, points of UA")
    axes[0].set_ylabel("share that claims a difference")
    handles, names = axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=len(names), fontsize=8)
    save(figure, "power")


def main() -> None:
    """Write calibration.md and the figures."""
    mpl.use("Agg")
    mpl.rcParams["svg.hashsalt"] = "calibration"
    results = pd.read_csv(HERE / "results.csv")
    false_alarms(results)
    powers(results)
    page = TEMPLATE.read_text().format(
        alarms=markdown(claims(results, 0.0)),
        power=markdown(power(results)),
        difference=markdown(coverage(results, "a difference", "ua")),
        method=markdown(coverage(results, "a method", "ua")),
        method_wa=markdown(coverage(results, "a method", "wa")),
    )
    (HERE / "calibration.md").write_text(page)


if __name__ == "__main__":
    main()
