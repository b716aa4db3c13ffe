"""Model architectures and chat templates that sft, scores and hub share."""
