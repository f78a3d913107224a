"""The page, as a person uses it: in Chromium, driven by Playwright."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from playwright.sync_api import expect

from tests.conftest import ROOT
from tests.read.drawing import STROKES, png, smooth, write
from tests.web.conftest import until
from tests.web.test_load import read

WIDTH = 640  # units of the paper
LOST = "net::ERR_CONNECTION_REFUSED"


# A call ends when the page has used its answer and sent the call that was waiting for it.
COUNT_CALLS = """{
    let calls = 0;
    const count = (more) => { document.documentElement.dataset.calls = calls += more; };
    const { fetch } = window;
    const { json } = Response.prototype;
    window.fetch = (...request) => {
        count(1);
        return fetch(...request);
    };
    Response.prototype.json = async function () {
        try {
            return await json.call(this);
        } finally {
            setTimeout(() => count(-1));
        }
    };
}"""


@pytest.fixture
def open_page(browser):
    """Open pages, and check at the end that nothing failed and nothing left the origin."""
    opened = []

    def open_(service, path="/", allowed="no such error", **options):
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 1000}, **options})
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.add_init_script(COUNT_CALLS)
        faults = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on(
            "console",
            lambda message: (
                faults.append(message.text)
                if message.type in ("error", "warning") and allowed not in message.text
                else None
            ),
        )
        page.on(
            "request",
            lambda request: (
                None
                if request.url.startswith((service.url, f"blob:{service.url}"))
                else faults.append(request.url)
            ),
        )
        page.goto(service.url + path)
        opened.append((context, faults))
        return page

    yield open_
    for context, faults in opened:
        context.close()
        assert faults == []


def strokes_on(page, text, x=60, y=90, scale=1.2, pitch=150):
    """Return strokes as points on the screen: one digit, or several side by side."""
    box = page.locator("#stage").bounding_box()
    unit = box["width"] / WIDTH
    return [
        [
            (box["x"] + (x + i * pitch + scale * a) * unit, box["y"] + (y + scale * b) * unit)
            for a, b in (stroke if character in "147" else smooth(stroke, 2))
        ]
        for i, character in enumerate(text)
        for stroke in STROKES[character]
    ]


def draw(page, text, **place):
    for points in strokes_on(page, text, **place):
        page.mouse.move(*points[0])
        page.mouse.down()
        for point in points[1:]:
            page.mouse.move(*point)
        page.mouse.up()


def drop(page, name, kind, content, event="drop"):
    """Let go of a file over the page, or paste it."""
    page.evaluate(
        """([name, type, bytes, event]) => {
            const data = new DataTransfer();
            data.items.add(new File([new Uint8Array(bytes)], name, { type }));
            const options = { bubbles: true, cancelable: true };
            document.body.dispatchEvent(event === "paste"
                ? new ClipboardEvent("paste", { ...options, clipboardData: data })
                : new DragEvent(event, { ...options, dataTransfer: data }));
        }""",
        [name, kind, list(content), event],
    )


def wait_for_answers(page):
    expect(page.locator("html")).to_have_attribute("data-calls", "0")


def text_of(page):
    return page.locator("#text")


def test_the_gallery_shows_mistakes_and_confusions(open_page, with_mistakes):
    page = open_page(with_mistakes)
    mistakes = page.locator("#worst li")
    expect(mistakes).to_have_count(2)
    expect(mistakes.first).to_contain_text("3 read as 5")
    expect(mistakes.first.get_by_role("img", name="Test image 13")).to_be_visible()
    expect(page.locator("#confusions tr").nth(4).locator("td").nth(5)).to_have_text("1")


def test_without_images_the_gallery_has_no_empty_boxes(open_page, service):
    page = open_page(service)
    expect(page.locator("#score")).to_contain_text("start the server with --data-dir")
    expect(page.locator("#score")).not_to_contain_text("These are the mistakes")
    expect(page.locator("#confusions tr")).to_have_count(11)
    expect(page.locator("#worst")).to_be_hidden()
    expect(page.locator("#worst li")).to_have_count(0)


def test_how_sure_is_said_in_one_way(open_page, service):
    page = open_page(service)
    page.get_by_role("button", name="8 in red felt pen").click()
    expect(page.locator("#sure")).to_have_text(">99.9 % sure")
    page.get_by_role("button", name="42 in pen").click()
    expect(page.locator("#sure")).to_have_text(">99.9 % sure")
    page.get_by_role("button", name="1970 in chalk").click()
    expect(text_of(page)).to_have_text("1970")
    shares = page.locator("#digits li button span").all_inner_texts()
    assert "100.0 %" not in " ".join(shares)


def test_nine_of_ten_digits_drawn_are_read_right(open_page, service):
    page = open_page(service)
    right = []
    for digit in "0123456789":
        draw(page, digit, x=250)
        expect(page.locator("#digits li")).to_have_count(1)
        wait_for_answers(page)
        right.append(text_of(page).inner_text() == digit)
        page.get_by_role("button", name="Clear").click()
        expect(page.locator("#digits li")).to_have_count(0)
    assert sum(right) >= 9, right


def test_a_number_is_read_digit_by_digit_and_explained(open_page, service):
    page = open_page(service)
    draw(page, "42")
    expect(text_of(page)).to_have_text("42")
    cards = page.locator("#digits li")
    expect(cards).to_have_count(2)
    expect(cards.first.get_by_role("img", name="0: <0.1 %")).to_be_visible()
    expect(page.locator("#maps figure")).to_have_count(2)
    expect(page.locator("#maps")).to_contain_text("Answer: 4")
    expect(page.locator("#why")).to_contain_text("Zeiler and Fergus")
    cards.nth(1).click()
    expect(page.locator("#maps")).to_contain_text("Answer: 2")
    expect(page.locator("#spoken")).to_contain_text("42")
    boxes = page.evaluate(
        "() => document.querySelector('#boxes').getContext('2d')"
        ".getImageData(0, 0, 800, 600).data.some((value) => value > 0)"
    )
    assert boxes


def test_the_answer_follows_the_strokes_while_the_pen_is_down(open_page, service):
    page = open_page(service)
    (points,) = strokes_on(page, "3", x=250)
    page.mouse.move(*points[0])
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*point)
    expect(text_of(page)).to_have_text("3")
    page.mouse.up()
    expect(text_of(page)).to_have_text("3")


def test_undo_and_clear(open_page, service):
    page = open_page(service)
    undo = page.get_by_role("button", name="Undo")
    expect(undo).to_be_disabled()
    draw(page, "1", x=100)
    expect(text_of(page)).to_have_text("1")
    draw(page, "7", x=300)
    expect(text_of(page)).to_have_text("17")
    undo.click()
    expect(text_of(page)).to_have_text("1")
    page.get_by_role("button", name="Clear").click()
    expect(text_of(page)).to_have_text("")
    undo.click()
    expect(text_of(page)).to_have_text("1")
    page.keyboard.press("Control+z")
    expect(text_of(page)).to_have_text("")


def test_a_wide_pen_draws_wide(open_page, service):
    page = open_page(service)

    def ink():
        shot = np.frombuffer(page.locator("#stage").screenshot(), np.uint8)
        return (cv2.imdecode(shot, cv2.IMREAD_GRAYSCALE) < 60).sum()

    page.get_by_label("Pen width").fill("5")
    draw(page, "1")
    thin = ink()
    page.get_by_role("button", name="Clear").click()
    page.get_by_label("Pen width").fill("30")
    draw(page, "1")
    assert ink() > 3 * thin


def test_a_canvas_can_be_sent_as_its_data_url(open_page, service):
    page = open_page(service)
    answer = page.evaluate(
        """async () => {
            const { paint } = await import("/static/examples.js");
            const response = await fetch("v1/read", {
                method: "POST",
                headers: { "Content-Type": "application/json" },
                body: JSON.stringify({ image: paint().toDataURL() }),
            });
            return response.json();
        }"""
    )
    assert answer["text"] == "42"


@pytest.mark.parametrize("way", ["pick", "drop", "paste"])
def test_a_photo(open_page, service, tmp_path, way):
    page = open_page(service)
    photo = cv2.imencode(".jpg", write("180", scale=2, paper=(190, 210, 215)))[1].tobytes()
    if way == "pick":
        path = tmp_path / "photo.jpg"
        path.write_bytes(photo)
        page.get_by_label("Open picture").set_input_files(path)
    else:
        drop(page, "photo.jpg", "image/jpeg", photo, event=way)
    expect(text_of(page)).to_have_text("180")
    expect(page.locator("#hint")).to_be_hidden()


def test_what_cannot_be_read_is_said_in_words(open_page, service):
    page = open_page(service)
    drop(page, "notes.txt", "text/plain", b"some text")
    expect(text_of(page)).to_have_text("Not a picture")
    expect(page.locator("#sure")).to_contain_text("notes.txt is text/plain")
    drop(page, "blank.png", "image/png", png(write(" ")))
    expect(page.locator("#sure")).to_contain_text("Nothing is written")
    drop(page, "damaged.png", "image/png", b"PNG?")
    expect(page.locator("#sure")).to_contain_text("damaged.png is damaged")
    page.get_by_role("button", name="a word, no number").click()
    expect(page.locator("#sure")).to_contain_text("No digit")
    expect(page.locator("#digits li")).to_have_count(0)
    expect(page.locator("#why")).to_be_hidden()


@pytest.mark.parametrize(
    ("name", "text"),
    [("42 in pen", "42"), ("1970 in chalk", "1970"), ("a note of two lines", "31415\n92653"),
     ("8 in red felt pen", "8")],
)  # fmt: skip
def test_example_pictures(open_page, service, name, text):
    page = open_page(service)
    page.get_by_role("button", name=name).click()
    expect(text_of(page)).to_have_text(text)


def test_when_the_server_is_gone_the_page_says_so_and_recovers(open_page, serve):
    first = serve()
    page = open_page(first, allowed=LOST)
    draw(page, "4")
    expect(text_of(page)).to_have_text("4")
    first.stop()
    draw(page, "2", x=300)
    expect(page.get_by_text("The server does not answer")).to_be_visible()
    serve(port=first.port)
    expect(page.get_by_text("The server does not answer")).to_be_hidden()
    expect(text_of(page)).to_have_text("42")


# Waits of a second and more are noted, and over at once.
NOTE_WAITS = """() => {
    const { setTimeout } = window;
    window.waits = [];
    window.setTimeout = (task, ms, ...more) => {
        if (ms >= 1000) window.waits.push(ms);
        return setTimeout(task, ms >= 1000 ? 0 : ms, ...more);
    };
}"""


def answer_in_turn(page, path, answers):
    """Answer calls with 503 and these Retry-After, None for an answer without; then truly."""
    answers = list(answers)

    def answer(route):
        if not answers:
            route.continue_()
        elif (after := answers.pop(0)) == "lost":
            route.abort("connectionrefused")
        else:
            route.fulfill(status=503, headers={"Retry-After": str(after)} if after else {})

    page.route(path, answer)


def test_the_page_waits_longer_each_time_and_as_long_as_it_is_asked_to(open_page, service):
    page = open_page(service, allowed="Failed to load resource")
    page.evaluate(NOTE_WAITS)
    answer_in_turn(page, "**/v1/read?*", [3, "lost"])
    answer_in_turn(page, "**/readyz", [None, 9, "lost", None, None, 100])
    page.get_by_role("button", name="8 in red felt pen").click()
    expect(text_of(page)).to_have_text("8")
    expect(page.get_by_text("The server does not answer")).to_be_hidden()
    seconds = [3, 2, 9, 8, 16, 30, 100, 30]  # 30 is the most, but for a server that asks for more
    assert page.evaluate("waits") == [1000 * each for each in seconds]
    page.evaluate("waits.length = 0")
    answer_in_turn(page, "**/v1/read?*", [None])
    page.get_by_role("button", name="42 in pen").click()
    expect(text_of(page)).to_have_text("42")
    assert page.evaluate("waits") == [1000]


def test_the_page_waits_for_a_server_that_is_truly_busy(serve_here, open_page):
    client, gate = serve_here(max_in_flight=1)
    page = open_page(SimpleNamespace(url=str(client.base_url).rstrip("/")), allowed="503")
    expect(page.locator("#score")).not_to_be_empty()
    page.evaluate(NOTE_WAITS)
    with ThreadPoolExecutor() as pool:
        other = pool.submit(read, client, png(write("1")))
        until(lambda: gate.pictures)
        page.get_by_role("button", name="8 in red felt pen").click()
        expect(page.get_by_text("The server does not answer, or is busy")).to_be_visible()
        until(lambda: page.evaluate("waits.length") > 5)
        gate.open.set()
        assert other.result().status_code == 200
    expect(text_of(page)).to_have_text("42")  # as the gate says
    expect(page.get_by_text("The server does not answer")).to_be_hidden()
    assert page.evaluate("waits.slice(0, 6)") == [1000, 2000, 4000, 8000, 16000, 30000]


def test_a_picture_that_is_never_read_does_not_keep_others_from_it(open_page, service):
    page = open_page(service, allowed="Failed to load resource")
    page.evaluate(NOTE_WAITS)

    def refuse_files(route):
        if route.request.headers["content-type"] == "application/octet-stream":
            route.fulfill(status=503)
        else:
            route.continue_()

    page.route("**/v1/read?*", refuse_files)
    page.get_by_role("button", name="8 in red felt pen").click()
    expect(page.get_by_text("The server does not answer, or is busy")).to_be_attached()
    page.get_by_role("button", name="Clear").click()
    draw(page, "4")
    expect(text_of(page)).to_have_text("4")


def test_a_phone(open_page, service):
    page = open_page(
        service, viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True
    )
    touch = page.context.new_cdp_session(page)

    def send(kind, *points):
        where = [{"x": x, "y": y} for x, y in points]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": where})

    for points in strokes_on(page, "42", x=60, y=60):
        send("touchStart", points[0])
        for point in points[1:]:
            send("touchMove", point)
        send("touchEnd")
    expect(text_of(page)).to_have_text("42")
    assert page.evaluate("scrollY") == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert text_of(page).bounding_box()["y"] < 740 - 40  # seen without scrolling
    for control in page.locator("#tools button, #tools .button, #digits li").all():
        assert control.bounding_box()["height"] >= 44


def test_keyboard_only(open_page, service):
    page = open_page(service)

    def tab_to(name):
        for _ in range(30):
            page.keyboard.press("Tab")
            focused = page.evaluate(
                """() => {
                    const element = document.activeElement;
                    if (element === document.body) return [null, null];
                    const visible = element.closest(".button") ?? element;
                    const part = element.closest("#digits") ? "::after" : null;
                    const label = element.labels?.[0]?.innerText;
                    return [element.ariaLabel || label || element.innerText,
                            getComputedStyle(visible, part).outlineStyle];
                }"""
            )
            if focused[0] is None:  # between the page's end and its beginning
                continue
            assert focused[1] != "none", f"{focused[0]} shows no focus"
            if name in focused[0]:
                return
        pytest.fail(f"{name} cannot be reached by Tab")

    tab_to("Pen width")
    tab_to("Open picture")
    tab_to("Example: 42 in pen")
    page.keyboard.press("Enter")
    expect(text_of(page)).to_have_text("42")
    page.keyboard.press("Delete")
    expect(text_of(page)).to_have_text("")
    page.keyboard.press("Control+z")
    expect(text_of(page)).to_have_text("42")
    page.evaluate("document.activeElement.blur()")
    tab_to("2, >99.9 % sure")
    page.keyboard.press("Enter")
    expect(page.locator("#maps")).to_contain_text("Answer: 2")


CONTRASTS = """() => {
    const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
    const light = ([r, g, b]) => {
        const [x, y, z] = [r, g, b].map((v) => v / 255)
            .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
        return 0.2126 * x + 0.7152 * y + 0.0722 * z;
    };
    const ground = (element) => {
        for (let at = element; at; at = at.parentElement) {
            const colour = rgb(getComputedStyle(at).backgroundColor);
            if (colour.length === 3 || colour[3] === 1) return colour;
        }
        return [255, 255, 255];
    };
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const found = [];
    while (walker.nextNode()) {
        const element = walker.currentNode.parentElement;
        const text = walker.currentNode.data.trim();
        if (!text || !element.checkVisibility()) continue;
        const [a, b] = [light(rgb(getComputedStyle(element).color)), light(ground(element))];
        found.push([(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), text]);
    }
    return found;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["/", "/docs"])
