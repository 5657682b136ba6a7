"""Opens the dashboard on the synthetic collector: `python tests/bench/view.py [--view NAME] [--filter QUERY] [--
SYNTHETIC OPTIONS]`.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tui.cli.open import run


def main() -> int:
    """Run it; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--view", default="overview")
    parser.add_argument("--filter", default="")
    parser.add_argument("--export-dir", type=Path, default=Path.cwd())
    parser.add_argument("--log-file", type=Path)
    parser.add_argument("rest", nargs="*")
    args = parser.parse_args()
    synthetic = Path(__file__).with_name("synthetic.py")
    return run(
        [sys.executable, str(synthetic), *args.rest],
        view=args.view,
        query=args.filter,
        export_dir=args.export_dir,
        log_file=args.log_file,
    )


if __name__ == "__main__":
    raise SystemExit(main())
