"""The one sentence that every artefact of a run on made-up data carries."""

SENTENCE = (
    "Made up: every row of data and every question of this run was written for this package, in "
    "the form of the datasets and benchmarks that it names. Nothing here is their content, and no "
    "score is a result on them."
)


def sentence(made_up: bool) -> str:
    """Return the sentence for a run whose configuration says ``made_up: true``, else ''."""
    return SENTENCE if made_up else ""
