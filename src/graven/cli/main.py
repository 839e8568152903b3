"""``graven``: the table of verbs, and the one place where errors become a line and an exit code.

Nothing heavy is imported here: ``graven --help`` loads neither PyTorch nor GDAL.
"""

from __future__ import annotations

import errno
import os
import sys
import traceback

import typer

from graven._version import __version__
from graven.cli import (
    batch,
    compare,
    demo,
    doctor,
    enhance,
    evaluate,
    export,
    finetune,
    info,
    measure,
    models,
    prepare,
    refine,
    reproduce,
    segment,
    stereo,
    synth,
    train,
)
from graven.errors import GravenError

__all__ = ["app", "run"]

app = typer.Typer(
    name="graven",
    help="Document worked surfaces from images: trace, correct, measure, publish.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for _verb in (
    demo.demo,
    info.info,
    doctor.doctor,
    enhance.enhance,
    stereo.stereo,
    segment.segment,
    refine.refine,
    batch.batch,
    measure.measure,
    compare.compare,
    evaluate.evaluate,
    export.export,
    prepare.prepare,
    train.train,
    finetune.finetune,
    reproduce.reproduce,
    synth.synth,
):
    app.command()(_verb)
app.add_typer(models.app, name="models")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"graven {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(
        False, "--version", help="Print the version and stop.", callback=_print_version, is_eager=True
    ),
    debug: bool = typer.Option(False, "--debug", help="Show the full trace of an error.", envvar="GRAVEN_DEBUG"),
) -> None:
    del version  # its callback has printed it
    if debug:
        os.environ["GRAVEN_DEBUG"] = "1"


def run(args: list[str] | None = None) -> None:
    """Run the command line and leave with the documented exit code.

    Parameters
    ----------
    args : list of str, optional
        Arguments without the program name; default is those of the process.

    Notes
    -----
    Exit codes: 0 done, 1 wrong use, 2 bad data, 3 some items skipped, 4 no resources, 70 a defect of ours,
    130 interrupted and resumable.
    """
    try:
        code = app(args=args, standalone_mode=False)
    except Exception as error:  # noqa: BLE001 - the one border where every error becomes a line and a code
        sys.exit(_explain(error))
    except KeyboardInterrupt:
        code = 130
    if code == 130:  # typer turns Ctrl-C within a command into this code and says nothing
        _say("interrupted; repeat the command, with --resume where the verb offers it")
    sys.exit(code if isinstance(code, int) else 0)


def _explain(error: Exception) -> int:
    """Print one line about an error and give its exit code."""
    if os.environ.get("GRAVEN_DEBUG"):
        traceback.print_exception(error)
    if isinstance(error, GravenError):
        _say(_one_line(str(error)))
        return error.exit_code
    if isinstance(error, typer.TyperException):
        text = error.format_message()
        if text.startswith("Usage:"):  # no verb was named, and the answer is the help itself
            sys.stderr.write(f"{text}\n")
        else:
            _say(f"{_one_line(text)} (see graven --help)")
        return 1
    if isinstance(error, typer.Abort):
        _say("stopped")
        return 130
    if isinstance(error, MemoryError):
        _say("not enough memory; use a smaller --tile or --roi, or close other programs")
        return 4
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
        _say(f"no space left while writing {error.filename or 'a file'}; free some space and repeat")
        return 4
    if isinstance(error, OSError) and error.errno in {errno.EACCES, errno.EPERM}:
        _say(f"{error.filename or 'a file'}: cannot be read ({error.strerror}); check its permissions")
        return 2
    if isinstance(error, OSError) and error.errno in {errno.EIO, errno.ESTALE}:
        _say(f"{error.filename or 'a file'}: the disk or the network does not give it ({error.strerror}); try again")
        return 4
    _say(
        f"a defect in graven {__version__}: {type(error).__name__}: {_one_line(str(error))}; please report it with the "
        "command and the trace that --debug shows (graven --debug …)"
    )
    return 70


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _say(text: str) -> None:
    sys.stderr.write(f"graven: {text}\n")
