"""Convert foreign checkpoints to plain safetensors."""
