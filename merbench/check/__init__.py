"""The regression gate: a run against a stored reference, and what may be said of a drop."""
