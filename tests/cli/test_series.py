"""`mnist train --seeds`: the same training from several seeds."""

import json

from tests.cli.test_train import FILES, train
from tests.conftest import small_arrays, write_idx_folder


def test_a_series_leaves_ordinary_runs_and_one_table_and_can_be_extended(
    small_dir, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    begun = ("--data-dir", small_dir, "--epochs", 1, "--batch-size", 100)
    assert train(*begun, "--seed", 5, "--seeds", 2) == 0
    out = capsys.readouterr().out
    (series,) = (tmp_path / "runs").glob("dnn-series-*")
    assert sorted(path.name for path in series.iterdir()) == ["seed-5", "seed-6", "series.json"]
    for seed in (5, 6):
        folder = series / f"seed-{seed}"
        assert sorted(path.name for path in folder.iterdir()) == FILES
        assert json.loads((folder / "config.json").read_text())["seed"] == seed
        assert json.loads((folder / "metrics.json").read_text())["seed"] == seed
    assert [
        line.split("  ")[0] for line in out.splitlines() if line.strip() and line[0] != " "
    ] == [
        *("Series", "Images", "Seed 5", "Seed 6"),
        *("Test accuracy", "95 % interval", "Worst", "Fit time", "Saved in"),
    ]
    assert "±" in out
    assert max(map(len, out.splitlines())) <= 80
    kept = {path: path.stat().st_mtime_ns for path in series.glob("seed-*/*")}

    assert train("--resume", series, "--seeds", 3, "--quiet") == 0
    out = capsys.readouterr().out
    assert "mean of 3 seeds" in out
    assert "Seed 7" not in out
    saved = json.loads((series / "series.json").read_text())
    assert [row["seed"] for row in saved["runs"]] == [5, 6, 7]
    assert {path: path.stat().st_mtime_ns for path in kept} == kept

    for others, difference in (
        (("--resume", series, "--epochs", 2), "leave the others out"),
        (("--resume", series / "seed-5", "--seeds", 2), "is no series"),
        (("--output", series, *begun, "--seeds", 3), "seed 5, now 0"),
        (("--output", series, *begun, "--seed", 5, "--seeds", 2), "3 seeds, now 2"),
    ):
        assert train(*others) == 2
        err = capsys.readouterr().err
        assert difference in err
        assert err.count("\n") == 1


def test_too_few_images_leave_no_series(tmp_path, capsys):
    folder = write_idx_folder(tmp_path / "few", small_arrays(train=12))
    assert train("--data-dir", folder, "--output", tmp_path / "run", "--seeds", 2) == 2
    assert "too few to split" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
