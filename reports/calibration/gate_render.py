"""Page and figures of the gate's calibration: the words of gate_page.md.in, with tables put in."""

from __future__ import annotations

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from gate_calibrate import ALPHA, AS_PAIRED, STRICT, THE_GATE
from gate_power import DROPS, GROUPS
from gate_rivals import ALONE, BOOTSTRAP, HOLM
from render import HERE, markdown, save, share
from scipy import stats

POWER = 0.8
WAYS = {THE_GATE: "o", BOOTSTRAP: "s", HOLM: "^", ALONE: "x"}
SIZE = ["folds", "seeds", "utterances"]


def band(repetitions: int) -> tuple[float, float]:
    """Return where 95 of 100 shares lie if the true one is alpha."""
    low, high = stats.binom.interval(0.95, repetitions, ALPHA)
    return low / repetitions, high / repetitions


def alarms(results: pd.DataFrame) -> pd.DataFrame:
    """Return how often each way fails a run."""
    order = results.experiment.unique()
    flagged = results[results.quantity == "flagged"]
    across = flagged.pivot_table(index="experiment", columns=["of", "tolerance"], values="value")
    table = pd.DataFrame(index=pd.Index(order, name="experiment"))
    table["the gate, tolerance 0"] = across[THE_GATE, 0.0]
    table["1 point"] = across[THE_GATE, 0.01]
    table["with --strict, 1 point"] = across[STRICT, 0.01]
    for way in (BOOTSTRAP, HOLM, ALONE):
        table[way] = across[way, 0.0]
    by_rule = results[results.quantity == "rules flagged"].set_index("experiment").value
    table["share of rules, each by itself"] = by_rule
    return table


def powers(results: pd.DataFrame, of: str, tolerance: float) -> pd.DataFrame:
    """Return shares flagged, with drops across."""
    rows = results[
        (results.of == of)
        & (results.tolerance == tolerance)
        & ~results.drawn_anew
        & results.what.isin(list(GROUPS))
    ]
    table = rows.pivot_table(
        index=["what", *SIZE], columns="drop", values="value", sort=False, aggfunc="first"
    )
    return table.rename(columns=lambda drop: f"{100 * drop:.0f}").rename_axis(columns=None)


def eighty(shares: pd.Series) -> str:
    """Return the drop in points that is flagged four times in five.

    Between the drops that were simulated, the normal quantile of the share is taken as linear.
    """
    drops = 100 * np.array(DROPS)
    values = np.clip(np.maximum.accumulate(shares.to_numpy()), 0.0025, 0.9975)
    if values[-1] < POWER:
        return f"> {drops[-1]:.0f}"
    return f"{np.interp(stats.norm.ppf(POWER), stats.norm.ppf(values), drops):.1f}"


def detectable(results: pd.DataFrame) -> str:
    """Compare what the gate calls detectable with what is detected."""
    keys = ["what", *SIZE, "drawn_anew"]
    lines = [
        "| what drops | folds | seeds | utterances | draws | flagged 4 times in 5 "
        "| printed, median | of 100 runs, the 10th to the 90th |",
        "| --- | ---: | ---: | ---: | --- | ---: | ---: | ---: |",
    ]
    chosen = results[results.what.isin(list(GROUPS))]
    for what in GROUPS:
        for key, own in chosen[chosen.what == what].groupby(keys, sort=False):
            found = own[(own.of == "the rule") & (own.tolerance == 0)].sort_values("drop")
            printed = own[own.of.str.startswith("detectable")].set_index("of").value
            median, low, high = (
                "-" if np.isnan(v) else f"{100 * v:.1f}" for v in printed[list(printed.index)]
            )
            spread = "-" if low == "-" else f"{low} to {high}"
            draws = "anew" if key[-1] else "the same"
            cells = [*map(str, key[:-1]), draws, eighty(found.value), median, spread]
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def bounds(results: pd.DataFrame) -> pd.DataFrame:
    """Return how often bounds leave out a true difference, mean over the sizes."""
    rows = results[results.of.isin(["low bounds", "high bounds"]) & (results.what != "nothing")]
    table = rows.pivot_table(index="drop", columns=["of", "what"], values="value", sort=False)
    table.columns = [f"{of}, {what}" for of, what in table.columns]
    table.index = pd.Index([f"{100 * drop:.0f}" for drop in table.index], name="true drop, points")
    return table


