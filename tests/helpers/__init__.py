"""Share inputs, servers and fixtures between tests."""
