// Requests to the server. The API key is kept in memory only.

let key = "";

/** A reply that is not a success. `status` is 0 if there was no reply at all. */
export class Failure extends Error {
  constructor(message, status = 0, errors = []) {
    super(message);
    this.status = status;
    this.errors = errors;
  }
}

/** Use this key from now on. Throws a Failure for a text that cannot be a key. */
export function useKey(text) {
  if (!/^[\x21-\x7e]*$/.test(text)) throw new Failure("This access key is not valid.", 401);
  key = text;
}

async function send(path, options = {}) {
  const headers = { ...options.headers, ...(key ? { "X-API-Key": key } : {}) };
  let reply;
  try {
    reply = await fetch(path, { ...options, headers, cache: "no-store" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Failure("The server does not respond. Check your connection and try again.");
  }
  if (reply.ok) return reply;
  const body = await reply.json().catch(() => ({}));
  throw new Failure(body.message || reply.statusText, reply.status, body.errors || []);
}

export const getJson = async (path) => (await send(path)).json();

export const getBlob = async (path) => (await send(path)).blob();

/** The reply's content, the version that replied, and the day of the reply by the server's clock. */
export async function post(path, body, type, signal) {
  const reply = await send(path, { method: "POST", body, headers: { "Content-Type": type }, signal });
  const date = new Date(reply.headers.get("date") || Date.now());
  return { content: await reply.json(), version: reply.headers.get("x-model-version"), date };
}
