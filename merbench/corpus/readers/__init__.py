"""Corpus readers, one layout each; third-party ones register under `merbench.readers`."""
