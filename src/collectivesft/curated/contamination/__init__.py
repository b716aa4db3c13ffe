"""Find benchmark items in training examples."""
