"""Logging as JSON, one object per line, without secrets."""

import logging
import re
import sys
import time
import traceback

import msgspec

# At debug level database drivers log every statement with its values, and HTTP clients headers.
_OUR_LOGS = ("je_sharing", "uvicorn", "alembic")

_LOGIN = re.compile(r"(://)[^\s/?#@]{0,300}@")
_QUERY = re.compile(r"\?[\w%.$\[\]-]{1,60}=[^\s\"']*")
_TOKENS = re.compile(
    r"\b(bearer|basic)\s{1,3}[\w.~+/=-]{8,}|(?<![\w-])eyJ[\w-]{8,}(?:\.[\w-]*){1,4}", re.IGNORECASE
)


def without_secrets(text: str) -> str:
    """Remove logins, query strings and tokens from a text.

    Parameters
    ----------
    text
        What a library wrote, such as the address of a database.

    Examples
    --------
    >>> without_secrets("postgresql://me:secret@db/x and https://a.org/x?key=1 (Bearer abcdefgh)")
    'postgresql://…@db/x and https://a.org/x?… (…)'
    """
    return _TOKENS.sub("…", _QUERY.sub("?…", _LOGIN.sub(r"\1…@", text)))


class JsonFormatter(logging.Formatter):
    """Formats a record as JSON; of an exception, its type and its stack.

    The exception's own message is left out, for it may quote what was being handled.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Format one record."""
        line: dict[str, object] = {
            "time": time.time(),
            "level": record.levelname,
            "logger": record.name,
            "message": without_secrets(record.getMessage()),
        }
        if record.exc_info and record.exc_info[0] is not None:
            line["exception"] = record.exc_info[0].__name__
            line["at"] = [
                f"{frame.name} ({frame.filename.rpartition('/')[2]}:{frame.lineno})"
                for frame in traceback.extract_tb(record.exc_info[2])
            ]
        return msgspec.json.encode(line).decode()


def log_request(*, method: str, route: str, status: int, seconds: float) -> None:
    """Write the access log's line for a request to standard error.

    Parameters
    ----------
    method
        HTTP method.
    route
        Name of the operation; never the path, which holds a readable id.
    status
        HTTP status of the response.
    seconds
        Time to answer.
    """
    line = {
        "time": time.time(),
        "level": "INFO",
        "message": "request",
        "method": method,
        "route": route,
        "status": status,
        "ms": round(seconds * 1000, 2),
    }
    sys.stderr.write(f"{msgspec.json.encode(line).decode()}\n")


def log_as_json(level: str) -> None:
    """Send every log of this process to standard error as JSON.

    Parameters
    ----------
    level
        Least severe level logged of the service itself; of libraries, warnings at least.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for name in _OUR_LOGS:
        logging.getLogger(name).setLevel(level.upper())
    # Its lines quote paths, and a path holds a readable id.
    logging.getLogger("uvicorn.access").disabled = True
