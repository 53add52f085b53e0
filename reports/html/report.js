"use strict";
(() => {
  const root = document.documentElement;
  const find = (id) => document.getElementById(id);
  root.classList.add("scripted");

  // Light or dark: the system's choice, unless the address or the reader says another.
  const chosen = (() => {
    if (location.hash === "#dark" || location.hash === "#light") return location.hash.slice(1);
    try { return localStorage.getItem("secgate-theme"); } catch { return null; }
  })();
  if (chosen === "dark" || chosen === "light") root.dataset.theme = chosen;
  find("theme").addEventListener("click", () => {
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    try { localStorage.setItem("secgate-theme", root.dataset.theme); } catch { /* a page from a file may have no storage */ }
  });

  const data = JSON.parse(find("data").textContent);
  const names = ["critical", "high", "medium", "unknown", "low", "info"];
  const size = 50;

  // Every text goes in as text, never as markup.
  const make = (tag, attributes, ...children) => {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) node.setAttribute(name, value);
    for (const child of children) if (child !== null && child !== undefined && child !== "") node.append(child);
    return node;
  };
  const percent = (value) => value === undefined ? "" : value < 0.0005 ? "< 0.1 %" : value >= 0.1 ? `${(value * 100).toFixed(0)} %` : `${(value * 100).toFixed(1)} %`;
  const number = (value) => value.toLocaleString("en");

  if (find("table")) findings();
  if (find("parts")) components();

  function findings() {
    const all = data.findings;
    for (const finding of all) {
      finding.hay = [finding.id, finding.t, finding.sub, finding.at, finding.purl, finding.k, (finding.al || []).join(" "), finding.fp].join("\n").toLowerCase();
    }
    const off = new Set();
    let shown = all;
    let page = 0;
    let sort = { by: "s", up: true };
    let opened = null;

    const passes = (finding, words, kind, state) => {
      if (off.has(names[finding.s])) return false;
      if (kind && finding.k !== kind) return false;
      if (state === "new") { if (!finding.new) return false; }
      else if (state === "fix") { if (!finding.fix) return false; }
      else if (state === "kev") { if (!finding.kev) return false; }
      else if (state && finding.st !== state) return false;
      return words.every((word) => finding.hay.includes(word));
    };
    const select = () => {
      const words = find("search").value.toLowerCase().split(/\s+/).filter(Boolean);
      const kind = find("kind").value;
      const state = find("state").value;
      shown = all.filter((finding) => passes(finding, words, kind, state));
      if (sort.by !== "s" || !sort.up) {
        const direction = sort.up ? 1 : -1;
        const value = (finding) => finding[sort.by];
        shown = shown.map((finding, at) => [finding, at]).sort(([a, i], [b, j]) => {
          const x = value(a), y = value(b);
          if (x === y) return i - j;
          if (x === undefined || x === "") return 1;
          if (y === undefined || y === "") return -1;
          return (x < y ? -1 : 1) * direction;
        }).map(([finding]) => finding);
      }
      page = 0;
      draw();
    };
    const draw = () => {
      const start = page * size;
      const rows = shown.slice(start, start + size);
      const body = find("rows");
      body.replaceChildren(...rows.flatMap((finding) => {
        const row = line(finding);
        return finding === opened ? [row, detail(finding)] : [row];
      }));
      if (rows.length === 0) body.append(make("tr", {}, make("td", { colspan: "6" }, "Nothing matches.")));
      const end = start + rows.length;
      const whole = shown.length === all.length ? number(all.length) : `${number(shown.length)} of ${number(all.length)}`;
      find("range").textContent = rows.length ? `${number(start + 1)} to ${number(end)} of ${whole}` : `0 of ${whole}`;
      find("first").disabled = find("previous").disabled = page === 0;
      find("next").disabled = end >= shown.length;
      find("pager").hidden = all.length <= size && shown.length === all.length;
    };
    const line = (finding) => {
      const open = make("button", { type: "button", class: "open", "aria-expanded": String(finding === opened) }, finding.id);
      const state = make("span", { class: `state st-${finding.st}` }, finding.st === "quiet" ? "" : finding.st);
      const row = make("tr", { class: "row" },
        make("td", {}, make("span", { class: `sev s-${names[finding.s]}` }, names[finding.s])),
        make("td", {}, open, finding.kev ? make("span", { class: "tag kev" }, "exploited") : null, finding.new ? make("span", { class: "tag" }, "new") : null, make("span", { class: "sub title" }, finding.t)),
        make("td", {}, finding.sub, finding.at ? make("span", { class: "sub" }, finding.at) : null),
        make("td", {}, finding.fix || ""),
        make("td", {}, percent(finding.epss)),
        make("td", {}, state));
      row.addEventListener("click", (event) => {
        if (event.target.closest("a") || String(getSelection()) !== "") return;
        opened = finding === opened ? null : finding;
        draw();
        const again = [...find("rows").querySelectorAll(".open")][shown.slice(page * size, page * size + size).indexOf(finding)];
        if (again) again.focus({ preventScroll: true });
      });
      return row;
    };
    const detail = (finding) => {
      const list = make("dl");
      const add = (name, ...content) => list.append(make("dt", {}, name), make("dd", {}, ...content));
      if (finding.seen) add("Seen", make("pre", {}, finding.seen));
      if (finding.rem) add("Do", make("span", { class: "text" }, finding.rem));
      if (finding.fix) add("Fixed in", finding.fix);
      if (finding.wv) add("Waived", finding.wv);
      if (finding.gr) add("Grace until", finding.gr);
      if (finding.al) add("Also known as", finding.al.join(", "));
      if (finding.cwe) add("Weakness", finding.cwe.map((id) => `CWE-${id}`).join(", "));
      for (const [vector, score] of finding.cvss || []) add("CVSS", score === null ? "" : `${score.toFixed(1)} `, make("code", {}, vector));
      if (finding.epss !== undefined) add("EPSS", percent(finding.epss) + (finding.pct === undefined ? "" : `, higher than ${percent(finding.pct)} of all`));
      if (finding.kev !== undefined) add("Known exploited", finding.kev ? "yes" : "no");
      if (finding.path) add("Comes through", finding.path.join(" → "));
      if (finding.purl) add("Package", make("code", {}, finding.purl));
      if (finding.scope) add("Scope", finding.scope);
      if (finding.locs) add("Also in", finding.locs.join(", "));
      if (finding.refs) {
        const links = finding.refs.filter((address) => /^https?:\/\//.test(address)).map((address) => make("div", {}, make("a", { href: address, rel: "noopener noreferrer", target: "_blank" }, address)));
        add("Read more", ...links);
      }
      add("Seen by", `${finding.by}, ${finding.k}, confidence ${finding.conf}`);
      add("Fingerprint", make("code", {}, finding.fp));
      return make("tr", { class: "detail" }, make("td", { colspan: "6" }, make("div", { class: "text" }, finding.desc || finding.t), list));
    };

    for (const head of document.querySelectorAll("th[data-sort]")) {
      const button = make("button", { type: "button" }, head.textContent);
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const by = head.dataset.sort;
        sort = { by, up: sort.by === by ? !sort.up : by !== "epss" };
        for (const other of document.querySelectorAll("th[data-sort]")) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", sort.up ? "ascending" : "descending");
        select();
      });
    }
    for (const chip of find("chips").children) {
      chip.addEventListener("click", () => {
        const name = chip.dataset.severity;
        if (off.has(name)) off.delete(name); else off.add(name);
        chip.setAttribute("aria-pressed", String(!off.has(name)));
        select();
      });
    }
    let timer = 0;
    find("search").addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(select, 120); });
    find("kind").addEventListener("change", select);
    find("state").addEventListener("change", select);
    const go = (to) => { page = to; draw(); find("findings").scrollIntoView({ block: "start" }); };
    find("first").addEventListener("click", () => go(0));
    find("previous").addEventListener("click", () => go(page - 1));
    find("next").addEventListener("click", () => go(page + 1));
    document.addEventListener("keydown", (event) => {
      if (event.key === "/" && !/^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName)) { event.preventDefault(); find("search").focus(); }
    });
    draw();
  }

  function components() {
    const limit = 200;
    const draw = () => {
      const words = find("part-search").value.toLowerCase().split(/\s+/).filter(Boolean);
      const shown = data.components.filter((part) => {
        const hay = `${part.n} ${part.e} ${part.l} ${part.at} ${part.sc}`.toLowerCase();
        return words.every((word) => hay.includes(word));
      });
      find("part-rows").replaceChildren(...shown.slice(0, limit).map((part) => make("tr", {},
        make("td", {}, make("b", {}, part.n)), make("td", {}, part.e),
        make("td", {}, `${part.d === true ? "direct" : part.d === false ? "transitive" : ""}${part.sc === "unknown" ? "" : ` ${part.sc}`}`),
        make("td", {}, part.l || ""), make("td", {}, part.at), make("td", {}, part.f ? String(part.f) : ""))));
      find("part-range").textContent = shown.length > limit ? `The first ${limit} of ${number(shown.length)}; search to see others.` : `${number(shown.length)} shown.`;
    };
    find("parts").addEventListener("toggle", draw, { once: true });
    find("part-search").addEventListener("input", draw);
  }
})();
