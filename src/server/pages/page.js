"use strict";
/* Shared by the pages: the API key, requests to this service and to no other, and making elements. */

const keyStore = "akidb-embed-key"; /* in sessionStorage: until the tab is closed */
const byId = (id) => document.getElementById(id);

/* An element; a property whose name has a dash, or that elements lack, is set as an attribute. */
function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in element) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

function makeSvg(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

class Refusal extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

function keyHeaders() {
  const key = sessionStorage.getItem(keyStore);
  return key === null ? {} : { authorization: `Bearer ${key}` };
}

/* Asks the person for a key: there was none, or it is not one that may do this. */
function askForKey(message) {
  byId("key-form").hidden = false;
  byId("key-status").textContent = message;
}

/* The message of an error reply, in whichever dialect's form. */
function messageOf(text, status) {
  try {
    const body = JSON.parse(text);
    const error = body.error ?? body.message ?? body.detail;
    return typeof error === "string" ? error : (error.message ?? text);
  } catch {
    return text || `the service answered with status ${status}`;
  }
}

/* Sends a request; a body that is no string goes as JSON. */
async function send(method, path, body, more = {}) {
  const headers = { ...keyHeaders(), ...more };
  if (body !== undefined) headers["content-type"] = "application/json";
  const sent = body === undefined || typeof body === "string" ? body : JSON.stringify(body);
  const reply = await fetch(path, { method, headers, body: sent });
  if (reply.status === 401 || reply.status === 403)
    askForKey(reply.status === 401 ? "This service asks for an API key." : "This key may not do that. Give another one.");
  return reply;
}

/* The reply's JSON, or its text where it is none. Throws a Refusal with the service's message. */
async function ask(method, path, body, headers) {
  const reply = await send(method, path, body, headers);
  const text = await reply.text();
  if (!reply.ok) throw new Refusal(reply.status, messageOf(text, reply.status));
  return (reply.headers.get("content-type") ?? "").startsWith("application/json") ? JSON.parse(text) : text;
}

/* Calls `load` now, or when a key was given where one is needed, and for each further key; shows what went wrong in the element
 * `place`. */
function whenAllowed(place, load) {
  const run = async () => {
    try {
      await load();
    } catch (error) {
      place.textContent = error.message;
    }
  };
  document.addEventListener("key", run);
  if (byId("main").dataset.keys === "yes" && sessionStorage.getItem(keyStore) === null)
    askForKey("This service asks for an API key.");
  else
    run();
}

function showPlace() {
  for (const link of document.querySelectorAll("nav a"))
    if (link.pathname === location.pathname) link.setAttribute("aria-current", "page");
}

function listenForKey() {
  byId("key-form").addEventListener("submit", (event) => {
    event.preventDefault();
    sessionStorage.setItem(keyStore, byId("key").value.trim());
    byId("key").value = "";
    byId("key-status").textContent = "The key is used until this tab is closed.";
    document.dispatchEvent(new Event("key"));
  });
  byId("key-forget").addEventListener("click", () => {
    sessionStorage.removeItem(keyStore);
    byId("key-status").textContent = "The key is forgotten.";
  });
  byId("key-form").hidden = sessionStorage.getItem(keyStore) === null;
}

showPlace();
listenForKey();
