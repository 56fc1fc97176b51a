"""The process that renders notebooks: `python -m je_sharing.rendering.worker`.

It reads requests from standard input and writes responses to standard output, one after the other,
until its input ends, as it does when the service ends. It has no secret of the service, and the
operating system ends it when it uses too much memory or processor time.
"""

import json
import logging
import os
import signal
import struct
import sys
from contextlib import suppress
from dataclasses import asdict
from typing import BinaryIO

from je_sharing.logs import log_as_json
from je_sharing.rendering.document import plain_document, render_document

READY = b"\n"
# Whether it shall be plain, and the notebook's length; then comes the notebook.
ORDER = struct.Struct(">?Q")
# The document's length; then comes the document as JSON.
ANSWER = struct.Struct(">Q")

_PROCESSOR_SECONDS = 10
_MEMORY_BYTES = 1 << 30
_log = logging.getLogger(__name__)


def serve(orders: BinaryIO, answers: BinaryIO) -> None:
    """Answer orders until there are no more.

    Parameters
    ----------
    orders
        Where they come from.
    answers
        Where the documents go.
    """
    answers.write(READY)
    answers.flush()
    while header := orders.read(ORDER.size):
        is_plain, size = ORDER.unpack(header)
        content = orders.read(size)
        _limit_processor_time()
        document = plain_document(content) if is_plain else render_document(content)
        answer = json.dumps(asdict(document)).encode()
        answers.write(ANSWER.pack(len(answer)) + answer)
        answers.flush()


def _limit_processor_time() -> None:
    if sys.platform != "win32":
        import resource

        spent = resource.getrusage(resource.RUSAGE_SELF)
        most = int(spent.ru_utime + spent.ru_stime) + 1 + _PROCESSOR_SECONDS
        resource.setrlimit(resource.RLIMIT_CPU, (most, resource.getrlimit(resource.RLIMIT_CPU)[1]))


def _limit_memory() -> None:
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        with suppress(ValueError, OSError):  # macOS has no such limit
            resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))


def main() -> None:
    """Run the process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # The service ends it.
    log_as_json("ERROR")
    _limit_memory()
    with os.fdopen(os.dup(1), "wb") as answers:
        os.dup2(2, 1)  # What a library prints is no answer.
        try:
            serve(sys.stdin.buffer, answers)
        except BrokenPipeError:
            pass
        except BaseException:
            # Its message may quote the notebook: the log has none.
            _log.exception("a notebook could not be rendered")
            os._exit(1)


if __name__ == "__main__":
    main()
