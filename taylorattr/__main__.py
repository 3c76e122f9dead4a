"""Run the command line: ``python -m taylorattr`` is ``taylorattr``."""

import sys

from taylorattr.cli import main

if __name__ == "__main__":
    sys.exit(main())
