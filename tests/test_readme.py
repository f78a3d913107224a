import re
import subprocess

import pytest

from tests.conftest import ROOT

README = (ROOT / "README.md").read_text()
LINES = re.search(r"^```sh\n(.*?)^```", README, re.MULTILINE | re.DOTALL).group(1).splitlines()


def test_there_are_two_lines_on_the_first_screen_and_ci_runs_these_very_ones():
    assert len(LINES) == 2
    assert README[: README.index(LINES[1])].count("\n") < 40
    for number, line in enumerate(LINES, 1):
        printed = subprocess.check_output(
            ["bash", ROOT / ".ci/readme-line", str(number)], text=True
        )
        assert printed == line + "\n"
    assert 'bash -c "$(.ci/readme-line 1)"' in (ROOT / ".ci/run").read_text()
    assert 'bash -c "$(.ci/readme-line 2)"' in (ROOT / ".ci/run").read_text()


@pytest.mark.parametrize("line", LINES)
def test_each_line_sets_up_installs_and_runs(line):
    first, install, last = line.split(" && ")
    assert first == "python3 -m venv .venv"
    extra = re.search(r'pip install (?:-e )?"\.\[(\w+)]"', install).group(1)
    assert f"\n{extra} = [" in (ROOT / "pyproject.toml").read_text()
    assert last.startswith(".venv/bin/python ")


def test_links_lead_somewhere():
    pages = [
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        ROOT / "SECURITY.md",
        *(ROOT / "docs").glob("**/*.md"),
    ]
    for page in pages:
        for target in re.findall(r"]\((?!https?:|#)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
