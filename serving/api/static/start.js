"use strict";

// Loads the OpenAPI document. If the server requires an API key, asks for one first.
// The key is kept in memory only.

const page = document.getElementById("key-page");
const form = document.getElementById("key-form");
const keyFields = document.getElementById("key-fields");
const input = document.getElementById("key");
const problem = document.getElementById("problem");
const button = form.querySelector("button");

const INVALID_KEY = "This API key is not valid.";

class Failure extends Error {}

async function load(key) {
  if (key && !/^[\x21-\x7e]+$/.test(key)) throw new Failure(INVALID_KEY);
  const headers = key ? { "X-API-Key": key } : {};
  const reply = await fetch("openapi.json", { headers, cache: "no-store" });
  if (reply.ok) return reply.json();
  if (reply.status === 401) {
    askForKey();
    throw new Failure(key ? INVALID_KEY : "");
  }
  const body = await reply.json().catch(() => ({}));
  throw new Failure(`The server replied ${reply.status}: ${body.message || reply.statusText}.`);
}

function show(spec, key) {
  page.hidden = true;
  input.value = "";
  const ui = SwaggerUIBundle({
    spec,
    dom_id: "#swagger-ui",
    deepLinking: true,
    validatorUrl: null,
    persistAuthorization: false,
    onComplete: () => key && ui.preauthorizeApiKey("ApiKey", key),
  });
}

function askForKey() {
  keyFields.hidden = keyFields.disabled = false;
  button.textContent = "Show documentation";
}

function explain(message) {
  problem.textContent = message;
  input.setAttribute("aria-invalid", String(message !== ""));
  page.hidden = false;
  input.focus();
  input.select();
}

async function start(key) {
  button.disabled = true;
  try {
    show(await load(key), key);
  } catch (error) {
    explain(error instanceof Failure ? error.message : "The server does not respond. Try again.");
  } finally {
    button.disabled = false;
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  start(input.value.trim());
});
start("");