def draw_alarms(results: pd.DataFrame) -> None:
    """Draw the false alarms of each way."""
    flagged = results[(results.quantity == "flagged") & (results.tolerance == 0)]
    order = list(flagged.experiment.unique())[::-1]
    figure, ax = plt.subplots(figsize=(8, 3.6), layout="constrained")
    ax.axvspan(*band(int(flagged[flagged.of == THE_GATE].repetitions.max())), color="0.85")
    for way, marker in WAYS.items():
        own = flagged[flagged.of == way].set_index("experiment").value
        ax.plot(own[order], range(len(order)), marker, ms=6, label=way)
    ax.axvline(ALPHA, color="black", lw=0.8, ls=":")
    ax.set_yticks(range(len(order)), order, fontsize=8)
    ax.set_xlabel("share of equal runs in which any rule is flagged")
    figure.legend(loc="outside lower center", ncols=2, fontsize=8)
    save(figure, "gate_alarms")


def draw_powers(results: pd.DataFrame) -> None:
    """Draw power over the true drop: what drops across, utterances down."""
    table = powers(results, "any rule", 0.01)
    sizes = table.index.droplevel("utterances").droplevel("what").unique()
    utterances = table.index.get_level_values("utterances").unique()
    drops = [100 * drop for drop in DROPS]
    figure, axes = plt.subplots(
        len(utterances), len(GROUPS), figsize=(9, 7), sharex=True, sharey=True, layout="constrained"
    )
    for row, number in zip(axes, utterances, strict=True):
        for ax, what in zip(row, GROUPS, strict=True):
            for (folds, seeds), marker in zip(sizes, "osD^x", strict=True):
                shares = table.loc[(what, folds, seeds, number)]
                name = f"{folds} folds, {seeds} seed{'s' * (seeds > 1)}"
                ax.plot(drops, shares, marker=marker, ms=4, lw=1, label=name)
            ax.axhline(POWER, color="black", lw=0.8, ls=":")
            if number == utterances[0]:
                ax.set_title(f"{what} drops", fontsize=9)
            if number == utterances[-1]:
                ax.set_xlabel("true drop, points")
        row[0].set_ylabel(f"{number} utterances\nshare failed", fontsize=9)
    handles, names = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=len(names), fontsize=8)
    save(figure, "gate_power")


def luck(results: pd.DataFrame) -> str:
    """Write the luck of real and of simulated runs."""
    heads = [
        "run", "method", "luck, one condition", "luck, grid mean", "sampling, one condition",
        "sampling, grid mean", "correlation of models", "of conditions",
        "detectable, grid mean", "one noise", "one pattern",
    ]  # fmt: skip
    lines = ["| " + " | ".join(heads) + " |", "| --- | --- |" + " ---: |" * (len(heads) - 2)]
    for row in results.itertuples(index=False):
        lines.append("| " + " | ".join([*row[:2], *(f"{value:.2f}" for value in row[2:])]) + " |")
    return "\n".join(lines)


def main() -> None:
    """Write gate.md and the figures."""
    mpl.use("Agg")
    mpl.rcParams["svg.hashsalt"] = "gate"
    of_alarms = pd.read_csv(HERE / "gate_alarms.csv")
    of_power = pd.read_csv(HERE / "gate_power.csv")
    worse = of_alarms.experiment.str.contains("worse")
    of_drops, of_alarms = of_alarms[worse], of_alarms[~worse]
    draw_alarms(of_alarms)
    draw_powers(of_power)
    as_paired = of_alarms[(of_alarms.of == AS_PAIRED) & (of_alarms.tolerance == 0)]
    low, high = band(int(of_alarms[of_alarms.of == THE_GATE].repetitions.max()))
    page = (
        (HERE / "gate_page.md.in")
        .read_text()
        .format(
            luck=luck(pd.read_csv(HERE / "gate_luck.csv")),
            alarms=markdown(alarms(of_alarms)),
            drops=markdown(alarms(of_drops)),
            low=share(low),
            high=share(high),
            as_paired=share(float(as_paired.value.iloc[0])),
            power=markdown(powers(of_power, "any rule", 0.01)),
            detectable=detectable(of_power),
            bounds=markdown(bounds(of_power)),
        )
    )
    (HERE / "gate.md").write_text(page)


if __name__ == "__main__":
    main()
