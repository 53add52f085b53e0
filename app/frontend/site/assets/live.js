"use strict";

// The live view of the stock: it lists, searches and, for who is logged in, counts up and down.

const REFRESH_MILLISECONDS = 10000;
const PAGE_SIZE = 20;

const state = { text: "", offset: 0, username: null, csrfToken: "" };
const element = (id) => document.getElementById(id);

async function call(method, path, body) {
  const options = { method, headers: { Accept: "application/json" }, credentials: "same-origin" };
  if (method !== "GET") {
    options.headers["X-CSRF-Token"] = state.csrfToken;
  }
  if (body !== undefined) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  const response = await fetch(path, options);
  const answer = response.status === 204 ? null : await response.json();
  // An unhealthy application still says how it is.
  if (!response.ok && path !== "/health") {
    throw new Error(answer.detail);
  }
  return answer;
}

// Text goes in as text: nothing that the server sends is read as markup.
function create(tag, className, text) {
  const node = document.createElement(tag);
  node.className = className;
  node.textContent = text;
  return node;
}

function showProblem(id, message) {
  element(id).textContent = message;
  element(id).hidden = message === "";
}

function stockLevel(item) {
  if (item.quantity === 0) {
    return "out";
  }
  return item.low_stock ? "low" : "fine";
}

function row(item) {
  const line = document.createElement("tr");
  const link = create("a", "", item.name);
  link.href = `/items/${Number(item.id)}`;
  const name = create("td", "", "");
  name.append(link);
  const stock = create("td", "number", "");
  stock.append(create("span", `stock ${stockLevel(item)}`, String(item.quantity)));
  line.append(name, create("td", "code", item.sku), create("td", "", item.location || "–"), stock);
  if (state.username) {
    const change = create("td", "change", "");
    change.append(step(item, -1, "−", "Take one out"), step(item, 1, "+", "Put one in"));
    line.append(change);
  }
  return line;
}

function step(item, difference, sign, label) {
  const button = create("button", "quiet", sign);
  button.type = "button";
  button.setAttribute("aria-label", `${label}: ${item.name}`);
  button.disabled = item.quantity + difference < 0;
  button.addEventListener("click", async () => {
    button.disabled = true;
    const { sku, name, description, location, reorder_level: reorderLevel } = item;
    const quantity = item.quantity + difference;
    const changed = { sku, name, description, location, quantity, reorder_level: reorderLevel };
    try {
      await call("PUT", `/api/items/${Number(item.id)}`, changed);
    } catch (error) {
      showProblem("problem", error.message);
      return;
    }
    await refresh();
  });
  return button;
}

function showItems(page) {
  element("rows").replaceChildren(...page.items.map(row));
  element("change-heading").hidden = !state.username;
  element("empty").hidden = page.items.length > 0;
  element("empty").textContent = state.text ? "No item matches." : "There are no items yet.";
  const last = page.offset + page.items.length;
  element("range").textContent = page.items.length ? `${page.offset + 1}–${last} of ${page.total}` : "";
  element("previous").hidden = page.offset === 0;
  element("next").hidden = last >= page.total;
}

function showFigures(stock) {
  element("figure-items").textContent = stock.items.toLocaleString("en");
  element("figure-units").textContent = stock.units.toLocaleString("en");
  element("figure-low").textContent = stock.low_stock.toLocaleString("en");
  element("low-stock").className = stock.low_stock ? "alert" : "";
}

function showHealth(status) {
  const words = { ok: "Everything works", degraded: "Working, but slower", unavailable: "Not reachable" };
  element("health").textContent = words[status] ?? words.unavailable;
  element("health").dataset.status = status;
}

function showSession(session) {
  state.username = session.username;
  state.csrfToken = session.csrf_token;
  element("user").textContent = session.username ?? "";
  element("log-in").hidden = session.username !== null;
  element("log-out").hidden = session.username === null;
}

async function refresh() {
  const query = new URLSearchParams({ q: state.text, limit: PAGE_SIZE, offset: state.offset });
  try {
    const [health, info, page] = await Promise.all([
      call("GET", "/health"),
      call("GET", "/api/info"),
      call("GET", `/api/items?${query}`),
    ]);
    showHealth(health.status);
    showFigures(info.stock);
    showItems(page);
    showProblem("problem", "");
  } catch (error) {
    showHealth("unavailable");
    showProblem("problem", `The stock could not be read. ${error.message}`);
  }
}

async function turnPage(difference) {
  state.offset = Math.max(0, state.offset + difference);
  await refresh();
}

let typing;
element("text").addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(() => {
    state.text = element("text").value.trim();
    state.offset = 0;
    refresh();
  }, 200);
});
element("search").addEventListener("submit", (event) => event.preventDefault());
element("previous").addEventListener("click", () => turnPage(-PAGE_SIZE));
element("next").addEventListener("click", () => turnPage(PAGE_SIZE));

element("log-in").addEventListener("click", () => element("login-dialog").showModal());
element("login-cancel").addEventListener("click", () => element("login-dialog").close());
element("login-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const credentials = { username: element("username").value, password: element("password").value };
  try {
    showSession(await call("POST", "/api/session", credentials));
  } catch (error) {
    showProblem("login-problem", error.message);
    return;
  } finally {
    element("password").value = "";
  }
  showProblem("login-problem", "");
  element("login-dialog").close();
  await refresh();
});
element("log-out").addEventListener("click", async () => {
  await call("DELETE", "/api/session");
  showSession(await call("GET", "/api/session"));
  await refresh();
});

async function start() {
  try {
    showSession(await call("GET", "/api/session"));
  } catch (error) {
    showProblem("problem", error.message);
  }
  await refresh();
  setInterval(() => document.hidden || refresh(), REFRESH_MILLISECONDS);
}

start();
