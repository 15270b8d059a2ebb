"""Suites: what a benchmark run consists of, as a YAML file says it."""