def test_all_text_can_be_read(open_page, service, scheme, path):
    page = open_page(service, path, color_scheme=scheme)
    if path == "/":
        draw(page, "42")
        expect(page.locator("#maps figure")).to_have_count(2)
    else:
        expect(page.locator(".route")).to_have_count(7)
    found = page.evaluate(CONTRASTS)
    assert len(found) > 20
    assert min(found)[0] >= 4.5, min(found)
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (max(map(int, ground[4:-1].split(","))) < 60) == (scheme == "dark")
    assert page.evaluate("document.documentElement.lang") == "en"


def test_the_page_for_programs_sends_examples_that_work(open_page, service):
    page = open_page(service, "/docs")
    expect(page.locator(".route")).to_have_count(7)
    for route in page.locator(".route").all():
        route.get_by_role("button", name="Send").click()
        expect(route.get_by_label("Answer")).to_contain_text("200 OK")
    expect(page.locator(".route").first).to_contain_text('"text": "42"')


@pytest.mark.parametrize("name", ["light", "dark", "phone"])
def test_screenshots(open_page, service, tmp_path, name):
    """They go to the documents where MNIST_SCREENSHOTS is set."""
    options = {
        "light": {"viewport": {"width": 1200, "height": 990}},
        "dark": {"viewport": {"width": 1200, "height": 990}, "color_scheme": "dark"},
        "phone": {
            "viewport": {"width": 360, "height": 740},
            "has_touch": True,
            "is_mobile": True,
            "device_scale_factor": 2,
        },
    }
    page = open_page(service, **options[name])
    draw(page, "427" if name == "phone" else "4207", x=45, y=130, scale=1.15, pitch=145)
    expect(page.locator("#maps figure")).to_have_count(2)
    wait_for_answers(page)
    folder = ROOT / "docs/images" if os.environ.get("MNIST_SCREENSHOTS") else tmp_path
    path = Path(folder) / f"page-{name}.png"
    page.screenshot(path=path)
    assert cv2.imread(str(path)).std() > 10
