"""Stage 2: from raw files to clean, unique, uncontaminated training examples."""
