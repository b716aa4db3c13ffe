"""Stage 7: publish the model to the Hugging Face Hub and verify what arrived."""
