"""The page: one self-contained HTML file, a view of the findings of one or several runs."""
