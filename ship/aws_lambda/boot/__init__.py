"""What runs on Lambda: in the zip this folder is `__boot__`, with the chassis inside of it as `__boot__.serving`."""

import sys
from pathlib import Path
from typing import Final

PACKAGES: Final = Path(__file__).parent / "packages"
"""What the guest and we need, which is here in the zip."""

if PACKAGES.is_dir():
    # First of all, so that a guest's `mcp.py` hides no SDK: Lambda's runtime has put the guest's folder first.
    sys.path.insert(0, str(PACKAGES))
