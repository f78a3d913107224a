"""The command ``mnist``: one module a verb; each verb imports what it needs when it runs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import typer

from mnist_classifier.cli import options, output
from mnist_classifier.cli.compare import compare
from mnist_classifier.cli.evaluate import evaluate
from mnist_classifier.cli.export import export
from mnist_classifier.cli.read import read
from mnist_classifier.cli.recipes import recipes
from mnist_classifier.cli.serve import serve
from mnist_classifier.cli.train import train
from mnist_classifier.errors import MnistError
from mnist_classifier.version import __version__

app = typer.Typer(
    name="mnist",
    help="Train networks on MNIST's handwritten digits, test them, and read digits.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def _version(version: bool = typer.Option(False, "--version", help="Print the version.")) -> None:
    if version:
        typer.echo(f"mnist {__version__}")
        raise typer.Exit


app.command()(train)
app.command()(recipes)
app.command()(evaluate)
app.command()(compare)
app.command()(export)
app.command()(read)
app.command()(serve)


def main(
    learn_digits: options.LearnDigits,
    arguments: Sequence[str] | None = None,
    program: str = "mnist",
) -> NoReturn:
    """Run the command line and leave with its exit code.

    Args:
        learn_digits: What ``mnist train`` runs, once for each seed.
        arguments: What follows the program's name; ``sys.argv`` when left out.
        program: The name that help shows.

    Raises:
        SystemExit: 0 done, 2 a mistake that one line on standard error explains,
            130 interrupted by Ctrl-C, 141 nobody reads what is printed.
    """
    with output.mended():
        sys.exit(_run(learn_digits, arguments, program))


def _run(learn_digits: options.LearnDigits, arguments: Sequence[str] | None, program: str) -> int:
    """Run the command line; return its exit code."""
    try:
        outcome = app(args=arguments, prog_name=program, standalone_mode=False, obj=learn_digits)
    except MnistError as error:
        typer.echo(f"error: {error}", err=True)
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        outcome = 130
    except Exception as error:
        # Errors of the command line's own grammar; where Typer keeps their class has changed.
        if not hasattr(error, "format_message"):
            raise
        if message := error.format_message():  # none where help was all that was needed
            hint = _file_with_dash(sys.argv[1:] if arguments is None else arguments)
            typer.echo(f"error: {message.rstrip('.')}; {hint}see {program} --help", err=True)
        return 2
    if outcome == 130:  # newer releases of Typer turn Ctrl-C into this code
        typer.echo("interrupted", err=True)
    return outcome if isinstance(outcome, int) else 0


def _file_with_dash(arguments: Sequence[str]) -> str:
    """Return a hint if an argument was taken for an option, but is the name of a file."""
    named = [name for name in arguments if name.startswith("-") and Path(name).is_file()]
    return f"if the file {named[0]} is meant, write ./{named[0]}; " if named else ""
