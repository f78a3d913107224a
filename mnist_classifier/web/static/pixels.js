// Bytes and pixels: base64, PNG, images of 28 × 28.

const SIDE = 28;

/** Return the bytes that base64 stands for. */
export function bytesOf(base64) {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

/** Return a canvas as a PNG, at once: `toBlob` waits until the browser has nothing else to do. */
export function pngOf(canvas) {
  return new Blob([bytesOf(canvas.toDataURL("image/png").split(",")[1])], { type: "image/png" });
}

/** Return a canvas; `colour(i)` gives red, green and blue of pixel i. */
export function pixels(label, colour) {
  const canvas = Object.assign(document.createElement("canvas"), { width: SIDE, height: SIDE, className: "pixels" });
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", label);
  const image = new ImageData(SIDE, SIDE);
  for (let i = 0; i < SIDE * SIDE; i++) image.data.set([...colour(i), 255], 4 * i);
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

/** Return a canvas with light ink on black, as the network was given it. */
export function greyPixels(label, bytes) {
  return pixels(label, (i) => [bytes[i], bytes[i], bytes[i]]);
}
