"""`python -m emulator` is `rooms-emulator`."""

import sys

from emulator.cli import main

sys.exit(main())
