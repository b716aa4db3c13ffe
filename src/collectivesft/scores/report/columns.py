"""Name the columns of the table of scores."""

COLUMNS = (
    "model", "benchmark", "protocol", "items", "macro", "macro_low", "macro_high", "micro",
    "official_macro", "submitted_micro", "unparsed", "differ", "p",
    "p_holm",
)  # fmt: skip
