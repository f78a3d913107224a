"""What a person sees stays as it was meant, whatever a folder is called."""

import io

from rich.console import Console

from mnist_classifier.learn.screen import Screen


def test_a_name_is_text_and_stays_in_the_line():
    shown = io.StringIO()
    screen = Screen(Console(file=shown, width=80))
    for tell in (screen.step, screen.result, screen.warning):
        tell("Saved in", "runs/a\n\x1b[2J[/b] :smile:")
    lines = [line.split(maxsplit=2) for line in shown.getvalue().splitlines()]
    assert lines == 3 * [["Saved", "in", "runs/a\\n\\x1b[2J[/b] :smile:"]]
