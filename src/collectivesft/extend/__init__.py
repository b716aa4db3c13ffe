"""Help for extenders: write a new file with its test, judge one file of raw rows."""
