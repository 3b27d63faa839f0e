"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);

  // Text of the log only ever becomes text: nothing here makes markup of it.
  const make = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name === "class") element.className = value;
      else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else element.setAttribute(name, value);
    }
    element.append(...children.filter((child) => child !== null));
    return element;
  };
  const drawing = (tag, attributes) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    return element;
  };
  const byId = (id) => document.getElementById(id);

  // ---- Numbers as the text report has them.
  const count = (n) => n.toString().replace(/\B(?=(\d{3})+$)/g, ",");
  const counted = (n, noun) => `${count(n)} ${noun}${n === 1 ? "" : "s"}`;
  const size = (n) => {
    if (n === null) return "?";
    if (n < 1024) return `${n} B`;
    let value = n;
    let unit = -1;
    while (value >= 1024 && unit < 5) { value /= 1024; unit += 1; }
    return `${value >= 100 ? value.toFixed(0) : value.toFixed(1)} ${["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"][unit]}`;
  };
  const span = (s) => {
    if (s < 1e-3) return `${(s * 1e6).toFixed(0)} µs`;
    if (s < 1) return `${(s * 1e3).toFixed(1)} ms`;
    if (s < 60) return `${s.toFixed(1)} s`;
    if (s < 3600) return `${Math.floor(s / 60)} min ${Math.round(s % 60)} s`;
    return `${Math.floor(s / 3600)} h ${Math.round((s % 3600) / 60)} min`;
  };
  const rate = (perSecond) => perSecond >= 1 ? `${perSecond.toFixed(1)} objects a second`
    : perSecond * 60 >= 1 ? `${(perSecond * 60).toFixed(1)} objects a minute`
      : `${(perSecond * 3600).toFixed(1)} objects an hour`;

  // ---- What groups are made of.
  // The data has short names and points at its texts: src/report/html/model.rs.
  const text = (index) => index === null || index === undefined ? null : data.strings[index];
  const hex = (n) => `0x${n.toString(16)}`;
  const frameOf = (index) => {
    const [name, module, offset, length, doubt, places] = data.frames[index];
    const behind = offset === null ? "" : `+${hex(offset)}${length === null ? "" : `/${hex(length)}`}`;
    const title = module === null ? text(name) : `${text(name)} [${text(module)}]`;
    const from = module === null ? "" : ` [${text(module)}]`;
    return {
      title, module: text(module), shown: `${doubt ? "? " : ""}${text(name)}${behind}${from}`,
      places: (places || []).map(([name, file, line]) => ({ name: text(name), at: line ? `${text(file)}:${line}` : text(file) })),
    };
  };
  const frames = data.frames.map((_, index) => frameOf(index));
  const titles = { one_time: "one-time", in_flight: "in flight" };
  const series = (runs) => {
    const values = [];
    for (let at = 0; at < runs.length; at += 2) values.push(...new Array(runs[at]).fill(runs[at + 1]));
    return values;
  };
  const groupOf = (short, at) => {
    const chain = short.h.map((index) => frames[index]);
    const aside = short.o || [];
    const caller = chain.find((_, at) => !aside.includes(at));
    const site = caller ? caller.title : "(backtrace lost)";
    const verdict = text(short.v) || "";
    const boot = short.b || 0;
    const times = data.times[boot];
    const [low, high] = short.l || [short.n, short.n];
    const [allocs, frees] = short.e || [null, null];
    const processes = short.p.map(([comm, pid, n]) => [text(comm), pid, n]);
    const words = [site, text(short.c), verdict, short.i, ...chain.map((frame) => frame.title), ...processes.map(([comm]) => comm || "")];
    return {
      rank: at + 1, boot, verdict, title: titles[verdict] || verdict, cache: text(short.c), size: short.s,
      leaks: verdict === "leaking" || verdict === "accumulating",
      objects: short.n, low, high, bytes: short.y, allocs, frees, growth: short.g || 0, ages: short.a, lifetimes: short.t,
      timeline: short.m && times ? { live: series(short.m), start: times[0], end: times[1] } : null,
      reason: text(short.w) || "", chain, aside, processes,
      freed: (short.f || []).map(([name, module, n]) => [text(name), text(module), n]),
      family: short.k === undefined ? null : `${boot} ${text(short.k)}`, oldest: short.x || null, fingerprint: short.i, site, words: words.join("\n").toLowerCase(),
    };
  };
  const groups = data.groups.map(groupOf);

  // ---- Theme.
  const themes = ["", "light", "dark"];
  const names = { "": "as the system", light: "light", dark: "dark" };
  let theme = "";
  try { theme = localStorage.getItem("slabtrace-theme") || ""; } catch { /* a page of a file may not store */ }
  const showTheme = () => {
    if (theme) document.documentElement.dataset.theme = theme;
    else delete document.documentElement.dataset.theme;
    byId("theme").textContent = `Theme: ${names[theme]}`;
    drawFlame();
  };
  byId("theme").addEventListener("click", () => {
    theme = themes[(themes.indexOf(theme) + 1) % themes.length];
    try { localStorage.setItem("slabtrace-theme", theme); } catch { /* the same */ }
    showTheme();
  });

  // ---- Growth.
  const line = (values, width, height) => {
    const most = Math.max(1, ...values);
    const step = width / values.length;
    let path = "";
    values.forEach((value, at) => {
      const y = (height - 1 - (height - 2) * value / most).toFixed(1);
      path += `${at === 0 ? "M" : "L"}${(at * step).toFixed(1)} ${y}L${((at + 1) * step).toFixed(1)} ${y}`;
    });
    return path;
  };
  const spark = (values) => {
    const svg = drawing("svg", { class: "spark", viewBox: "0 0 120 26", preserveAspectRatio: "none", "aria-hidden": "true" });
    svg.append(drawing("path", { d: line(values, 120, 26) }));
    return svg;
  };
  const chart = (group) => {
    const { live, start, end } = group.timeline;
    const most = Math.max(...live);
    const path = line(live, 600, 140);
    const svg = drawing("svg", { class: "chart", viewBox: "0 0 600 140", preserveAspectRatio: "none", role: "img", "aria-label": `live objects over the boot: at most ${count(most)}, ${count(live[live.length - 1])} at the end` });
    svg.append(drawing("path", { class: "area", d: `${path}L600 140L0 140Z` }), drawing("path", { class: "live", d: path }));
    return make("div", {}, make("h3", {}, `Live objects, at most ${count(most)}`), svg,
      make("div", { class: "axis" }, make("span", {}, `${start.toFixed(3)} s`), make("span", {}, `${end.toFixed(3)} s`)));
  };

  // ---- The details of a group.
  const facts = (title, lines) => lines.length === 0 ? null
    : make("div", {}, make("h3", {}, title), make("ul", { class: "facts" }, ...lines.map((text) => make("li", {}, text))));
  const chainOf = (group) => {
    const list = make("ol", { class: "chain" });
    group.chain.forEach((frame, at) => {
      const inlined = frame.places.slice(0, -1);
      const own = frame.places.slice(-1);
      list.append(...inlined.map((place) => make("li", { class: "source" }, `${place.name} (inlined)  ${place.at}`)));
      list.append(make("li", group.aside.includes(at) ? { class: "aside" } : {}, frame.shown));
      list.append(...own.map((place) => make("li", { class: "source" }, place.at)));
    });
    if (group.chain.length === 0) list.append(make("li", {}, "(backtrace lost)"));
    return list;
  };
  const fate = (group) => {
    if (group.allocs === null) return `${count(group.objects)} live`;
    const likely = group.low === group.objects && group.high === group.objects ? ""
      : `, probably ${count(group.low)} to ${count(group.high)}`;
    return `${count(group.allocs)} allocated, ${count(group.frees)} freed, ${count(group.objects)} live${likely}`;
  };
  const kin = (group) => {
    const family = groups.filter((other) => group.family !== null && other.family === group.family);
    if (family.length === 0) return null;
    const objects = family.reduce((sum, other) => sum + other.objects, 0);
    const others = family.filter((other) => other !== group).map((other) => `#${other.rank}`);
    return make("p", {}, `One place of the code with ${others.slice(0, 8).join(", ")}${others.length > 8 ? " and more" : ""}, whose chains differ in offsets or recursion: together ${counted(objects, "object")} live, and the verdict is of all of them.`);
  };
  const detail = (group) => {
    const lifetimes = group.lifetimes && make("p", {}, `Freed ones lived ${span(group.lifetimes[0])} (median), ${span(group.lifetimes[1])} (99 %), ${span(group.lifetimes[2])} at most.`);
    const ages = group.ages && make("p", {}, `Those that live are ${span(group.ages[0])} to ${span(group.ages[1])} old.`);
    const growth = group.growth > 0 && make("p", {}, `It grows by ${rate(group.growth)}.`);
    const left = make("div", {},
      make("p", {}, fate(group)), kin(group), make("p", {}, group.reason), lifetimes || null, ages || null, growth || null,
      group.timeline ? chart(group) : null);
    const right = make("div", {}, make("h3", {}, "Call chain, innermost first"), chainOf(group));
    const rest = [
      facts("Allocated by", group.processes.map(([comm, pid, n]) => `${comm || "unknown task"}${pid === null ? "" : ` pid ${pid}`} (${count(n)})`)),
      facts("Siblings freed by", group.freed.map(([name, module, n]) => `${name || "unknown code"}${module ? ` [${module}]` : ""} (${count(n)})`)),
      facts("Oldest that lives", group.oldest ? [`line ${count(group.oldest[0])}: ${group.oldest[1]}`] : []),
    ];
    return make("div", { class: "detail" }, left, right, ...rest,
      make("p", { class: "mono" }, `fingerprint ${group.fingerprint}${data.times.length > 1 ? `, boot ${group.boot}` : ""}`));
  };

  // ---- The table of groups.
  const growthOf = (group) => {
    const live = group.timeline ? group.timeline.live : [];
    return live.length === 0 ? -1 : live[live.length - 1] - live[live.length / 2 - 1];
  };
  const columns = [
    { name: "#", key: (group) => group.rank, first: 1, kind: "number" },
    { name: "verdict", key: (group) => group.rank, first: 1, kind: "verdict" },
    { name: "cache", key: (group) => group.cache, first: 1, kind: "" },
    { name: "objects", key: (group) => group.objects, first: -1, kind: "number objects" },
    { name: "bytes", key: (group) => group.bytes === null ? -1 : group.bytes, first: -1, kind: "number bytes" },
    { name: "growth", key: growthOf, first: -1, kind: "growth" },
    { name: "allocated in", key: (group) => group.site, first: 1, kind: "place" },
  ];
  let sorting = { column: columns[0], direction: 1 };
  let wanted = "";
  let verdicts = new Set();
  const opened = new Set();
  const fits = (group) => (verdicts.size === 0 || verdicts.has(group.verdict))
    && wanted.split(/\s+/).every((word) => group.words.includes(word));
  const ROWS = 25;
  let isWhole = false;
  const more = make("button", { type: "button" });
  more.addEventListener("click", () => { isWhole = true; showGroups(); });
  const body = make("tbody");
  const shown = make("span", { class: "count", role: "status" });
  const row = (group) => {
    const id = `group-${group.rank}`;
    const isOpen = opened.has(group.rank);
    const button = make("button", { class: "open", type: "button", "aria-expanded": String(isOpen), "aria-label": `Group ${group.rank}: ${group.site}` },
      make("span", { class: "sign", "aria-hidden": "true" }, "▸"), ` ${group.rank}`);
    const cells = [button, group.title || "", group.cache, count(group.objects), size(group.bytes),
      group.timeline ? spark(group.timeline.live) : "", group.site];
    const element = make("tr", { class: group.leaks ? "row leak" : "row", id },
      ...cells.map((cell, at) => make("td", { class: columns[at].kind }, cell)));
    element.addEventListener("click", (event) => {
      if (window.getSelection().toString() !== "" && event.target.tagName !== "BUTTON") return;
      if (opened.has(group.rank)) opened.delete(group.rank);
      else opened.add(group.rank);
      const isNowOpen = opened.has(group.rank);
      button.setAttribute("aria-expanded", String(isNowOpen));
      if (isNowOpen) element.after(details(group));
      else element.nextElementSibling.remove();
    });
    return isOpen ? [element, details(group)] : [element];
  };
  const details = (group) => make("tr", { class: "details" }, make("td", { colspan: String(columns.length) }, detail(group)));
  const head = make("tr", {}, ...columns.map((column) => {
    const button = make("button", { type: "button" }, column.name);
    const cell = make("th", { scope: "col", class: column.kind.includes("number") ? "number" : "" }, button);
    button.addEventListener("click", () => {
      const isSame = sorting.column === column;
      sorting = { column, direction: isSame ? -sorting.direction : column.first };
      showGroups();
    });
    column.cell = cell;
    return cell;
  }));
  const showGroups = () => {
    for (const column of columns) {
      const isSorted = sorting.column === column;
      column.cell.setAttribute("aria-sort", !isSorted ? "none" : sorting.direction > 0 ? "ascending" : "descending");
    }
    const { column, direction } = sorting;
    const fitting = groups.filter(fits);
    fitting.sort((a, b) => {
      const [x, y] = [column.key(a), column.key(b)];
      return x < y ? -direction : x > y ? direction : a.rank - b.rank;
    });
    const visible = isWhole ? fitting : fitting.slice(0, ROWS);
    body.replaceChildren(...visible.flatMap(row));
    more.hidden = visible.length === fitting.length;
    more.textContent = `Show ${counted(fitting.length - visible.length, "more group")}`;
    shown.textContent = `${count(fitting.length)} of ${counted(groups.length, "group")}`;
  };
  const search = (label, change) => {
    const input = make("input", { type: "search", placeholder: label, "aria-label": label });
    input.addEventListener("input", () => change(input.value.trim().toLowerCase()));
    return input;
  };
  const groupSearch = search("Search functions, modules, caches, tasks", (text) => { wanted = text; showGroups(); });
  const kinds = [...new Map(groups.map((group) => [group.verdict, group.title])).entries()].filter(([verdict]) => verdict);
  const filters = make("fieldset", {}, make("legend", {}, "Verdicts"), ...kinds.map(([verdict, title]) => {
    const button = make("button", { type: "button", "aria-pressed": "false" }, title);
    button.addEventListener("click", () => {
      if (verdicts.has(verdict)) verdicts.delete(verdict);
      else verdicts.add(verdict);
      button.setAttribute("aria-pressed", String(verdicts.has(verdict)));
      showGroups();
    });
    return button;
  }));
  byId("groups").append(make("div", { class: "tools" }, groupSearch, kinds.length > 1 ? filters : null, shown),
    make("div", { class: "scroll" }, make("table", { id: "group-table" }, make("thead", {}, head), body)),
    make("p", {}, more));

  // ---- The flame graph: outermost functions on top.
  const weights = [
    { name: "Leaked", of: (group) => group.leaks ? group.bytes || 0 : 0, unit: size },
    { name: "Live", of: (group) => group.bytes || 0, unit: size },
    { name: "All allocated", of: (group) => group.allocs === null ? group.bytes || 0 : group.allocs * (group.size || 0), unit: size },
    { name: "Live objects", of: (group) => group.objects, unit: (n) => counted(n, "object") },
  ].filter((weight) => groups.some((group) => weight.of(group) > 0));
  let weight = weights[0];
  let zoomed = [];
  let sought = "";
  const flame = make("div", { class: "flame", role: "group", "aria-label": "flame graph" });
  const status = make("p", { class: "status", role: "status" });
  const grow = () => {
    const root = { name: "all", module: null, sum: 0, children: new Map(), depth: 0, path: [] };
    for (const group of groups) {
      const sum = weight.of(group);
      if (sum === 0) continue;
      root.sum += sum;
      let node = root;
      const steps = [];
      for (const frame of [...group.chain].reverse()) {
        steps.push([frame.title, frame.module]);
        for (const place of frame.places.slice(0, -1).reverse()) steps.push([`${place.name} (inlined)`, frame.module]);
      }
      if (steps.length === 0) steps.push(["(backtrace lost)", null]);
      steps.push([`(${group.cache})`, null]);
      for (const [name, module] of steps) {
        let child = node.children.get(name);
        if (!child) {
          child = { name, module, sum: 0, children: new Map(), depth: node.depth + 1, path: [...node.path, name] };
          node.children.set(name, child);
        }
        child.sum += sum;
        node = child;
      }
    }
    return root;
  };
  const hue = (text) => {
    let hash = 7;
    for (const character of text) hash = (hash * 31 + character.charCodeAt(0)) % 360;
    return hash;
  };
  const LEAST = 0.0015;
  function drawFlame() {
    if (!weight) { status.textContent = "Nothing lives whose size is known."; return; }
    const root = grow();
    let focus = root;
    for (const name of zoomed) {
      const next = focus.children.get(name);
      if (!next) { zoomed = focus.path; break; }
      focus = next;
    }
    const buttons = [];
    let [deepest, hidden, hits] = [0, 0, 0];
    const place = (node, left, width, kind) => {
      deepest = Math.max(deepest, node.depth);
      const share = node.sum / root.sum;
      const isHit = sought !== "" && node.name.toLowerCase().includes(sought);
      if (isHit) hits += 1;
      const text = `${node.name}, ${weight.unit(node.sum)}, ${(share * 100).toFixed(1)} %`;
      const button = make("button", { type: "button", class: `${node.module ? "module" : ""}${kind}${isHit ? " hit" : ""}`, title: text, style: `left:${left * 100}%;width:${width * 100}%;top:${node.depth * 21}px` }, node.name);
      if (node.module) button.style.background = `hsl(${hue(node.module)} 55% var(--lightness))`;
      button.addEventListener("click", () => { zoomed = node.path; drawFlame(); });
      button.addEventListener("mouseenter", () => { status.textContent = text; });
      button.addEventListener("focus", () => { status.textContent = text; });
      buttons.push(button);
    };
    let above = root;
    for (const name of focus.path) {
      place(above, 0, 1, " above");
      above = above.children.get(name);
    }
    const spread = (node, left, width) => {
      if (width < LEAST) { hidden += 1; return; }
      place(node, left, width, "");
      let at = left;
      const children = [...node.children.values()].sort((a, b) => a.name < b.name ? -1 : 1);
      for (const child of children) {
        const part = width * child.sum / node.sum;
        spread(child, at, part);
        at += part;
      }
    };
    spread(focus, 0, 1);
    flame.style.height = `${(deepest + 1) * 21}px`;
    flame.replaceChildren(...buttons);
    const notes = [`${weight.unit(root.sum)} in all.`];
    if (zoomed.length > 0) notes.push(`Zoomed into ${focus.name}.`);
    if (sought !== "") notes.push(`${counted(hits, "frame")} found.`);
    if (hidden > 0) notes.push(`${count(hidden)} too narrow to draw: zoom in.`);
    status.textContent = notes.join(" ");
  }
  const choices = make("fieldset", {}, make("legend", {}, "What the widths are"), ...weights.map((choice) => {
    const button = make("button", { type: "button", "aria-pressed": String(choice === weight) }, choice.name);
    button.addEventListener("click", () => {
      weight = choice;
      for (const other of choices.querySelectorAll("button")) other.setAttribute("aria-pressed", String(other === button));
      drawFlame();
    });
    return button;
  }));
  const reset = make("button", { type: "button" }, "Show all");
  reset.addEventListener("click", () => { zoomed = []; drawFlame(); });
  byId("flame").append(make("div", { class: "tools" }, choices, search("Search the graph", (text) => { sought = text; drawFlame(); }), reset), status, flame);

  // ---- Caches.
  if (data.caches.length > 0) {
    const names = ["cache", "object size", "allocs", "frees", "live", "bytes", "complete?"];
    byId("caches").append(make("div", { class: "scroll" }, make("table", {},
      make("thead", {}, make("tr", {}, ...names.map((name, at) => make("th", { scope: "col", class: at > 0 && at < 6 ? "number" : "" }, name)))),
      make("tbody", {}, ...data.caches.map((cache) => make("tr", {}, ...cache.map((cell, at) => make("td", { class: at > 0 && at < 6 ? "number" : "" }, cell))))))));
  }

  // ---- What is new since a baseline.
  if (data.changes) {
    const section = byId("changes");
    section.hidden = false;
    section.append(make("p", {}, data.changes.conclusion));
    if (data.changes.rows.length > 0) {
      const names = ["change", "verdict", "cache", "before", "now", "allocated in"];
      section.append(make("div", { class: "scroll" }, make("table", {},
        make("thead", {}, make("tr", {}, ...names.map((name) => make("th", { scope: "col" }, name)))),
        make("tbody", {}, ...data.changes.rows.map((cells) => make("tr", { class: cells[0] === "new" || cells[0] === "worse" ? "leak" : "" },
          ...cells.map((cell, at) => make("td", { class: at === 5 ? "place" : at === 0 ? "verdict" : "", "data-name": names[at] }, cell))))))));
    }
  }

  // ---- Ways around.
  for (const section of document.querySelectorAll("main section:not([hidden])")) {
    byId("sections").append(make("a", { href: `#${section.id}` }, section.querySelector("h2").textContent));
  }
  document.addEventListener("keydown", (event) => {
    const isTyping = event.target.tagName === "INPUT";
    if (event.key === "/" && !isTyping) { event.preventDefault(); groupSearch.focus(); }
    if (event.key === "Escape" && zoomed.length > 0) { zoomed = []; drawFlame(); }
  });
  showGroups();
  showTheme();
})();
