"""Extract option letters from answers."""
