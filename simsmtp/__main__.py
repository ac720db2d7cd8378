"""``simsmtp`` and ``python -m simsmtp``: exit codes and what the user sees of an error."""

from __future__ import annotations

import errno
import gc
import sys
import traceback
from collections.abc import Callable

_LAYOUT = "\n\t"  # of click's own messages
# A disk that is full or fails, files that are open: the same command may get past it later. All else is bad input.
_PASSING = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.EAGAIN}


def main() -> None:
    """Run the command line and exit: 0 ok, 1 crash or unfinished work, 2 bad input, 130 Ctrl-C."""
    from simsmtp.streams import guard_streams, output_failure

    gc.set_threshold(50_000)  # loading makes many objects, and hardly one that is garbage
    try:
        guard_streams()
    except OSError as error:
        sys.exit(_say(_reason(error), 1))
    code = _exit_code()
    if failure := output_failure():
        code = _say(f"standard output: {_reason(failure)}; not all of it was written", 1)
    gc.freeze()  # the system takes all memory back at once: to take figures apart first may cost half a second
    sys.exit(code)


def _exit_code() -> int:
    if sys.argv[1:] == ["--version"]:  # without click: a version number need not cost a tenth of a second
        from simsmtp._version import __version__

        print(f"simsmtp {__version__}")  # noqa: T201
        return 0
    import warnings

    import click

    from simsmtp.cli import simsmtp
    from simsmtp.errors import InputError, UnfinishedError

    warnings.formatwarning = lambda message, *_, **__: f"simsmtp: {message}\n"
    try:
        return _without_blamed(simsmtp)
    except click.UsageError as error:
        where = f" (see {error.ctx.command_path} --help)" if error.ctx else ""
        close = getattr(error, "possibilities", None) or []  # of an option; all of them are more than a hint
        told = f"{error.message} Did you mean {close[0]!r}?" if close else error.format_message()
        return _say(f"{told}{where}", 2)
    except click.ClickException as error:
        return _say(error.format_message(), 2)
    except InputError as error:
        return _say(str(error), 1 if getattr(error.__context__, "errno", None) in _PASSING else 2)
    except UnfinishedError as error:
        return _say(str(error), 1)
    except (click.Abort, KeyboardInterrupt) as error:
        return _say(str(error.__cause__ or "") or "interrupted", 130)
    except OSError as error:
        kept = "; what was finished is kept"
        return _say(f"{_reason(error)}{kept if _code(error) == 1 else ''}", _code(error))
    except MemoryError:
        return _say("there is not enough memory; what was finished is kept", 1)
    except Exception:  # noqa: BLE001 - the last resort
        traceback.print_exc()
        return 1


def _code(cause: BaseException | None) -> int:
    """Return the exit code of bad input, or of what a file or folder refused."""
    passing = isinstance(cause, ConnectionError | TimeoutError) or getattr(cause, "errno", None) in _PASSING
    return 1 if isinstance(cause, OSError) and passing else 2


def _reason(error: OSError) -> str:
    text = error.strerror or str(error)
    text = text[:1].lower() + text[1:]
    return f"{error.filename}: {text}" if error.filename else text


def _without_blamed(command: Callable[..., int | None]) -> int:
    """Run the command; what a strategy of the user's own raises, whatever kind it is, is not ours."""
    try:
        return command(standalone_mode=False, prog_name="simsmtp") or 0
    except Exception as error:
        from simsmtp.errors import UnfinishedError
        from simsmtp.strategies.own_code import is_blamed, told

        if is_blamed(error):
            raise UnfinishedError(told(error)) from None
        raise


def _say(message: str, code: int) -> int:
    from simsmtp.shown import shown

    print(f"simsmtp: {shown(message, keep=_LAYOUT)}", file=sys.stderr)  # noqa: T201
    return code


if __name__ == "__main__":
    main()
