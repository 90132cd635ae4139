"""The boot files and the chassis, under a name that no guest has: `serving` becomes `__boot__.serving`."""

import json
import re
import shutil
from pathlib import Path
from typing import Final

from serving.identity import ROOT
from ship.aws_lambda.pack.guest import BOOT

MOVED: Final = {"ship/aws_lambda/boot": ".", "serving": "serving"}
"""Folders of this repository -> where in the folder of the boot files they are."""
KINDS: Final = (".py", ".html", ".sh")
_IMPORTS: Final = re.compile(r"^(\s*(?:from|import) )(ship\.aws_lambda\.boot|serving)\b", re.MULTILINE)
_RENAMED: Final = {"ship.aws_lambda.boot": BOOT, "serving": f"{BOOT}.serving"}


def add_boot_files(folder: Path, entrypoint: str) -> None:
    """Write the boot files into a new folder, with the entry point that they are to begin with."""
    for source, where in MOVED.items():
        for path in sorted((ROOT / source).rglob("*")):
            if path.suffix in KINDS and "__pycache__" not in path.parts:
                copy = folder / where / path.relative_to(ROOT / source)
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_text(renamed(path.read_text(encoding="utf-8")), encoding="utf-8")
                shutil.copymode(path, copy)
    (folder / "about.json").write_text(json.dumps({"entrypoint": entrypoint}) + "\n")


def renamed(source: str) -> str:
    """Return a module's source with its imports of ours under their private names."""
    return _IMPORTS.sub(lambda found: found[1] + _RENAMED[found[2]], source)
