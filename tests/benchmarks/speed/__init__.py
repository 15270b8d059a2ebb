"""merbench's own speed: benchmarks beside yardsticks of their kind, and beside what is stored."""
