"""Sample a mixture and describe it."""
