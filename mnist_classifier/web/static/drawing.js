// Strokes of a pen, or a picture, on a paper of 640 × 480 units.

import { pngOf } from "./pixels.js";

export const WIDTH = 640;
export const HEIGHT = 480;

// A pen of so many pixels is wide enough to be read well.
const PIXELS_OF_PEN = 8;

/** Draw strokes onto a context whose units are the paper's. */
export function drawStrokes(context, strokes, colour) {
  context.strokeStyle = context.fillStyle = colour;
  context.lineCap = context.lineJoin = "round";
  for (const { width, points } of strokes) {
    context.lineWidth = width;
    context.beginPath();
    const [first, ...rest] = points;
    if (rest.length === 0) {
      context.arc(first[0], first[1], width / 2, 0, 2 * Math.PI);
      context.fill();
      continue;
    }
    context.moveTo(...first);
    for (let i = 0; i < rest.length - 1; i++) {
      const [x, y] = rest[i];
      context.quadraticCurveTo(x, y, (x + rest[i + 1][0]) / 2, (y + rest[i + 1][1]) / 2);
    }
    context.lineTo(...rest.at(-1));
    context.stroke();
  }
}

/** What lies on the stage; calls `changed` after each change. */
export class Drawing {
  #states = [{ strokes: [], picture: null }];
  #stroke = null;
  #pointer = null;
  #revision = 0;

  constructor(stage, canvas, penWidth, changed) {
    this.canvas = canvas;
    this.stage = stage;
    this.penWidth = penWidth;
    this.changed = changed;
    this.#listen();
    new ResizeObserver(() => this.render()).observe(stage);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.render());
  }

  get #state() {
    return this.#states.at(-1);
  }

  get strokes() {
    return this.#stroke ? [...this.#state.strokes, this.#stroke] : this.#state.strokes;
  }

  /** The picture that is shown: its file and its bitmap, if the browser has one; or null. */
  get picture() {
    return this.#stroke ? null : this.#state.picture;
  }

  get empty() {
    return this.strokes.length === 0 && this.picture === null;
  }

  /** A number that grows when what is seen on the paper changes. */
  get revision() {
    return this.#revision;
  }

  get canUndo() {
    return this.#states.length > 1;
  }

  /** Show a picture instead of strokes. */
  show(picture) {
    this.#become({ strokes: [], picture });
  }

  undo() {
    if (this.#stroke || !this.canUndo) return;
    this.#states.pop();
    this.#update();
  }

  clear() {
    if (!this.#stroke && !this.empty) this.#become({ strokes: [], picture: null });
  }

  /** Where the picture, or the PNG of the strokes, lies on the paper; units for each pixel. */
  get place() {
    if (!this.picture) {
      const thinnest = Math.min(...this.strokes.map(({ width }) => width));
      return { x: 0, y: 0, scale: Math.max(1, Math.min(2, thinnest / PIXELS_OF_PEN)) };
    }
    const { bitmap } = this.picture;
    if (!bitmap) return { x: 0, y: 0, scale: 1 };
    const scale = Math.min(WIDTH / bitmap.width, HEIGHT / bitmap.height);
    return {
      x: (WIDTH - scale * bitmap.width) / 2,
      y: (HEIGHT - scale * bitmap.height) / 2,
      scale,
    };
  }

  /** Return what is drawn as a PNG, dark on white, no larger than the pen makes it worth. */
  toPng() {
    const { scale } = this.place;
    const canvas = document.createElement("canvas");
    Object.assign(canvas, { width: WIDTH / scale, height: HEIGHT / scale });
    const context = canvas.getContext("2d", { alpha: false });
    context.scale(1 / scale, 1 / scale);
    context.fillStyle = "#fff";
    context.fillRect(0, 0, WIDTH, HEIGHT);
    drawStrokes(context, this.strokes, "#000");
    return pngOf(canvas);
  }

  render() {
    const context = fitted(this.canvas);
    const { picture, place } = this;
    if (picture?.bitmap) {
      const { width, height } = picture.bitmap;
      const size = [place.scale * width, place.scale * height];
      context.drawImage(picture.bitmap, place.x, place.y, ...size);
    }
    const ink = getComputedStyle(this.stage).getPropertyValue("--ink").trim();
    drawStrokes(context, this.strokes, ink);
  }

  #become(state) {
    this.#states.push(state);
    this.#update();
  }

  #update() {
    this.#revision += 1;
    this.render();
    this.changed();
  }

  #listen() {
    const { stage } = this;
    stage.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || this.#stroke) return;
      stage.setPointerCapture(event.pointerId);
      this.#pointer = event.pointerId;
      this.#stroke = { width: this.penWidth(), points: [this.#point(event)] };
      this.#update();
    });
    stage.addEventListener("pointermove", (event) => {
      if (!this.#stroke || event.pointerId !== this.#pointer) return;
      const events = event.getCoalescedEvents?.() ?? [];
      for (const each of events.length ? events : [event]) this.#stroke.points.push(this.#point(each));
      this.#update();
    });
    const end = (event) => {
      if (!this.#stroke || event.pointerId !== this.#pointer) return;
      const { strokes } = this;
      this.#stroke = null;
      this.#states.push({ strokes, picture: null });
      this.changed(); // the ink is what it was when the pen moved last
    };
    stage.addEventListener("pointerup", end);
    stage.addEventListener("pointercancel", end);
  }

  #point(event) {
    const box = this.stage.getBoundingClientRect();
    return [
      ((event.clientX - box.left) / box.width) * WIDTH,
      ((event.clientY - box.top) / box.height) * HEIGHT,
    ];
  }
}

/** Clear a canvas, fit it to the screen's pixels, and return its context in the paper's units. */
export function fitted(canvas) {
  const ratio = devicePixelRatio || 1;
  const width = Math.round(canvas.clientWidth * ratio);
  const height = Math.round(canvas.clientHeight * ratio);
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d");
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, width, height);
  context.scale(width / WIDTH, height / HEIGHT);
  return context;
}
