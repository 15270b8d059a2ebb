"""Reports: one self-contained page, with every plot and table beside it."""
