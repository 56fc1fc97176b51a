"""`python -m je_sharing` is `je-sharing`."""

import sys

from je_sharing.command import main

if __name__ == "__main__":
    sys.exit(main())
