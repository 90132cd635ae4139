"""What npm and pip may know of our environment: packages run strangers' code, and the rest may be secret."""

import re
from collections.abc import Mapping
from typing import Final

from ship.adapter.packages.names import Runtime

_TO_BOTH: Final = re.compile(
    r"PATH|HOME|USER|LOGNAME|LANG|LANGUAGE|LC_\w+|TZ|TMPDIR|LD_LIBRARY_PATH|(HTTPS?|ALL|NO)_PROXY|SSL_CERT_(FILE|DIR)",
    re.IGNORECASE,
)
_TO_ONE: Final[Mapping[Runtime, re.Pattern[str]]] = {
    "npm": re.compile(
        r"NPM_CONFIG_(?!(GLOBAL|LOCATION)$).*|NPM_TOKEN"
        r"|NODE_(OPTIONS|EXTRA_CA_CERTS|AUTH_TOKEN|TLS_REJECT_UNAUTHORIZED|USE_\w+)",
        re.IGNORECASE,
    ),
    "python": re.compile(
        r"PIP_(?!(USER|TARGET|PREFIX|ROOT|PYTHON)$).*|(REQUESTS|CURL)_CA_BUNDLE|NETRC|XDG_CONFIG_(HOME|DIRS)"
    ),
}
"""Nothing that would put a package elsewhere, and no PYTHONPATH: its environment is its own.

NODE_OPTIONS says which certificates Node.js believes, and how much memory it may take.
"""


def passed_on(runtime: Runtime, environ: Mapping[str, str]) -> dict[str, str]:
    """Return what the installer of packages of this runtime sees of `environ`."""
    patterns = (_TO_BOTH, _TO_ONE[runtime])
    return {name: value for name, value in environ.items() if any(pattern.fullmatch(name) for pattern in patterns)}
