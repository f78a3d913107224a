// The network's worst mistakes on MNIST's test set, and its confusions.

import { percent } from "./answer.js";
import { bytesOf, greyPixels } from "./pixels.js";
import { call } from "./service.js";

const byId = (id) => document.getElementById(id);

export async function showGallery() {
  const { test_size, test_accuracy, test_accuracy_interval, confusions, mistakes } = await call("v1/gallery");
  if (test_accuracy === null) {
    byId("score").textContent = "This model’s card says nothing of a test.";
    return;
  }
  const [low, high] = (test_accuracy_interval ?? []).map((share) => (100 * share).toFixed(2));
  const interval = low ? ` (95 % interval ${low} to ${high} %)` : "";
  const size = test_size?.toLocaleString("en") ?? "the";
  const withImages = mistakes.some(({ image }) => image !== null);
  const shown = withImages
    ? "These are the mistakes it was surest of."
    : mistakes.length
      ? "To see its mistakes, start the server with --data-dir and a folder with MNIST’s files."
      : "The card does not list its mistakes.";
  byId("score").textContent = `Of ${size} test images it reads ${(100 * test_accuracy).toFixed(2)} % right${interval}. ${shown}`;
  byId("worst").hidden = !withImages;
  byId("worst").replaceChildren(...(withImages ? mistakes.map(mistakeItem) : []));
  if (confusions) byId("confusions").replaceChildren(confusionTable(confusions));
}

function mistakeItem({ index, label, answer, confidence, image }) {
  const item = document.createElement("li");
  const name = `Test image ${index}`;
  const read = Object.assign(document.createElement("b"), { textContent: `${label} read as ${answer}` });
  const sure = Object.assign(document.createElement("span"), { textContent: percent(confidence) });
  const missing = Object.assign(document.createElement("div"), { className: "missing", textContent: `image ${index}` });
  item.append(image ? greyPixels(name, bytesOf(image)) : missing, read, document.createElement("br"), sure);
  return item;
}

function confusionTable(confusions) {
  const table = document.createElement("table");
  table.createCaption().textContent = "Rows: written. Columns: read.";
  const head = table.createTHead().insertRow();
  head.append(document.createElement("td"), ...confusions.map((_, i) => heading(i, "col")));
  head.firstChild.className = "right";
  const most = Math.max(...confusions.flatMap((row, i) => row.filter((_, j) => i !== j)));
  const body = table.createTBody();
  confusions.forEach((row, i) => {
    const line = body.insertRow();
    line.append(heading(i, "row"));
    row.forEach((count, j) => {
      const cell = line.insertCell();
      if (i === j) {
        cell.className = "right";
      } else if (count) {
        cell.textContent = count;
        cell.className = count > most / 2 ? "often" : "wrong";
      }
    });
  });
  return table;
}

function heading(text, scope) {
  return Object.assign(document.createElement("th"), { textContent: text, scope });
}
