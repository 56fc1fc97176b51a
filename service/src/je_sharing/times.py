"""Convert times: microseconds since 1970 in the database, ISO 8601 in all text."""

import re
from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def time_text(microseconds: int) -> str:
    """Format a time as `parse_time` accepts it.

    Examples
    --------
    >>> time_text(1_700_000_000_123_456)
    '2023-11-14T22:13:20.123456Z'
    """
    moment = EPOCH + timedelta(microseconds=microseconds)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_time(text: str) -> int:
    """Parse a time in ISO 8601, or a day; UTC unless it has an offset.

    Parameters
    ----------
    text
        Such as `2026-01-31T13:45:00Z`.

    Returns
    -------
    int
        Microseconds since 1970.

    Raises
    ------
    ValueError
        When it is not a time.

    Examples
    --------
    >>> parse_time("2023-11-14T22:13:20.123456Z")
    1700000000123456
    >>> time_text(parse_time("2023-11-14"))
    '2023-11-14T00:00:00.000000Z'
    """
    try:
        # A plus sign that was not escaped in a URL arrives as a space.
        moment = datetime.fromisoformat(re.sub(r" (?=\d\d:?\d\d$)", "+", text))
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return (moment - EPOCH) // timedelta(microseconds=1)
    except (ValueError, OverflowError):
        raise ValueError(f"not a time such as 2026-01-31T13:45:00Z: {text!r}") from None
