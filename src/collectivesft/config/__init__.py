"""Every knob of a run, once: type, default, unit and description."""
