"""The command line: a thin front end over the functions that Python callers use. No other module imports it."""

from __future__ import annotations

import sys

from predictors.errors import UnknownName
from proxybench.errors import ProxybenchError


def main() -> None:
    """Run the command line; expected failures print one line on standard error and exit with code 1."""
    from proxybench.cli.app import app

    try:
        app(standalone_mode=True)
    except (ProxybenchError, UnknownName) as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    except OSError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        print("interrupted; run the same command again to resume", file=sys.stderr)
        raise SystemExit(130) from None
