"""Tuning the methods of a suite on validation data, with the same number of trials for each."""
