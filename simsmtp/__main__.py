"""``simsmtp`` and ``python -m simsmtp``: exit codes and what the user sees of an error."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable


def main() -> None:
    """Run the command line and exit: 0 ok, 1 crash or failed replication, 2 bad input, 130 Ctrl-C."""
    if sys.argv[1:] == ["--version"]:  # without click: a version number need not cost a tenth of a second
        from simsmtp._version import __version__  # noqa: PLC0415

        print(f"simsmtp {__version__}")  # noqa: T201
        sys.exit(0)
    sys.exit(_exit_code())


def _exit_code() -> int:
    import click  # noqa: PLC0415

    from simsmtp.cli import simsmtp  # noqa: PLC0415
    from simsmtp.errors import InputError, UnfinishedError  # noqa: PLC0415

    try:
        return _told(_without_blamed(simsmtp))
    except click.UsageError as error:
        where = f" (see {error.ctx.command_path} --help)" if error.ctx else ""
        return _say(f"{error.format_message()}{where}", 2)
    except click.ClickException as error:
        return _say(error.format_message(), 2)
    except InputError as error:
        return _say(str(error), 2)
    except UnfinishedError as error:
        return _say(str(error), 1)
    except (click.Abort, KeyboardInterrupt) as error:
        return _say(str(error.__cause__ or "") or "interrupted", 130)
    except BrokenPipeError:  # as click ends where it meets one first: a verdict that was not told is no 0
        _quiet()
        return 1
    except Exception:  # noqa: BLE001 - the last resort
        traceback.print_exc()
        return 1


def _without_blamed(command: Callable[..., int | None]) -> int:
    """Run the command; what a strategy of the user's own raises, whatever kind it is, is not ours."""
    try:
        return command(standalone_mode=False, prog_name="simsmtp") or 0
    except Exception as error:
        from simsmtp.errors import UnfinishedError  # noqa: PLC0415
        from simsmtp.strategies.own_code import is_blamed, told  # noqa: PLC0415

        if is_blamed(error):
            raise UnfinishedError(told(error)) from None
        raise


def _say(message: str, code: int) -> int:
    print(f"simsmtp: {message}", file=sys.stderr)  # noqa: T201
    return code


def _told(code: int) -> int:
    """Write out what is left to be written, whether or not somebody reads it, and return the code."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _quiet()
    return code


def _quiet() -> None:
    """Spare the user the complaint that Python makes when it flushes a closed pipe at exit."""
    import os  # noqa: PLC0415

    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
