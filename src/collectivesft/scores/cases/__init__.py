"""Answer and grade clinical cases."""
