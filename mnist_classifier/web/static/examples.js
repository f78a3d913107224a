// Example pictures, written by a few strokes on paper, a blackboard, a note.

import { drawStrokes } from "./drawing.js";
import { pngOf } from "./pixels.js";

// Points on a grid 100 wide and 140 high.
const STROKES = {
  0: [[[54, 6], [24, 24], [12, 74], [24, 120], [52, 134], [80, 114], [90, 64], [78, 24], [50, 6]]],
  1: [[[10, 66], [36, 38], [58, 6], [52, 134]]],
  2: [[[14, 38], [30, 12], [56, 6], [78, 22], [74, 50], [48, 90], [12, 130], [50, 126], [92, 130]]],
  3: [[[18, 18], [46, 6], [76, 20], [70, 50], [42, 64], [76, 78], [84, 108], [58, 132], [14, 122]]],
  4: [[[34, 6], [24, 42], [12, 78], [50, 78], [92, 74]], [[70, 34], [66, 84], [64, 134]]],
  5: [[[82, 10], [32, 10], [26, 58], [58, 54], [84, 80], [76, 116], [46, 134], [14, 122]]],
  6: [[[66, 6], [34, 38], [16, 86], [28, 122], [54, 134], [80, 112], [72, 82], [44, 76], [20, 98]]],
  7: [[[12, 14], [50, 14], [86, 12], [60, 68], [42, 134]], [[28, 74], [84, 68]]],
  8: [[[72, 26], [50, 6], [26, 22], [32, 48], [66, 78], [78, 108], [52, 134], [24, 112], [36, 78], [68, 48], [72, 26]]],
  9: [[[74, 38], [50, 62], [24, 46], [30, 16], [58, 6], [76, 28], [74, 70], [62, 134]]],
  e: [[[20, 92], [80, 86], [70, 60], [44, 56], [20, 84], [26, 118], [54, 132], [82, 120]]],
  h: [[[22, 6], [20, 134]], [[20, 92], [46, 62], [72, 74], [74, 134]]],
  l: [[[40, 6], [38, 110], [52, 132]]],
  o: [[[50, 60], [22, 78], [20, 112], [50, 132], [78, 112], [76, 78], [50, 60]]],
};

const EXAMPLES = [
  { name: "42 in pen", lines: ["42"], paper: "#fdfdfb", ink: "#1d3a8f", pen: 9 },
  { name: "1970 in chalk", lines: ["1970"], paper: "#26352f", ink: "#eef0e6", pen: 10 },
  { name: "a note of two lines", lines: ["31415", "92653"], paper: "#f7e79a", ink: "#3b3330", pen: 8 },
  { name: "8 in red felt pen", lines: ["8"], paper: "#efece6", ink: "#b3231f", pen: 17 },
  { name: "a word, no number", lines: ["hello"], paper: "#fdfdfb", ink: "#222222", pen: 9 },
];

const WIDTH = 640;
const HEIGHT = 480;

/** Fill an element with buttons; `open(blob, name)` is called with the picture pressed. */
export function showExamples(element, open) {
  for (const example of EXAMPLES) {
    const canvas = paint(example);
    const button = Object.assign(document.createElement("button"), { type: "button", title: example.name });
    button.setAttribute("aria-label", `Example: ${example.name}`);
    button.append(canvas);
    button.addEventListener("click", () => open(pngOf(canvas), example.name));
    element.append(button);
  }
}

/** Return a canvas with an example's writing, under light from one side. */
export function paint({ lines, paper, ink, pen } = EXAMPLES[0]) {
  const canvas = Object.assign(document.createElement("canvas"), { width: WIDTH, height: HEIGHT });
  const context = canvas.getContext("2d", { alpha: false });
  context.fillStyle = paper;
  context.fillRect(0, 0, WIDTH, HEIGHT);
  const columns = Math.max(...lines.map((line) => line.length));
  const scale = Math.min(WIDTH / (130 * columns + 60), HEIGHT / (190 * lines.length + 90));
  context.save();
  context.translate(WIDTH / 2, HEIGHT / 2);
  context.rotate(-0.03);
  context.scale(scale, scale);
  lines.forEach((line, row) => {
    [...line].forEach((character, column) => {
      context.save();
      const wobble = 7 * Math.sin(5 * column + 3 * row);
      context.translate(130 * (column - line.length / 2) + 15, 190 * (row - lines.length / 2) + 25 + wobble);
      const strokes = STROKES[character].map((points) => ({ width: pen, points: smooth(points) }));
      drawStrokes(context, strokes, ink);
      context.restore();
    });
  });
  context.restore();
  const light = context.createLinearGradient(0, 0, WIDTH, HEIGHT);
  light.addColorStop(0, "rgb(255 255 255 / 10%)");
  light.addColorStop(1, "rgb(0 0 0 / 16%)");
  context.fillStyle = light;
  context.fillRect(0, 0, WIDTH, HEIGHT);
  return canvas;
}

/** Return points of a Catmull-Rom spline through the given ones. */
function smooth(points, steps = 8) {
  const curve = [];
  for (let i = 0; i < points.length - 1; i++) {
    const [b, c] = [points[i], points[i + 1]];
    const a = points[i - 1] ?? b;
    const d = points[i + 2] ?? c;
    for (let step = 0; step < steps; step++) {
      const t = step / steps;
      curve.push([0, 1].map((k) => 0.5 * (2 * b[k] + (c[k] - a[k]) * t
        + (2 * a[k] - 5 * b[k] + 4 * c[k] - d[k]) * t ** 2
        + (3 * b[k] - a[k] - 3 * c[k] + d[k]) * t ** 3)));
    }
  }
  return [...curve, points.at(-1)];
}
