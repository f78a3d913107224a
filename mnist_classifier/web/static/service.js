// Calls to the service; the newest call wins, and a lost or busy server is waited for.

export class ServiceError extends Error {}

const FIRST_RETRY_MS = 1000;
const LONGEST_RETRY_MS = 30_000;
const listeners = new Set();
let failures = 0; // since the last answer
let waiting = null;

/** Call back with true when the server is lost, and with false when it is there again. */
export function onLost(listener) {
  listeners.add(listener);
}

/** Return how long to wait: twice as long each time, and at least what the server asks for. */
function delay(response) {
  const backoff = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** failures++);
  const asked = 1000 * Number(response?.headers.get("Retry-After"));
  return Math.max(backoff, asked || 0);
}

/** Resolve when the server, which gave no answer or this one, is ready again. */
function recovery(response) {
  waiting ??= (async () => {
    listeners.forEach((listener) => listener(true));
    do {
      await new Promise((resolve) => setTimeout(resolve, delay(response)));
      response = await fetch("readyz").catch(() => undefined);
    } while (!response?.ok);
    waiting = null;
    listeners.forEach((listener) => listener(false));
  })();
  return waiting;
}

/** Return the JSON of an answer, or null once `stale()`; wait while the server is gone or too busy. */
export async function call(path, body, type, stale = () => false) {
  const request = body === undefined
    ? {}
    : { method: "POST", body, headers: { "Content-Type": type } };
  while (!stale()) {
    let response;
    try {
      response = await fetch(path, request);
      if (response.ok) {
        const answer = await response.json();
        failures = 0;
        return answer;
      }
    } catch {
      response = undefined;
    }
    if (response === undefined || response.status === 503) {
      await recovery(response);
      continue;
    }
    failures = 0;
    const problem = await response.json().catch(() => ({ detail: response.statusText }));
    throw new ServiceError(problem.detail);
  }
  return null;
}

/** One task at a time; of those asked for meanwhile, only the newest is done next. `task(stale)` can ask
    whether there is a newer one. */
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
        await now(() => this.#next !== null);
      }
    } finally {
      this.#busy = false;
    }
  }
}
