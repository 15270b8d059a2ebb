"""merbench for programs: running a suite, and what a run holds. `import merbench` has it all."""
