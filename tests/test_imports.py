"""Arrows of imports run down only; read from the code, those for types alone too."""

import ast
from pathlib import Path

import pytest

from tests.conftest import ROOT

PACKAGE = "mnist_classifier"

# What each room may import of ours besides itself. A module's room is the longest name in this
# table that it begins with.
GROUND = {
    "errors",
    "normalisation",
    "idx",
    "version",
    "ctc",
    "npz",
    "headers",
    "onnx_runtime",
    "native_output",
    "outputs",
    "ray_runtime",
}
BELOW = {
    "errors": set(),
    "version": set(),
    "normalisation": set(),
    "ctc": set(),
    "npz": set(),
    "headers": {"errors"},
    "onnx_runtime": set(),
    "native_output": set(),
    "outputs": {"errors"},
    "idx": {"errors", "npz"},
    "ray_runtime": {"errors"},
    "read": {"errors", "headers", "onnx_runtime", "normalisation", "ctc", "version", "outputs"},
    "web": GROUND | {"read"},
    "scale": GROUND | {"read"},
    "learn.arrays": set(),
    "learn.accelerator": set(),
    "learn.data": GROUND | {"learn.arrays"},
    "learn.networks": GROUND | {"learn.arrays", "learn.accelerator"},
}
BELOW["learn.training"] = BELOW["learn.networks"] | {"learn.data", "learn.networks"}
BELOW["learn.evaluation"] = BELOW["learn.training"]
BELOW["learn.recipes"] = BELOW["learn.training"] | {"learn.training"}
BELOW["learn.runs"] = BELOW["learn.recipes"] | {"learn.recipes"}
# The verbs of learning, above all its folders, in their own order.
BELOW["learn.screen"] = BELOW["learn.runs"] | {"learn.runs"}
BELOW["learn.estimator"] = BELOW["learn.screen"]
BELOW["learn.export"] = BELOW["learn.screen"] | {"learn.evaluation"}
BELOW["learn.tasks"] = BELOW["learn.export"]
BELOW["learn.evaluate"] = BELOW["learn.tasks"] | {"learn.screen", "learn.tasks"}
BELOW["learn.steps"] = BELOW["learn.evaluate"] | {"learn.evaluate"}
BELOW["learn.scale"] = BELOW["learn.steps"]
BELOW["learn"] = {"learn.estimator"}  # the package's public name
BELOW["cli"] = set(BELOW) | {""}
BELOW[""] = {"read", "version", "normalisation"}  # the package's public names
BELOW["__main__"] = {"root script"}
BELOW["root script"] = set(BELOW) - {"__main__"}
# Within runs, the folder of a run knows files alone.
FILES_ALONE = {"errors", "learn.training.checkpoints", "learn.training.stages"}
FILES_ALONE |= {"learn.networks.loading", "learn.runs.files"}


def room(module):
    names = [name for name in BELOW if module == name or module.startswith(f"{name}.")]
    return max(names, key=len, default="")


def modules():
    """Return each of our modules by name, and the file that it is."""
    found = {"root script": ROOT / "mnist_images_classification.py"}
    for path in (ROOT / PACKAGE).rglob("*.py"):
        parts = path.relative_to(ROOT / PACKAGE).with_suffix("").parts
        found[".".join(part for part in parts if part != "__init__")] = path
    return found


MODULES = modules()


def imported(path: Path):
    """Yield the modules of ours that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            if name.split(".")[0] == "mnist_images_classification":
                yield "root script"
            if name.split(".")[0] == PACKAGE:
                inside = name.removeprefix(PACKAGE).removeprefix(".")
                while inside not in MODULES:  # a name in a module
                    inside = inside.rpartition(".")[0]
                yield inside


IMPORTS = {module: set(imported(path)) for module, path in MODULES.items()}


@pytest.mark.parametrize("module", IMPORTS)
def test_a_module_imports_only_what_lies_below_it(module):
    own = room(module)
    for other in IMPORTS[module]:
        assert room(other) in BELOW[own] | {own}, f"{module} imports {other}"


def test_the_run_folder_knows_files_alone():
    assert IMPORTS["learn.runs.run"] <= FILES_ALONE
    assert IMPORTS["learn.runs.files"] == {"errors"}


def test_no_modules_import_each_other_in_a_circle():
    seen, open_now = set(), []

    def visit(module):
        assert module not in open_now, " → ".join([*open_now, module])
        if module not in seen:
            open_now.append(module)
            for other in sorted(IMPORTS[module] - {module}):
                visit(other)
            open_now.pop()
            seen.add(module)

    for module in IMPORTS:
        visit(module)


def test_no_two_classes_have_one_name():
    defined = [
        node.name
        for path in MODULES.values()
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ClassDef)
    ]
    assert sorted(defined) == sorted(set(defined))
