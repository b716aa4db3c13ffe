"""Stage 3: supervised fine-tuning of a base model on a mixture."""
