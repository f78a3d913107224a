// Joins the page's parts: what is drawn is read, and what is read is shown.

import { showMessage, showReading } from "./answer.js";
import { drawBoxes } from "./boxes.js";
import { Drawing } from "./drawing.js";
import { showExamples } from "./examples.js";
import { explain } from "./explanation.js";
import { showGallery } from "./gallery.js";
import { call, Newest, onLost, ServiceError } from "./service.js";

const EXPLAIN_AFTER_MS = 250;
const byId = (id) => document.getElementById(id);
const reads = new Newest();
const explanations = new Newest();
let reading = null;
let asked = 0; // the revision of the drawing last asked about
let chosen = 0;
let explaining = 0;

const drawing = new Drawing(byId("stage"), byId("paper"), () => byId("pen").valueAsNumber, changed);

function changed() {
  byId("hint").hidden = !drawing.empty;
  byId("undo").disabled = !drawing.canUndo;
  byId("clear").disabled = drawing.empty;
  if (drawing.revision === asked) return;
  asked = drawing.revision;
  if (drawing.picture) {
    show(null);
    showMessage("Reading …");
  }
  reads.run(read);
}

async function read(stale) {
  if (drawing.empty) {
    show(null);
    showMessage("");
    return;
  }
  const { picture, place } = drawing;
  try {
    const body = picture ? picture.file : drawing.toPng();
    const type = picture ? "application/octet-stream" : "image/png";
    const answer = await call("v1/read?images=true", body, type, stale);
    // An answer is shown while drawing goes on, unless something else lies there by now.
    if (answer && !drawing.empty && drawing.picture === picture) show({ ...answer, place });
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    show(null);
    showMessage("Not read", error.message);
  }
}

function show(answer) {
  reading = answer;
  chosen = Math.min(chosen, Math.max(0, (answer?.digits.length ?? 0) - 1));
  if (answer) showReading(answer, chosen, choose);
  showBoxes();
  clearTimeout(explaining);
  byId("why").hidden ||= !answer?.digits.length;
  if (answer?.digits.length) explaining = setTimeout(() => explanations.run(showWhy), EXPLAIN_AFTER_MS);
}

function showBoxes() {
  drawBoxes(byId("boxes"), reading?.digits ?? [], reading?.place, chosen);
}

function choose(i) {
  chosen = i;
  showReading(reading, chosen, choose);
  showBoxes();
  byId("digits").children[i].querySelector("button").focus();
  explanations.run(showWhy);
}

async function showWhy(stale) {
  const digit = reading?.digits[chosen];
  if (!digit) return;
  const figures = await explain(digit, stale);
  if (!figures || reading?.digits[chosen]?.image !== digit.image) return;
  byId("maps").replaceChildren(...figures);
  byId("why").hidden = false;
}

/** Show and read a file or blob, if it can be a picture. */
async function open(file, name = file.name) {
  const bitmap = await createImageBitmap(file).catch(() => null);
  if (bitmap || file.type === "image/tiff") { // which the service reads, and few browsers show
    drawing.show({ file, bitmap });
    return;
  }
  show(null);
  const problem = file.type.startsWith("image/") ? "is damaged" : `is ${file.type || "of no known type"}`;
  showMessage("Not a picture", `${name} ${problem}. Take a photo or a scan: PNG, JPEG, WebP, GIF, BMP or TIFF.`);
}

function openFirst(files) {
  if (files?.length) open(files[0]);
}

byId("undo").addEventListener("click", () => drawing.undo());
byId("clear").addEventListener("click", () => drawing.clear());
for (const input of [byId("file"), byId("camera")]) {
  input.addEventListener("change", () => {
    openFirst(input.files);
    input.value = ""; // so that the same file can be picked again
  });
}
addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && !event.shiftKey && event.key.toLowerCase() === "z") {
    event.preventDefault();
    drawing.undo();
  } else if (event.key === "Delete") {
    drawing.clear();
  }
});
addEventListener("paste", (event) => openFirst(event.clipboardData.files));
addEventListener("dragover", (event) => {
  event.preventDefault();
  byId("stage").classList.add("dropping");
});
addEventListener("dragleave", () => byId("stage").classList.remove("dropping"));
addEventListener("drop", (event) => {
  event.preventDefault();
  byId("stage").classList.remove("dropping");
  openFirst(event.dataTransfer.files);
});
new ResizeObserver(showBoxes).observe(byId("stage"));
onLost((lost) => {
  byId("notice").hidden = !lost;
  byId("notice").textContent = lost
    ? "The server does not answer, or is busy. Nothing is lost: this page tries again by itself."
    : "";
});

byId("undo").disabled = byId("clear").disabled = true;
showExamples(byId("examples"), open);
showGallery();
