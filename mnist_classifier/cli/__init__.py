"""The command ``mnist``: one module a verb; each verb imports what it needs when it runs."""

from __future__ import annotations

import atexit
import gc
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import click

from mnist_classifier.cli import options, output
from mnist_classifier.cli.compare import compare
from mnist_classifier.cli.corrections import corrections
from mnist_classifier.cli.evaluate import evaluate
from mnist_classifier.cli.export import export
from mnist_classifier.cli.read import read
from mnist_classifier.cli.recipes import recipes
from mnist_classifier.cli.serve import serve
from mnist_classifier.cli.sweep import sweep
from mnist_classifier.cli.train import train
from mnist_classifier.errors import MnistError, printable
from mnist_classifier.version import __version__


class _Verbs(click.Group):
    def invoke(self, context: click.Context) -> Any:
        """Run the verb; print nothing at Ctrl-C, where Click prints an empty line."""
        try:
            return super().invoke(context)
        except KeyboardInterrupt as interrupt:
            raise click.Abort from interrupt

    def list_commands(self, context: click.Context) -> list[str]:
        """Name the verbs in the order in which they were added."""
        return list(self.commands)


@click.group(
    cls=_Verbs,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "show_default": True},
)
@click.version_option(__version__, message="%(prog)s %(version)s")
@click.pass_context
def mnist(context: click.Context) -> None:
    """Train networks on MNIST's handwritten digits, test them, and read digits."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help(), err=True)
        context.exit(2)


for verb in (train, sweep, recipes, evaluate, compare, export, read, corrections, serve):
    mnist.add_command(verb)


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
    # What is left goes with the process: to seek garbage in libraries' objects takes up to 2 s.
    atexit.register(gc.freeze)
    with output.mended():
        sys.exit(_run(learn_digits, arguments, program))


def _run(learn_digits: options.LearnDigits, arguments: Sequence[str] | None, program: str) -> int:
    """Run the command line; return its exit code."""
    try:
        outcome = mnist.main(arguments, program, standalone_mode=False, obj=learn_digits)
    except MnistError as error:
        click.echo(f"error: {error}", err=True)
        return error.exit_code
    except click.Abort:
        click.echo("interrupted", err=True)
        return 130
    except click.ClickException as error:
        hint = _file_with_dash(sys.argv[1:] if arguments is None else arguments)
        message = printable(f"{error.format_message().rstrip('.')}; {hint}")
        click.echo(f"error: {message}see {program} --help", err=True)
        return 2
    if outcome == 130:
        click.echo("interrupted", err=True)
    return outcome if isinstance(outcome, int) else 0


def _file_with_dash(arguments: Sequence[str]) -> str:
    """Return a hint if an argument was taken for an option, but is the name of a file."""
    named = [name for name in arguments if name.startswith("-") and Path(name).is_file()]
    return f"if the file {named[0]} is meant, write ./{named[0]}; " if named else ""
