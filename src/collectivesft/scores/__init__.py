"""Stage 4: models answer benchmarks; answers become scores."""
