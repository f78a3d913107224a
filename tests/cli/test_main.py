import json
import os
import re
import signal
import subprocess
import sys

import pytest

from mnist_classifier import __version__
from mnist_classifier.learn.recipes import registry
from mnist_classifier.learn.recipes.registry import RECIPES
from mnist_images_classification import main
from tests.conftest import ROOT


def run(*arguments, capsys):
    with pytest.raises(SystemExit) as left:
        main(arguments)
    return left.value.code, *capsys.readouterr()


def test_a_back_end_that_is_not_installed_is_named(capsys, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    monkeypatch.setitem(sys.modules, "torch", None)
    code, _, err = run("train", capsys=capsys)
    assert code == 2
    assert "pip install torch" in err


def test_help_lists_the_verbs(capsys):
    code, out, _ = run("--help", capsys=capsys)
    assert code == 0
    assert "train" in out
    assert "evaluate" in out


def test_without_arguments_it_helps(capsys):
    code, out, err = run(capsys=capsys)
    assert code == 2
    assert "Usage" in out + err
    assert "error" not in err


def test_version(capsys):
    assert run("--version", capsys=capsys)[:2] == (0, f"mnist {__version__}\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "--epochs", "0"], "epochs 0 makes no sense"),
        (["train", "--epochs", "many"], "--epochs"),
        (["train", "--batch-size", "-1"], "batch size -1"),
        (["train", "--dataset", "cifar"], "'cifar'; expected one of mnist"),
        (["train", "--dataset", "mnist"], "--data-dir"),
        (["train", "--data-dir", "nowhere"], "nowhere does not exist"),
        (["train", "--colour"], "No such option.*--colour"),
        (["train", "--output", "."], "exists already"),
        (["train", "--recipe", "cake"], "expected one of dnn,"),
        (["train", "--dataset", "sample", "--seeds", "0"], "give another --seeds"),
        (["train", "--dataset", "sample", "--output", ".", "--seeds", "2"], "exists already"),
        (["evaluate", "nowhere"], "expected a run folder made by mnist train"),
        (["evaluate"], "Missing argument"),
        (["compare", "nowhere", "elsewhere"], "expected a run folder that was judged"),
        (["compare", ".", "."], "holds no answers.npz and no model.keras; expected"),
        (["learn"], "No such command 'learn'"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(arguments, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, _, err = run(*arguments, capsys=capsys)
    assert code == 2
    assert re.search(message, err)
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert not list(tmp_path.glob("runs/*"))


@pytest.mark.parametrize(
    "arguments",
    [
        ["re\n\x1bad"],
        ["read", "--co\n\x1blour"],
        ["recipes", "a\n\x1bb"],
        ["read", "x.png", "--max-pixels", "1\n\x1b2"],
        ["serve", "--access-log", "te\n\x1bxt"],
        ["evaluate", "no\n\x1bwhere"],
    ],
)
def test_what_was_typed_stays_in_the_line_of_the_error(arguments, capsys):
    code, out, err = run(*arguments, capsys=capsys)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert err.removesuffix("\n").isprintable()


@pytest.mark.parametrize("verb", ["train", "recipes", "evaluate", "export", "read", "serve"])
def test_help_names_values_as_a_person_does(verb, capsys):
    code, out, _ = run(verb, "--help", capsys=capsys)
    assert code == 0
    for odd in ("range>", "<int", "<float", "<str", "RANGE", "TEXT"):
        assert odd not in out


def test_a_file_whose_name_begins_with_a_dash_gets_a_hint(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "-dash.png").touch()
    code, _, err = run("read", "-dash.png", capsys=capsys)
    assert code == 2
    assert "if the file -dash.png is meant, write ./-dash.png; see mnist" in err
    assert err.count("\n") == 1
    assert "write ./" not in run("read", "-other.png", capsys=capsys)[2]


def test_recipes_are_listed_within_80_columns_without_anything_heavy():
    listing = (
        "import sys\n"
        "from mnist_images_classification import main\n"
        "try:\n"
        "    main(['recipes'])\n"
        "except SystemExit as left:\n"
        "    assert left.code == 0\n"
        "assert not {'tensorflow', 'keras', 'numpy'} & set(sys.modules)\n"
    )
    printed = subprocess.check_output(
        [sys.executable, "-c", listing], cwd=ROOT, text=True, env={**os.environ, "COLUMNS": "80"}
    )
    names = [line.split()[0] for line in printed.splitlines() if line[:1] not in (" ", "")]
    assert {"recipe", *RECIPES} <= set(names)
    assert max(map(len, printed.splitlines())) <= 80


def test_recipes_are_read_on_a_narrow_terminal(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    code, out, _ = run("recipes", capsys=capsys)
    assert code == 0
    assert set(RECIPES) <= set(out.splitlines())
    assert "…" not in out
    assert max(map(len, out.splitlines())) <= 40


def test_recipes_tell_what_was_recorded(capsys, monkeypatch, tmp_path):
    series = {
        "finished": 5,
        "mean_accuracy": 0.98765,
        "standard_deviation": 0.0012,
        "worst_accuracy": 0.9812,
        "median_fit_seconds": 4000.0,
        "machine": "a machine",
        "versions": {"keras": "3.1", "jax": "0.4"},
    }
    record = {"parameters": 1234567, "multiply_adds": 7654321, "series": series}
    (tmp_path / "recorded.json").write_text(json.dumps({"dnn": record}))
    monkeypatch.setattr(registry, "RECORDED", tmp_path / "recorded.json")
    monkeypatch.setenv("COLUMNS", "80")
    code, out, _ = run("recipes", capsys=capsys)
    assert code == 0
    for text in ("1,234,567", "7,654,321", "98.77% ± 0.12%", "worst of 5: 98.12%", "67 min"):
        assert text in out
    assert "dnn: recorded on a machine; Keras 3.1 on jax 0.4" in out
    assert out.count("–") == 4 * (len(RECIPES) - 1) + 1  # and what it means
    assert "–  not recorded" in out
    listed = json.loads(run("recipes", "--json", capsys=capsys)[1])
    assert listed["dnn"] == {"what": RECIPES["dnn"].summary, **record}
    assert listed["reader"]["series"] is None
    assert list(listed) == list(RECIPES)


def test_an_unknown_back_end_is_refused(capsys, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "theano")
    code, _, err = run("train", capsys=capsys)
    assert code == 2
    assert "'theano'; expected one of tensorflow, jax" in err


@pytest.mark.parametrize(
    "command",
    [
        ["-m", "mnist_classifier", "--help"],
        ["-m", "mnist_classifier", "train", "--help"],
        ["mnist_images_classification.py", "--help"],
    ],
)
def test_help_loads_nothing_heavy(command):
    code = (
        "import runpy, sys\n"
        f"sys.argv = {command[-2:]!r} if {command[0]!r} != '-m' else ['mnist', *{command[2:]!r}]\n"
        "try:\n"
        f"    {'runpy.run_module' if command[0] == '-m' else 'runpy.run_path'}"
        f"({(command[1] if command[0] == '-m' else command[0])!r}, run_name='__main__')\n"
        "except SystemExit as left:\n"
        "    assert left.code == 0, left.code\n"
        "heavy = {'tensorflow', 'keras', 'jax', 'sklearn', 'matplotlib', 'numpy', 'pandas'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, capture_output=True)


def test_a_missing_extra_is_one_line_that_helps(tmp_path):
    # An import system in which TensorFlow does not exist, as after a base install.
    code = """
import importlib.util, sys
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "tensorflow" else find(name, *rest)
from mnist_images_classification import main
main(["train"])
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert 'pip install ".[train]"' in done.stderr


def test_the_script_without_any_install_is_one_line_that_helps():
    # -S leaves out everything that was ever installed.
    done = subprocess.run(
        [
            sys.executable,
            "-S",
            "-c",
            f"import sys, runpy; sys.path[:0] = [{str(ROOT)!r}];"
            "runpy.run_path('mnist_images_classification.py', run_name='__main__')",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={},
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert 'pip install ".[train]"' in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
def test_ctrl_c_while_libraries_load_ends_at_once_and_leaves_nothing(tmp_path):
    read, write = os.pipe()
    watch = (  # Python runs it first; it tells when TensorFlow is looked for
        "import os, sys\n"
        "class Watch:\n"
        "    def find_spec(name, path, target=None):\n"
        "        if name == 'tensorflow':\n"
        f"            os.write({write}, b'.')\n"
        "sys.meta_path.insert(0, Watch)\n"
    )
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(watch)
    process = subprocess.Popen(
        [sys.executable, "-m", "mnist_classifier", "train", "--output", tmp_path / "run"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        pass_fds=[write],
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
    )
    os.close(write)
    assert os.read(read, 1) == b"."
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "interrupted\n")
    assert [path.name for path in tmp_path.iterdir()] == ["site"]
