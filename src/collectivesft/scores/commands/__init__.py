"""Commands of stage scores, grouped as `scores --help` lists them."""
