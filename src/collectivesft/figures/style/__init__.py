"""Share style, labels and inputs between figures."""
