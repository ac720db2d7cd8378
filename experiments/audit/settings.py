"""Make results/clients: real programs hand letters to `simsmtp serve` in generated settings, and the simulator, too.

    python experiments/audit/settings.py 0 480 [--output results/clients]

The numbers say which settings are drawn; the programs are those of `tests/test_real_clients.py`. nodemailer has to be
below SIMSMTP_PROGRAMS (`.ci/mail-programs` puts it there), curl and msmtp have to be installed.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from client_table import coverage, table  # noqa: E402
from real_clients import require, version_of  # noqa: E402
from real_settings import compared, drawn  # noqa: E402

HEAD = Path(__file__).with_name("settings_head.md")


def main() -> None:
    """Write the files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("first", type=int, help="number of the first setting")
    parser.add_argument("end", type=int, help="number after the last one")
    parser.add_argument("--output", type=Path, default=ROOT / "results" / "clients", help="folder of the files")
    given = parser.parse_args()
    rows = []
    for number in range(given.first, given.end):
        setting = drawn(number)
        require(setting.name)
        rows.append({"version": version_of(setting.name), **compared(setting).row()})
        if rows[-1]["differ"]:
            print(number, setting, rows[-1]["differ"], flush=True)
    given.output.mkdir(parents=True, exist_ok=True)
    kept = "".join(f"{json.dumps(row)}\n" for row in rows)
    (given.output / "rows.jsonl").write_text(kept, encoding="utf-8")
    text = HEAD.read_text(encoding="utf-8").format(
        first=given.first, end=given.end, count=len(rows), date=time.strftime("%Y-%m-%d"),
        different=sum(bool(row["differ"]) for row in rows), table=table(rows), coverage=coverage(rows),
    )  # fmt: skip
    (given.output / "README.md").write_text(text, encoding="utf-8")
    print(f"{given.output}: README.md, rows.jsonl: {len(rows)} settings")


if __name__ == "__main__":
    main()
