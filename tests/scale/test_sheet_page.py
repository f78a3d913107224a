"""The contact sheet, as a person uses it: in Chromium, driven by Playwright."""

import cv2
import pytest

from mnist_classifier.read.rows import RowFacts
from mnist_classifier.scale.corrections import save_corrections
from mnist_classifier.scale.review import contact_sheet
from tests.read.drawing import png, write

NAME = 'a "quoted", & <b>.png'


@pytest.fixture
def sheet(reader, tmp_path):
    path = tmp_path / "rows.review.html"
    pictures = [
        (RowFacts(name, "", 0, None, None), png(write(text)))
        for name, text in ((NAME, "42"), ("7.png", "7"), ("6.png", "6"))
    ]
    path.write_text(contact_sheet("rows.jsonl: least sure", pictures, reader, None), "utf-8")
    return path


def test_what_is_typed_and_ticked_is_saved(browser, sheet, tmp_path):
    page = browser.new_page()
    faults = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text))
    page.goto(sheet.as_uri())
    save = page.get_by_role("button", name="Save")
    assert save.is_disabled()
    shown = page.locator("img.picture").first.evaluate("image => image.naturalWidth")
    assert shown == 320
    page.get_by_label(f"What stands in {NAME}").fill("43")
    page.get_by_label("right").nth(1).check()
    assert page.get_by_role("status").inner_text() == "2 of 3 checked"
    with page.expect_download() as download:
        save.click()
    assert download.value.suggested_filename == "corrections.csv"
    file = tmp_path / "corrections.csv"
    download.value.save_as(file)
    assert not faults
    page.close()
    assert NAME.replace('"', '""') in file.read_text("utf-8")
    saved = save_corrections(file, tmp_path / "labelled")
    assert (saved.images, saved.left_out) == (3, 0)
    written = sorted((tmp_path / "labelled").glob("*/*.png"))
    assert [path.parent.name for path in written] == ["3", "4", "7"]
    assert all(cv2.imread(str(path), cv2.IMREAD_UNCHANGED).shape == (28, 28) for path in written)
