"""Find options of a protocol that contradict each other, before a model is read."""


def protocol_fault(
    method: str, template: str, temperature: float, samples: int, orders: str | int
) -> str:
    """Return what contradicts in a protocol, with its remedy; "" if nothing does.

    Args:
        temperature: 0 for greedy answers.
        samples: answers to each question.
        orders: orders of the options, ``published`` for one.
    """
    if template == "lm_eval" and method != "likelihood":
        return "template lm_eval compares letters; set method to likelihood"
    if temperature and method != "generate":
        return f"method {method} draws nothing; set temperature to 0, or method to generate"
    if samples > 1 and not temperature:
        return (
            f"greedy answers are all the same, and samples is {samples}; set temperature above 0, "
            "or samples to 1"
        )
    if temperature and orders != "published":
        return (
            "drawn answers differ by chance, not only by order; set temperature to 0, or orders to "
            "published"
        )
    return ""
