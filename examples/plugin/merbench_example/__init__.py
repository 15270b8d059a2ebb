"""One method, one noise, one reader and one metric for merbench."""
