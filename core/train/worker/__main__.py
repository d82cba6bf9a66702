"""`python -m core.train.worker RUN_FOLDER`; see run.py."""

import sys

from core.train.worker.run import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
