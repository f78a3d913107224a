"""``mnist corrections``: what a person said on a contact sheet → images to judge a network on."""

from __future__ import annotations

from pathlib import Path

import click

from mnist_classifier.cli import options


@click.command()
@click.argument("file", type=options.FILE, metavar="FILE")
@click.option(
    "--output",
    "-o",
    type=options.FILE,
    metavar="FOLDER",
    required=True,
    help="Folder for the images, in folders 0 to 9; it is made, or added to.",
)
def corrections(file: Path, output: Path) -> None:
    """Make labelled images of corrections.

    FILE is the corrections.csv that the contact sheet of mnist read --output saves.
    Each digit becomes a picture of 28×28 pixels in the folder of its class, for
    mnist evaluate RUN --data-dir FOLDER.
    """
    from mnist_classifier.scale.corrections import save_corrections

    saved = save_corrections(file, output)
    click.echo(f"images {saved.images:,}, in {output}")
    if saved.left_out:
        click.echo(
            f"left out {saved.left_out:,} pictures: other marks were found than they have digits",
            err=True,
        )
