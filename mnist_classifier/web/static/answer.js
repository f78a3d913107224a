// The answer: its text, and for each digit the image judged and ten probabilities.

import { bytesOf, greyPixels } from "./pixels.js";

const SPOKEN_AFTER_MS = 600;
const byId = (id) => document.getElementById(id);
let speaking = 0;

export function percent(share) {
  if (share > 0.999) return ">99.9 %";
  return share < 0.001 ? "<0.1 %" : `${(100 * share).toFixed(1)} %`;
}

function show(text, kind, sure) {
  byId("text").textContent = text;
  byId("text").className = kind;
  byId("sure").textContent = sure;
  clearTimeout(speaking);
  speaking = setTimeout(() => {
    byId("spoken").textContent = `${text} ${sure}`;
  }, SPOKEN_AFTER_MS);
}

/** Say in words that there is no text. */
export function showMessage(message, hint = "") {
  show(message, "none", hint);
  byId("digits").replaceChildren();
}

/** Show a reading; `choose(i)` is called when the card of digit i is pressed. */
export function showReading({ text, digits, refused, confidence, lines }, chosen, choose) {
  if (refused) {
    showMessage("Not read", `${refused[0].toUpperCase()}${refused.slice(1)}.`);
    return;
  }
  show(text, text.length > 9 ? "long" : "", `${percent(confidence)} sure${others(lines)}`);
  byId("digits").className = digits.length > 4 ? "many" : "";
  byId("digits").replaceChildren(...digits.map((digit, i) => card(digit, i === chosen, () => choose(i))));
}

/** Say what else a single line may be. */
function others(lines) {
  const likely = lines.length === 1 ? lines[0].alternatives.filter(({ probability }) => probability >= 0.005) : [];
  return likely.length ? `, or ${likely.map(({ text, probability }) => `${text || "nothing"} ${percent(probability)}`).join(", ")}` : "";
}

function card({ label, confidence, probabilities, image }, chosen, choose) {
  const button = Object.assign(document.createElement("button"), { type: "button", onclick: choose });
  button.setAttribute("aria-pressed", chosen);
  button.setAttribute("aria-label", `${label}, ${percent(confidence)} sure; show why`);
  const digit = Object.assign(document.createElement("b"), { textContent: label });
  button.append(digit, Object.assign(document.createElement("span"), { textContent: percent(confidence) }));
  const item = Object.assign(document.createElement("li"), { className: chosen ? "chosen" : "" });
  item.append(greyPixels("What the network was given, 28×28 pixels", bytesOf(image)), bars(probabilities, label), button);
  return item;
}

function bars(probabilities, best) {
  const chart = Object.assign(document.createElement("div"), { className: "bars" });
  chart.setAttribute("role", "img");
  chart.setAttribute("aria-label", probabilities.map((p, i) => `${i}: ${percent(p)}`).join(", "));
  probabilities.forEach((probability, i) => {
    const column = document.createElement("span");
    const bar = document.createElement("i");
    bar.style.height = `${100 * probability}%`;
    column.title = `${i}: ${percent(probability)}`;
    if (i === best) column.className = "best";
    column.append(bar, `${i}`);
    chart.append(column);
  });
  return chart;
}
