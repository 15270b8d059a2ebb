"""The suites that ship with merbench, as YAML files."""
