"""Findings with made-up numbers, of any shape that a run may have."""

from itertools import combinations

import numpy as np
import pandas as pd

from merbench.analysis.findings import Findings, Inference, Ranks
from merbench.results.averages import MEAN
from merbench.results.conditions import CLEAN, ConditionKey, in_grid_order
from merbench.results.header import TableHeader
from merbench.results.metrics import confusion_metric
from merbench.results.summary import COMPLETE, GRID_MEAN, PARTIAL_MEAN, Summary

HOSTILE = '<script>alert("x")</script> & $\\frac$'
LONG = "a_rather_long_method_name_with_everything+dropout-0.25 (v2.1)"
NAN = float("nan")
EMPTY = pd.DataFrame()


def made(
    methods=("zero_fill", HOSTILE, LONG, "nmer"),
    modalities=("audio", "visual", "text"),
    noises=("gaussian", "frame_drop"),
    severities=(0.095, 0.5, 0.9),
    classes=("angry", "happy", "neutral", "sad"),
    intervals=True,
    probabilities=True,
    names=None,
):
    rng = np.random.default_rng(5)
    patterns = [
        "+".join(c) for n in range(len(modalities)) for c in combinations(modalities, n + 1)
    ]
    header = _header(methods, modalities, patterns, noises, severities, classes)
    spread = 0.02 if intervals else NAN

    def frame(columns, rows):
        table = pd.DataFrame(rows, columns=[*columns, "method", "value"])
        return table.assign(low=table["value"] - spread, high=table["value"] + spread)

    def value(severity=0.0):
        return 0.7 - 0.4 * severity**2 + rng.normal(0, 0.02)

    columns = list(dict.fromkeys(c.column for c in header.conditions if c.noise != CLEAN))
    curves = [
        ("ua", c.noise, c.on, name, s, method, value(s))
        for c in columns
        for name in (MEAN, *dict.fromkeys(k.pattern for k in header.conditions if k.column == c))
        for method in methods
        for s in (0.0, *severities)
    ]
    grid = [
        ("ua", k, method, value(c.severity))
        for k, c in enumerate(header.conditions)
        for method in methods
    ]
    measures = [
        *[(m, c.noise, c.on) for m in ("area", "breakdown") for c in columns],
        *[
            (m, "", "")
            for m in ("area", "mean_drop", "worst_drop", "always_right", "relative_error")
        ],
    ]
    robustness = frame(
        ["measure", "noise", "on"], [(*m, method, value()) for m in measures for method in methods]
    )
    censored = (robustness["measure"] == "breakdown") & (robustness["value"] > 0.7)
    robustness = robustness.assign(censored=censored, high=robustness["high"].where(~censored, NAN))
    stages = [(m, stage) for m in methods[1:] for stage in ("teacher", "student")[: len(m) % 2 + 1]]
    training = pd.DataFrame(
        [(m, stage, e, v := value() - 0.2 / e, v - 0.03, v + 0.03, 6 - e // 8)
         for m, stage in stages for e in range(1, 13)],
        columns=["method", "stage", "epoch", "value", "low", "high", "cells"],
    )  # fmt: skip
    shape = (len(methods), len(patterns), len(classes))
    return Findings(
        name="made",
        header=header,
        names=names or {method: method for method in methods},
        metrics=("ua",),
        inference=Inference(
            "speaker", 10, 5, 3, (), 100, 0.95, 0.01, "population" if intervals else "none", ()
        ),
        verdict=(),
        overviews=(_overview(methods, bool(columns), value, spread),),
        tables=(),
        curves=frame(["metric", "noise", "on", "column", "severity"], curves),
        grid=frame(["metric", "condition"], grid),
        robustness=robustness if columns else robustness.iloc[:0],
        contrasts=_contrasts(methods, rng, intervals),
        exploratory=EMPTY,
        ranks=_ranks(methods, len(header.conditions)),
        confusions=rng.dirichlet(np.ones(len(classes)), shape),
        patterns=tuple(patterns),
        training=training,
        chosen=pd.DataFrame(
            [(m, stage, f, s, 3 + s) for m, stage in stages for f in "ab" for s in range(3)],
            columns=["method", "stage", "fold", "seed", "epoch"],
        ),
        reliability=_reliability(methods if probabilities else (), rng),
        calibration=EMPTY,
        costs=EMPTY,
        seen={},
        audits=None,
        published=(),
        headline=(),
        protocol=(),
        warnings=(),
        provenance=(),
        reproduce=(),
    )  # fmt: skip


def _header(methods, modalities, patterns, noises, severities, classes):
    conditions = [ConditionKey(pattern) for pattern in patterns]
    for noise in noises:
        for on in ("absent", "present"):
            conditions += [
                ConditionKey(pattern, noise, on, None, s, s)
                for pattern in patterns
                for s in severities
                if on == "present" or pattern != patterns[-1]
            ]
    return TableHeader(
        corpus="made",
        modalities=tuple(modalities),
        classes=tuple(classes),
        methods=tuple(methods),
        folds=("1", "2"),
        seeds=(0, 1, 2),
        conditions=in_grid_order(conditions, patterns),
    )


def _overview(methods, noised, value, spread):
    columns = (PARTIAL_MEAN, COMPLETE, *((GRID_MEAN,) if noised else ()))
    rows = [(m, c, value()) for m in methods for c in columns]
    table = pd.DataFrame(rows, columns=["method", "column", "value"])
    table = table.assign(
        fold_mean=table["value"], fold_sd=0.01, seed_sd=0.01, n=9, seeds=3,
        low=table["value"] - spread, high=table["value"] + spread,
    )  # fmt: skip
    return Summary(
        "ua-overview",
        "UA, overview",
        "In %.",
        confusion_metric("ua"),
        tuple(methods),
        columns,
        table,
    )


def _contrasts(methods, rng, intervals):
    rows = []
    for against in methods[:-1]:
        difference, half = rng.normal(0, 0.02), 0.015 if intervals else NAN
        rows.append({
            "metric": "ua", "method": methods[-1], "against": against, "difference": difference,
            "low": difference - half, "high": difference + half, "sample_se": half / 2,
            "seed_se": half / 4, "df": 9.0, "p": 0.03, "p_holm": 0.04 if difference > 0 else 0.2,
            "better": 0.3, "equivalent": 0.6, "worse": 0.1, "corrected_t_p": 0.2,
            "sign_flip_p": 0.1, "sign_flip_smallest": 0.06, "wilcoxon_p": 0.1,
            "wilcoxon_smallest": 0.06, "detectable": 0.03, "note": "5 folds cannot reach p < .05",
        })  # fmt: skip
    return pd.DataFrame(rows)


def _ranks(methods, conditions):
    if len(methods) < 3:
        return None
    ranks = tuple(np.linspace(1.2, len(methods) - 0.2, len(methods)).tolist())
    cliques = ((0, 1), (1, 2)) if len(methods) < 9 else ((0, 3), (2, 6), (5, 8))
    return Ranks(tuple(reversed(methods)), ranks, 1.4, cliques, conditions, 20.0)


def _reliability(methods, rng):
    rows = [
        (
            m,
            group,
            b,
            0.1,
            (b + 0.5) / 15,
            float(np.clip((b + 0.5) / 15 + rng.normal(0, 0.05), 0, 1)),
        )
        for m in methods
        for group in ("complete", "missing", "noised")
        for b in range(4, 15)
    ]
    columns = ["method", "group", "bin", "share", "confidence", "accuracy"]
    return pd.DataFrame(rows, columns=columns)
