"""Run the command `je-sharing` as `python -m je_sharing`."""

import sys

from je_sharing.command import main

if __name__ == "__main__":
    sys.exit(main())
