// Boxes and digits, drawn over what was read.

import { fitted, WIDTH } from "./drawing.js";

/** Draw a reading's boxes; `place` says where the picture lies on the paper. */
export function drawBoxes(canvas, digits, place, chosen) {
  const context = fitted(canvas);
  const style = getComputedStyle(canvas);
  const accent = style.getPropertyValue("--accent").trim();
  const onAccent = style.getPropertyValue("--on-accent").trim();
  const unit = WIDTH / canvas.clientWidth; // one pixel of the page
  const size = 15 * unit;
  const radius = 5 * unit;
  digits.forEach(({ label, box }, i) => {
    const [x, y, width, height] = box.map((value) => value * place.scale);
    const margin = 5 * unit;
    const left = x + place.x - margin;
    const top = y + place.y - margin;
    context.strokeStyle = context.fillStyle = accent;
    context.lineWidth = (i === chosen ? 2.5 : 1.25) * unit;
    context.beginPath();
    context.roundRect(left, top, width + 2 * margin, height + 2 * margin, radius);
    context.stroke();
    const above = Math.max(0, top - 1.35 * size);
    context.beginPath();
    context.roundRect(left, above, 1.3 * size, 1.3 * size, radius);
    context.fill();
    context.fillStyle = onAccent;
    context.font = `650 ${size}px system-ui, sans-serif`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.fillText(label, left + 0.65 * size, above + 0.7 * size);
  });
}
