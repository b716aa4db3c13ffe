"""A plugin of pytest: collect as on another machine, in another year."""

import os
import time

YEARS = 3 * 365 * 86_400
_now, _now_ns = time.time, time.time_ns
time.time = lambda: _now() + YEARS
time.time_ns = lambda: _now_ns() + YEARS * 10**9
os.cpu_count = lambda: 3
