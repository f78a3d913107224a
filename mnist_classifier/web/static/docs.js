// The service's OpenAPI document as a page, with requests that can be sent.

import { paint } from "./examples.js";
import { pngOf } from "./pixels.js";

const LONGEST = 4000;

function element(tag, properties, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function codeLines(text) {
  const lines = text.split("\n").filter((line) => line.startsWith("    "));
  return lines.map((line) => line.trim().replaceAll("http://127.0.0.1:8000", location.origin)).join("\n");
}

function section(path, method, route) {
  const words = route.description?.split("\n").filter((line) => line && !line.startsWith("    ")).join(" ");
  const bodies = Object.keys(route.requestBody?.content ?? {});
  const facts = [
    bodies.length ? `Takes ${bodies.join(", ")}.` : "",
    ...(route.parameters ?? []).map((parameter) => parameter.in === "query"
      ? `?${parameter.name}=true: ${parameter.description}`
      : `${parameter.name}: ${parameter.description}`),
    `Answers ${Object.keys(route.responses).join(", ")}.`,
  ];
  const output = element("pre", { tabIndex: 0 });
  output.setAttribute("aria-label", "Answer");
  output.setAttribute("aria-live", "polite");
  return element("section", { className: "route" },
    element("h2", {}, element("code", { textContent: `${method.toUpperCase()} ${path}` }), ` ${route.summary}`),
    element("p", { textContent: words ?? "" }),
    element("p", { className: "small", textContent: facts.filter(Boolean).join(" ") }),
    element("pre", { textContent: codeLines(route.description ?? "") }),
    form(path, method, route, output),
    output);
}

/** Return what sends an example: a picture, JSON to edit, or nothing but the request. */
function form(path, method, route, output) {
  const content = route.requestBody?.content ?? {};
  const example = content["application/json"]?.example;
  const parts = [];
  let body = async () => ({});
  if (example) {
    const text = element("textarea", { rows: 4, value: JSON.stringify(example), spellcheck: false });
    text.setAttribute("aria-label", "JSON to send");
    parts.push(text);
    body = async () => ({ type: "application/json", body: text.value });
  } else if (content["image/png"]) {
    const file = element("input", { type: "file", accept: "image/*" });
    parts.push(element("label", {}, "A picture, or the example: ", file));
    body = async () => {
      if (file.files.length) return { type: "application/octet-stream", body: file.files[0] };
      return { type: "image/png", body: pngOf(paint()) };
    };
  }
  const button = element("button", { type: "button", textContent: "Send" });
  button.addEventListener("click", async () => {
    const { type, body: sent } = await body();
    const headers = type ? { "Content-Type": type } : {};
    try {
      const answer = await fetch(path.slice(1), { method: method.toUpperCase(), body: sent, headers });
      const text = await answer.text();
      const rest = text.length > LONGEST ? ` … (${text.length} characters)` : "";
      output.textContent = `${answer.status} ${answer.statusText}\n${text.slice(0, LONGEST)}${rest}`;
    } catch (error) {
      output.textContent = `No answer: ${error.message}`;
    }
  });
  return element("div", { className: "try" }, ...parts, button);
}

const { paths } = await (await fetch("openapi.json")).json();
const all = Object.entries(paths).flatMap(([path, methods]) => Object.entries(methods).map(([method, route]) => section(path, method, route)));
document.getElementById("routes").append(...all);
document.getElementById("routes").style.display = "block";
