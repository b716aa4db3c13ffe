"""Talk to the Hugging Face Hub."""
