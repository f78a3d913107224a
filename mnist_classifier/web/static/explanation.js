// Heat maps: which ink spoke for the answer, and for the second choice.

import { percent } from "./answer.js";
import { bytesOf, pixels } from "./pixels.js";
import { call } from "./service.js";

const FOR = [47, 199, 174];
const AGAINST = [255, 122, 61];

/** Return figures that explain one digit of a reading, or null once `stale()`. */
export async function explain({ image }, stale) {
  const bytes = bytesOf(image);
  const answer = await call("v1/explain", bytes, "application/octet-stream", stale);
  if (!answer) return null;
  const { labels, probabilities, evidence } = answer;
  return labels.map((label, i) => {
    const figure = document.createElement("figure");
    const caption = document.createElement("figcaption");
    const kind = i ? "Second choice" : "Answer";
    caption.append(`${kind}: ${label}`, document.createElement("br"), percent(probabilities[i]));
    figure.append(heatMap(`Which ink speaks for ${label}`, bytes, evidence[i].flat()), caption);
    return figure;
  });
}

function heatMap(name, ink, evidence) {
  const most = Math.max(1e-6, ...evidence.map(Math.abs));
  return pixels(name, (i) => {
    const strength = Math.abs(evidence[i]) / most;
    const colour = evidence[i] > 0 ? FOR : AGAINST;
    const grey = 0.35 * ink[i];
    const shade = ink[i] / 255;
    return colour.map((value) => Math.round(grey * (1 - strength) + value * strength * (0.35 + 0.65 * shade)));
  });
}
