"""When a server that is busy wants to be asked again."""

import email.utils
import time
from collections.abc import Mapping


def asked_wait(headers: Mapping[str, str]) -> float | None:
    """Seconds that Retry-After asks for, as a number or a date (RFC 9110, 10.2.3).

    Args:
        headers: of the answer; names in lower case, or a mapping that does not look at it.

    Returns:
        At least 0, with no upper bound; None without the header, or where it says neither.
    """
    asked = headers.get("retry-after", "").strip()
    if asked.replace(".", "", 1).isdecimal():
        return float(asked)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(asked).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None
