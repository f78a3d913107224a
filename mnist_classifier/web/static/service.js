// Calls to the service; the newest call wins, and a lost server is waited for.

export class ServiceError extends Error {}

const RETRY_MS = 1000;
const listeners = new Set();
let waiting = null;

/** Call back with true when the server is lost, and with false when it is there again. */
export function onLost(listener) {
  listeners.add(listener);
}

/** Resolve when the server answers again. */
function recovery() {
  waiting ??= (async () => {
    listeners.forEach((listener) => listener(true));
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      try {
        if ((await fetch("readyz")).ok) break;
      } catch {
        // Still gone.
      }
    }
    waiting = null;
    listeners.forEach((listener) => listener(false));
  })();
  return waiting;
}

/** Return the JSON of an answer; wait while the server is gone or too busy. */
export async function call(path, body, type) {
  const request = body === undefined
    ? {}
    : { method: "POST", body, headers: { "Content-Type": type } };
  for (;;) {
    let response;
    try {
      response = await fetch(path, request);
      if (response.ok) return await response.json();
    } catch {
      response = undefined;
    }
    if (response === undefined || response.status === 503) {
      await recovery();
      continue;
    }
    const problem = await response.json().catch(() => ({ detail: response.statusText }));
    throw new ServiceError(problem.detail);
  }
}

/** One task at a time; of those asked for meanwhile, only the newest is done next. */
export class Newest {
  #busy = false;
  #next = null;

  async run(task) {
    this.#next = task;
    if (this.#busy) return;
    this.#busy = true;
    try {
      while (this.#next) {
        const now = this.#next;
        this.#next = null;
        await now();
      }
    } finally {
      this.#busy = false;
    }
  }
}
