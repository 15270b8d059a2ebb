"""Results of a run: tidy tables, metrics, the papers' tables. Knows files only, never torch."""
