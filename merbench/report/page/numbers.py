"""Numbers as a reader meets them: percent, points, intervals, p-values. NaN shows nothing."""

from __future__ import annotations

import math

MINUS = "−"


def percent(value: float, digits: int = 1) -> str:
    """Return a fraction as percent without the sign."""
    return _minus(f"{100 * value:.{digits}f}") if _there(value) else ""


def points(value: float) -> str:
    """Return a difference of fractions in percentage points, always signed."""
    return _minus(f"{100 * value:+.1f}") if _there(value) else ""


def decimal(value: float, digits: int = 2) -> str:
    """Return a number with so many decimals."""
    return _minus(f"{value:.{digits}f}") if _there(value) else ""


def bracket(low: str, high: str) -> str:
    """Return an interval from its ends as text; nothing without its ends."""
    return f"[{low}, {high}]" if low and high else ""


def p_value(value: float) -> str:
    """Return a p-value to three decimals, `< .001` below."""
    if not _there(value):
        return ""
    if value < 0.0005:
        return "< .001"
    return "1" if value >= 0.9995 else f"{value:.3f}".removeprefix("0")


def severity(value: float) -> str:
    """Return a severity to two decimals, as short as it goes."""
    if not _there(value):
        return ""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return text.removeprefix("0") or "0"


def count(value: float) -> str:
    """Return a large number in thousands (k) or millions (M)."""
    if not _there(value):
        return ""
    for size, unit in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value:.0f}"


def duration(seconds: float) -> str:
    """Return seconds with as many decimals as matter."""
    if not _there(seconds):
        return ""
    digits = 0 if seconds >= 100 else 1 if seconds >= 10 else 2
    return f"{seconds:.{digits}f}"


def mebibytes(size: float) -> str:
    """Return bytes in MiB."""
    return f"{size / 2**20:.0f}" if _there(size) else ""


def plural(number: int, one: str, many: str | None = None) -> str:
    """Return a number with its noun."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def join(parts: list[str]) -> str:
    """Return `a, b and c`."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _there(value: float) -> bool:
    return value is not None and math.isfinite(value)


def _minus(text: str) -> str:
    # A rounded zero has no sign.
    if not text.strip("+-0."):
        return text.lstrip("+-")
    return text.replace("-", MINUS)
