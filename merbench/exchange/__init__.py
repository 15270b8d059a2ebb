"""Exchange with the world outside: grids go out, predictions come in, trained cells are applied."""
