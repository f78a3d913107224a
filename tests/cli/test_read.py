"""`mnist read`, as a process."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import psutil
import pytest

from tests.read.drawing import png, write
from tests.read.scans import scanned


def mnist(*arguments, stdin=None):
    return subprocess.run(
        [sys.executable, "-m", "mnist_classifier", *map(str, arguments)],
        input=stdin,
        capture_output=True,
    )


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for text in ("42", "7", "180"):
        (folder / f"{text}.png").write_bytes(png(write(text)))
    return folder


def test_prints_what_is_written_and_how_sure_it_is(pictures):
    done = mnist("read", pictures / "42.png")
    assert done.returncode == 0, done.stderr
    text, sure = done.stdout.decode().split("  ")
    assert text == "42"
    assert sure.endswith("% sure)\n")


def test_json_is_one_object_a_line_and_picture(pictures):
    done = mnist("read", pictures, "--json")
    outcomes = [json.loads(line) for line in done.stdout.decode().splitlines()]
    assert [outcome["text"] for outcome in outcomes] == ["180", "42", "7"]
    for outcome in outcomes:
        assert set(outcome) == {
            "picture",
            "text",
            "number",
            "confidence",
            "lines",
            "digits",
            "refused",
            "error",
        }
        assert outcome["refused"] is outcome["error"] is None
        for digit in outcome["digits"]:
            assert set(digit) == {"label", "confidence", "probabilities", "box"}
            assert len(digit["probabilities"]) == 10
            assert len(digit["box"]) == 4


def test_csv(pictures):
    done = mnist("read", pictures, "--csv")
    rows = list(csv.DictReader(io.StringIO(done.stdout.decode())))
    assert [row["text"] for row in rows] == ["180", "42", "7"]
    assert all(0.9 < float(row["confidence"]) <= 1 for row in rows)


def test_a_pattern_is_held(pictures):
    done = mnist("read", pictures / "42.png", "--pattern", "#{2}")
    assert done.stdout.decode().startswith("42  (")
    done = mnist("read", pictures / "42.png", "--pattern", "#x")
    assert done.returncode == 2
    assert "the pattern '#x' has 'x'; expected # for a digit" in done.stderr.decode()


def test_standard_input(pictures):
    done = mnist("read", "-", stdin=(pictures / "7.png").read_bytes())
    assert done.stdout.decode().startswith("7  (")
    assert mnist("read", "-", stdin=b"").returncode == 2


def test_a_pdf_stands_for_its_pages(tmp_path):
    pytest.importorskip("pypdfium2")
    (tmp_path / "two.pdf").write_bytes(scanned("12", "345"))
    done = mnist("read", tmp_path, "--json", "--annotate", tmp_path)
    outcomes = [json.loads(line) for line in done.stdout.decode().splitlines()]
    assert [(Path(outcome["picture"]).name, outcome["text"]) for outcome in outcomes] == [
        ("two.pdf#page=1", "12"),
        ("two.pdf#page=2", "345"),
    ]
    assert {path.name for path in tmp_path.iterdir()} == {"two.pdf", "two.png", "two-2.png"}
    (tmp_path / "bad.pdf").write_bytes(b"%PDF-1.7")
    done = mnist("read", tmp_path / "bad.pdf")
    assert done.returncode == 2
    assert done.stderr.count(b"\n") == 1


def test_one_bad_picture_among_good_ones(pictures):
    (pictures / "bad.png").write_bytes(b"text")
    done = mnist("read", pictures, pictures / "missing.png", "--json")
    assert done.returncode == 1
    outcomes = [json.loads(line) for line in done.stdout.decode().splitlines()]
    assert [outcome["text"] for outcome in outcomes] == ["180", "42", "7", "", ""]
    assert "not a picture" in outcomes[3]["error"]
    assert "no such file" in outcomes[4]["error"]
    plain = mnist("read", pictures)
    assert plain.returncode == 1
    assert b"bad.png: not a picture" in plain.stderr
    assert b"42.png: 42" in plain.stdout


def test_mistakes_are_one_line_and_exit_code_2(tmp_path, pictures):
    empty = tmp_path / "empty"
    empty.mkdir()
    for arguments in (
        ["read", tmp_path / "none.png"],
        ["read", empty],
        ["read", pictures, "--json", "--csv"],
        ["read", pictures, "--annotate", tmp_path / "one.png"],
        ["read", pictures / "7.png", "--model", pictures / "7.png"],
        ["read", pictures / "7.png", "--max-pixels", "10"],
        ["read", pictures / "7.png", "--threshold", "2"],
        ["read"],
    ):
        done = mnist(*arguments)
        assert done.returncode == 2, arguments
        assert b"Traceback" not in done.stderr
        assert done.stdout == b"" or arguments == ["read"]


def test_a_blank_page_is_refused_with_a_reason(tmp_path):
    path = tmp_path / "blank.png"
    path.write_bytes(png(write(" ")))
    done = mnist("read", path)
    assert done.returncode == 0
    assert b"refused: nothing is written" in done.stderr


def test_annotate(pictures, tmp_path):
    out = tmp_path / "out.png"
    assert mnist("read", pictures / "42.png", "--annotate", out).returncode == 0
    assert cv2.imread(str(out)) is not None
    folder = tmp_path / "annotated"
    folder.mkdir()
    assert mnist("read", pictures, "--annotate", folder).returncode == 0
    assert sorted(path.name for path in folder.iterdir()) == ["180.png", "42.png", "7.png"]


def test_annotated_copies_overwrite_nothing(pictures, tmp_path):
    before = {path: path.read_bytes() for path in pictures.iterdir()}
    for arguments in (
        [pictures / "7.png", "--annotate", pictures / "7.png"],
        [pictures, "--annotate", pictures],
    ):
        done = mnist("read", *arguments)
        assert done.returncode == 2
        assert b"exists; expected a new name" in done.stderr
    assert {path: path.read_bytes() for path in pictures.iterdir()} == before


def test_pictures_of_one_name_get_copies_of_their_own(pictures, tmp_path):
    other, folder = tmp_path / "other", tmp_path / "annotated"
    other.mkdir()
    folder.mkdir()
    cv2.imwrite(str(other / "7.bmp"), write("1"))
    done = mnist("read", pictures / "7.png", other / "7.bmp", "--annotate", folder)
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in folder.iterdir()) == ["7-2.png", "7.png"]


def shell(command, **variables):
    return subprocess.run(
        [
            "bash",
            "-o",
            "pipefail",
            "-c",
            command.replace("mnist", f"{sys.executable} -m mnist_classifier"),
        ],
        capture_output=True,
        env={**os.environ, **variables},
    )


@pytest.mark.parametrize("form", ["", "--json", "--csv"])
def test_output_that_cannot_be_written(pictures, form):
    for command, code, message in (
        (
            f"mnist read {pictures} {form} > /dev/full",
            2,
            b"error: standard output cannot be written",
        ),
        (f"mnist read {pictures} {form} | true", 141, b""),
        (f"mnist read {pictures} {form} >&-", 2, b"standard output cannot be written (it is clo"),
        (f"mnist read - {form} <&-", 2, b"cannot read standard input"),
        (f"mnist read - {form} < /dev/zero", 2, b"standard input has more than 268,435,456 bytes"),
    ):
        done = shell(command)
        assert done.returncode == code, (command, done.stderr)
        assert done.stderr.count(b"\n") <= 1
        assert message in done.stderr + done.stdout


def test_output_that_cannot_show_a_name(pictures):
    (pictures / "7.png").rename(pictures / "é.png")
    for form in ("", "--json", "--csv"):
        done = shell(f"mnist read {pictures} {form}", PYTHONIOENCODING="ascii")
        assert done.returncode == 0, done.stderr
        assert b".png" in done.stdout
        assert done.stderr == b""


def test_a_decoders_own_lines_stay_away(pictures):
    (pictures / "cut.png").write_bytes((pictures / "7.png").read_bytes()[:-200])
    done = mnist("read", pictures / "cut.png")
    assert done.returncode == 2
    assert done.stderr.startswith(b"error: ")
    assert done.stderr.count(b"\n") == 1


def test_reading_loads_neither_tensorflow_nor_keras_nor_matplotlib(pictures):
    program = (
        "import sys\n"
        "from mnist_images_classification import main\n"
        "try:\n"
        f"    main(['read', {str(pictures / '7.png')!r}])\n"
        "except SystemExit as done:\n"
        "    assert done.code == 0\n"
        "heavy = {'tensorflow', 'keras', 'matplotlib', 'sklearn', 'scipy'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True)
    assert done.returncode == 0, done.stderr.decode()


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """More pictures than are read before processes start, in two folders; one is damaged."""
    folder = tmp_path_factory.mktemp("many")
    (folder / "05").mkdir()
    for number in range(24):
        picture = cv2.resize(write(f"{number}"), None, fx=0.3, fy=0.3)
        place = folder / "05" if 5 < number < 10 else folder
        (place / f"{number:02}.png").write_bytes(png(picture))
    (folder / "12.png").write_bytes((folder / "12.png").read_bytes()[:-200])
    return folder


@pytest.fixture(scope="module", params=["rows.jsonl", "rows.csv"])
def undisturbed(request, many, tmp_path_factory):
    """The rows of all pictures, read by one process, one after the other."""
    path = tmp_path_factory.mktemp("rows") / request.param
    done = mnist("read", many, "--output", path, "--jobs", 1)
    assert done.returncode == 1
    assert done.stdout == b""
    assert done.stderr.startswith(
        b"read 23, refused 0, errors 1\n  errors 1: not a picture that can be decoded"
    )
    return path


def started(*arguments):
    """Start `mnist` in a session of its own, as a terminal does."""
    return subprocess.Popen(
        [sys.executable, "-m", "mnist_classifier", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,  # `communicate` would lose what `readline` has read ahead
        start_new_session=True,
    )


def test_rows_are_the_same_on_all_cores_and_in_the_pictures_order(many, undisturbed, tmp_path):
    path = tmp_path / undisturbed.name
    done = mnist("read", many, "-o", path, "-j", 3)
    assert done.returncode == 1
    assert path.read_bytes() == undisturbed.read_bytes()
    names = sorted(path for path in many.rglob("*.png"))
    if path.suffix == ".csv":
        rows = list(csv.DictReader(io.StringIO(path.read_text("utf-8"), newline="")))
    else:
        rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    assert [row["picture"] for row in rows] == list(map(str, names))
    assert len({row["model"] for row in rows} | {row["version"] for row in rows}) == 2


def test_a_killed_run_goes_on(many, undisturbed, tmp_path):
    path = tmp_path / undisturbed.name
    run = started("read", many, "--output", path, "--jobs", 2)
    while not path.exists() or path.read_bytes().count(b"\n") < 2:
        time.sleep(0.01)
    processes = psutil.Process(run.pid).children()
    run.kill()
    run.communicate()
    before = path.read_bytes()
    assert undisturbed.read_bytes().startswith(before)
    assert psutil.wait_procs(processes, timeout=60)[1] == []
    done = mnist("read", many, "--output", path, "--jobs", 2)
    assert done.returncode == 1
    assert done.stderr.startswith(b"read 23, refused 0, errors 1\n")
    assert path.read_bytes() == undisturbed.read_bytes()
    summary = json.loads((tmp_path / "rows.summary.json").read_bytes())
    assert (summary["read"], sum(summary["confidence"])) == (23, 23)
    assert "The 3 least sure pictures" in (tmp_path / "rows.review.html").read_text("utf-8")


def test_other_settings_than_a_file_began_with_are_refused(many, undisturbed, tmp_path):
    path = tmp_path / undisturbed.name
    path.write_bytes(undisturbed.read_bytes())
    done = mnist("read", many, "--output", path, "--pattern", "##")
    assert done.returncode == 2
    assert b"was begun with pattern none, and now it is ##" in done.stderr
    assert done.stderr.count(b"\n") == 1
    assert path.read_bytes() == undisturbed.read_bytes()


def test_ctrl_c_ends_all_processes_at_once(many):
    run = started("read", *[many] * 40, "--json", "--jobs", 2)
    lines = [run.stdout.readline(), run.stdout.readline()]
    processes = psutil.Process(run.pid).children()
    os.killpg(run.pid, signal.SIGINT)
    rest, stderr = run.communicate()
    assert (run.returncode, stderr) == (130, b"interrupted\n")
    assert len(processes) == 2
    assert not any(process.is_running() for process in processes)
    for line in [*lines, *rest.splitlines()]:
        json.loads(line)


def test_a_full_disk_is_one_line_and_what_was_written_stands(pictures, tmp_path):
    name = "rows.jsonl"
    path = tmp_path / name
    # A disk that gets full in the middle of a row, and has room again.
    whole = tmp_path / f"whole-{name}"
    assert mnist("read", pictures, "--output", whole).returncode == 0
    limit = len(whole.read_bytes()) - 100
    done = shell(f"ulimit -c 0; prlimit --fsize={limit} mnist read {pictures} --output {path}")
    assert done.returncode == 2
    assert b"file too large" in done.stderr
    assert done.stderr.count(b"\n") == 1
    assert len(path.read_bytes()) == limit
    assert mnist("read", pictures, "--output", path).returncode == 0
    assert path.read_bytes() == whole.read_bytes()


@pytest.mark.skipif(sys.platform != "linux", reason="names that are no UTF-8")
@pytest.mark.parametrize("form", ["--json", "--csv", "jsonl", "csv"])
def test_a_name_that_is_no_utf_8_leaves_rows_that_every_parser_takes(pictures, tmp_path, form):
    (pictures / "7.png").rename(pictures / "\udcff.png")
    if form.startswith("--"):
        content = mnist("read", pictures, form).stdout
    else:
        rows = tmp_path / f"rows.{form}"
        assert mnist("read", pictures, "--output", rows).returncode == 0
        content = rows.read_bytes()
        again = mnist("read", pictures, "--output", rows)
        assert again.returncode == 0
        assert again.stderr.startswith(b"read 3, refused 0, errors 0\n")
        assert rows.read_bytes() == content
    told = r"/\xff.png" if "csv" in form else r"/\\xff.png"  # in JSON, a backslash is escaped
    assert f"{pictures}{told}" in content.decode()
    assert r"\ud" not in content.decode()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="makes a FIFO")
@pytest.mark.parametrize("option", ["--output", "--annotate"])
def test_a_pipe_or_a_device_as_output_is_one_line(pictures, tmp_path, option):
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "device.csv").symlink_to("/dev/null")
    for output in ("pipe.csv", "device.csv"):
        done = mnist("read", pictures / "7.png", option, tmp_path / output)
        assert (done.returncode, done.stdout) == (2, b"")
        assert b"; expected a new name" in done.stderr
        assert done.stderr.count(b"\n") == 1


def test_output_mistakes_are_one_line(pictures, tmp_path):
    for arguments, message in (
        (["--output", tmp_path / "rows.txt"], b"expected one that ends with .jsonl or .csv"),
        (["--output", tmp_path / "rows.csv", "--json"], b"got --output and --json or --csv"),
        (["--output", tmp_path / "rows.csv", "--annotate", tmp_path], b"got --output and --annot"),
    ):
        done = mnist("read", pictures, *arguments)
        assert done.returncode == 2
        assert message in done.stderr
        assert done.stderr.count(b"\n") == 1
    assert {path.name for path in tmp_path.iterdir()} == {"pictures"}


def test_how_far_it_is_is_shown_on_a_terminal_and_what_is_read_stays_whole(many):
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    run = subprocess.Popen(
        [sys.executable, "-m", "mnist_classifier", "read", many, "--json", "--jobs", "2"],
        stdout=subprocess.PIPE,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "120"},
    )
    os.close(theirs)
    shown = b""
    try:
        while some := os.read(ours, 4096):
            shown += some
    except OSError:  # the other end is closed
        pass
    finally:
        os.close(ours)
    stdout, _ = run.communicate()
    assert run.returncode == 1
    assert len([json.loads(line) for line in stdout.splitlines()]) == 24
    assert b"/24" in shown
    assert b"1 errors" in shown
    assert shown.endswith(b"read 23, refused 0, errors 1\r\n")


def test_a_name_that_is_too_long_is_one_pictures_error(pictures):
    (picture, *_) = sorted(pictures.glob("*.png"))
    done = mnist("read", 300 * "a", picture)
    assert done.returncode == 1
    assert b"file name too long" in done.stderr
    assert done.stderr.count(b"\n") == 1
    assert str(picture).encode() in done.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="names a file as Windows cannot")
def test_a_name_forges_no_line(pictures):
    (picture, *_) = sorted(pictures.glob("*.png"))
    forged = picture.rename(pictures / "a\nfine.png: 99\x1b[2J.png")
    done = mnist("read", forged, forged)
    assert done.stdout.count(b"\n") == 2
    assert b"\x1b" not in done.stdout
    assert rb"a\nfine.png" in done.stdout
