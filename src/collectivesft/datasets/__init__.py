"""One file per training set: where it comes from and how a raw row becomes an example."""
