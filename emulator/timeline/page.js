"use strict";
// Draws the document of emulator/timeline/model.py. Every text goes in as text, never as markup.

const LABELS = 190, PAD = 16, TABLE_ROWS = 300, TAIL = 70, SHOWN_NEAR = 10;
const SPAN_TONES = [["video", "video"], ["audio", "audio"], ["speech", "speaks"], ["off", "switched off"], ["muted", "muted"], ["pending", "connecting"], ["trouble", "fault or impairment"]];
const POINT_TONES = [["plain", "call or event"], ["good", "delivered"], ["speech", "message"], ["warn", "out of the ordinary"], ["bad", "went wrong"]];
const HUES = [222, 268, 36, 172, 312, 90, 200, 244, 58, 290]; // none of them red: that is what went wrong

function el(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (key === "class") made.className = value;
    else if (key === "style") made.style.cssText = value;
    else if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

function svg(name, attributes) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

const seconds = (t) => (t >= 600 ? `${Math.floor(t / 60)}:${(t % 60).toFixed(1).padStart(4, "0")}` : `${t.toFixed(3)} s`);
const took = (from, to) => (to - from < 1 ? `${Math.round((to - from) * 1000)} ms` : `${(to - from).toFixed(2)} s`);

function pretty(text) {
  let told;
  try { told = JSON.stringify(JSON.parse(text), null, 2); } catch { told = text; } // cut short, or no JSON
  return /^[{[]/.test(told) ? told.split("\n").map(broken).join("\n") : told;
}

// Lines in a text of JSON, SDP above all, as lines: below one another, behind its name.
function broken(line) {
  const next = `\n${line.match(/^ */)[0]}    `;
  return line.replace(/\\r\\n|\\(.)/g, (escaped, letter) => (escaped === "\\r\\n" || letter === "n" ? next : escaped));
}

class Page {
  constructor(doc) {
    this.doc = doc;
    this.scale = 0; // pixels for a second; 0: as wide as there is room
    this.names = new Map(doc.rows.map((row) => [row.id, row.name]));
    this.checks = doc.checks || [];
    this.tip = el("div", { class: "tip" });
    this.detail = el("aside", { class: "detail card", "aria-live": "polite" });
    this.main = el("main");
    document.body.append(this.main, this.tip, this.detail);
    document.addEventListener("keydown", (event) => { if (event.key === "Escape") this.detail.style.display = "none"; });
    for (const part of [this.head(), this.failures(), this.timeline(), this.tiles(), this.plots(), this.steps(), this.problems(), this.webhooks(), this.wire()])
      if (part) this.main.append(part);
    this.draw();
    new ResizeObserver(() => { if (!this.scale) this.draw(); }).observe(this.chart);
  }

  head() {
    const { doc } = this;
    const title = el("h1", {}, doc.title || "Timeline");
    if (doc.outcome) title.append(el("span", { class: `pill ${doc.outcome}` }, doc.outcome));
    const facts = el("dl", { class: "facts" });
    const people = doc.rows.filter((row) => row.kind !== "room").length;
    const told = { began: doc.began, length: seconds(doc.seconds), participants: String(people), ...(doc.facts || {}) };
    for (const [name, value] of Object.entries(told)) facts.append(el("div", {}, el("dt", {}, name), el("dd", {}, value)));
    return el("header", {}, el("div", { class: "brand" }, "Rooms emulator"), title, doc.summary ? el("p", { class: "summary" }, doc.summary) : null, facts);
  }

  // -- failures -----------------------------------------------------------------------------------------------------

  failures() {
    const failed = this.checks.filter((check) => check.outcome === "failed");
    if (!failed.length) return null;
    return el("section", {}, el("h2", {}, "What went wrong", el("small", {}, `${failed.length} of ${this.checks.length}`)), ...failed.map((check) => this.failure(check)));
  }

  failure(check) {
    const what = check.heading || (check.kind === "expect" ? `${check.who} was expected: ${check.what.replace(/^expect /, "")}` : `${check.who} could not: ${check.what}`);
    const end = check.end ?? check.at;
    const lasted = end - check.at >= 0.0005 ? `from ${seconds(check.at)} to ${seconds(end)}, for ${took(check.at, end)}` : `at ${seconds(end)}`;
    const when = `${lasted}${check.place ? ` · ${check.place}` : ""}`;
    const card = el("article", { class: "failure card" }, el("div", {}, el("h3", {}, what), el("div", { class: "when" }, when)));
    const tile = (this.doc.tiles || []).filter((one) => one.who === check.who && one.at <= end + 0.5 && `${check.what} ${check.heading || ""}`.includes(one.shows)).pop();
    if (tile) card.append(this.figure(tile, true));
    if (check.message) card.append(el("pre", {}, check.message));
    const near = this.around(check);
    if (near.length)
      card.append(el("div", { class: "around" }, "What happened around it", el("ul", {}, ...near.map((one) => el("li", {}, el("time", {}, `${one.t.toFixed(2)} s`), el("span", {}, one.text))))));
    card.append(el("button", { onclick: () => this.show(check.at, end) }, "Show on the timeline"));
    return card;
  }

  around(check) {
    // The last things before its end that concern whoever is named in it; everybody, when nobody is.
    const end = check.end ?? check.at, said = `${check.who} ${check.what} ${check.heading || ""}`;
    const people = this.doc.rows.filter((row) => row.kind !== "room");
    const named = people.filter((row) => row.id === check.who || new RegExp(`(^|[^\\p{L}\\p{N}_-])${row.name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}($|[^\\p{L}\\p{N}_-])`, "u").test(said));
    const ids = new Set((named.length ? named : people).map((row) => row.id));
    const found = [];
    const listens = /hear|speak|talk/.test(check.what), delivers = !named.length || /webhook/.test(said);
    for (const event of this.doc.events)
      if (event.type !== "talking_changed" && ids.has(event.payload.participant_id) && event.t <= end && event.t >= check.at - 10)
        found.push({ t: event.t, text: this.eventText(event) });
    for (const row of this.doc.rows) {
      for (const point of row.points)
        if ((point.tone === "bad" || point.tone === "warn" || (row.kind === "room" && (point.lane === "calls" || (delivers && point.lane === "webhooks")))) && (ids.has(row.id) || row.kind === "room") && point.at <= end && point.at >= check.at - 10)
          found.push({ t: point.at, text: `${row.name}: ${point.lane === "webhooks" ? "webhook " : ""}${point.label}` });
      // Speech as its row has it: a stream and the mix both tell of the same voice.
      for (const span of row.spans)
        if (listens && span.tone === "speech" && ids.has(row.id))
          for (const [t, text] of [[span.start, "begins to speak"], [span.end, "is silent"]])
            if (t !== null && t <= end && t >= check.at - 10) found.push({ t, text: `${row.name} ${text}` });
      for (const span of row.spans)
        if (span.lane === "trouble" && (ids.has(row.id) || row.kind === "room") && span.start <= end && (span.end ?? end) >= check.at)
          found.push({ t: span.start, text: `${row.name}: ${span.label}${span.end === null ? "" : `, until ${span.end.toFixed(2)} s`}` });
    }
    return found.sort((a, b) => a.t - b.t).slice(named.length ? -SHOWN_NEAR : -1.5 * SHOWN_NEAR);
  }

  eventText(event) {
    const { payload } = event, who = this.names.get(payload.participant_id) || payload.participant_id;
    const what = event.type.replace(/^participant_|^stream_/, "").replaceAll("_", " ");
    switch (event.type) {
      case "stream_changed": return `${who}/${payload.key}: video ${payload.video_enabled ? "on" : "off"}, audio ${payload.audio_enabled ? "on" : "off"}`;
      case "participant_left": return `${who} left (${payload.reason})`;
      case "participant_muted": return `${who} is muted by the moderator`;
      case "participant_unmuted": return `${who} is no longer muted`;
      default: return payload.key !== undefined ? `${who}/${payload.key}: ${event.type === "stream_offered" ? "connecting" : what}` : `${who} ${what}`;
    }
  }

  // -- the timeline -------------------------------------------------------------------------------------------------

  timeline() {
    this.canvas = el("div", { class: "canvas" });
    this.chart = el("div", { class: "chart card", tabindex: "0", "aria-label": "timeline" }, this.canvas);
    this.chart.addEventListener("wheel", (event) => {
      if (!event.ctrlKey) return;
      event.preventDefault();
      this.zoom(event.deltaY < 0 ? 1.25 : 0.8, event.clientX - this.chart.getBoundingClientRect().left - LABELS);
    }, { passive: false });
    const legend = el("div", { class: "legend" });
    // What there is to be seen here, and nothing else.
    const spans = new Set(this.doc.rows.flatMap((row) => row.spans.map((span) => (span.lane === "trouble" ? "trouble" : span.tone))));
    const points = new Set(this.doc.rows.flatMap((row) => row.points.map((point) => point.tone)));
    for (const [tone, name] of SPAN_TONES) if (spans.has(tone)) legend.append(el("span", {}, el("i", { class: `t-${tone}` }), name));
    for (const [tone, name] of POINT_TONES) if (points.has(tone)) legend.append(el("span", {}, el("i", { class: `point ${tone}` }), name));
    const bar = el("div", { class: "bar" }, el("button", { onclick: () => this.zoom(1.6) }, "Zoom in"), el("button", { onclick: () => this.zoom(1 / 1.6) }, "Zoom out"), el("button", { onclick: () => { this.scale = 0; this.draw(); } }, "Fit"), legend);
    return el("section", {}, el("h2", {}, "Timeline", el("small", {}, "point at things, click for more; Ctrl and wheel zooms")), bar, this.chart);
  }

  get pixels() {
    const room = Math.max(300, this.chart.clientWidth - LABELS - PAD - TAIL);
    return this.scale || room / Math.max(0.2, this.doc.seconds * 1.01);
  }

  zoom(factor, at) {
    const before = this.pixels, x = at ?? (this.chart.clientWidth - LABELS) / 2;
    const t = (this.chart.scrollLeft + x - PAD) / before;
    const fit = (this.chart.clientWidth - LABELS - PAD - TAIL) / Math.max(0.2, this.doc.seconds * 1.01);
    this.scale = Math.min(4000, Math.max(fit, before * factor));
    if (this.scale === fit) this.scale = 0;
    this.draw();
    this.chart.scrollLeft = t * this.pixels - x + PAD;
  }

  show(from, to) {
    const width = this.chart.clientWidth - LABELS;
    this.scale = Math.min(2000, Math.max(width / Math.max(0.2, this.doc.seconds * 1.01), width / Math.max(1, (to - from) * 3)));
    this.draw();
    this.chart.scrollLeft = ((from + to) / 2) * this.pixels - width / 2;
    this.chart.scrollIntoView({ behavior: "smooth", block: "center" });
  }

  x(t) { return PAD + Math.max(0, t) * this.pixels; }

  draw() {
    const { doc, canvas } = this, width = (this.width = Math.max(Math.ceil(this.x(doc.seconds * 1.01) + TAIL), this.chart.clientWidth - LABELS));
    canvas.replaceChildren();
    canvas.style.width = `${LABELS + width}px`;
    const axis = el("div", { class: "axis" }, el("span", { class: "corner" }));
    canvas.append(axis);
    const step = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 43200, 86400].find((one) => one * this.pixels >= 70) || 86400;
    for (let n = 0; n * step <= doc.seconds * 1.01; n++) {
      const at = n * step, label = step >= 60 ? `${Math.floor(at / 60)} min` : `${+at.toFixed(2)} s`;
      axis.append(el("span", { style: `left:${LABELS + this.x(at)}px` }, label));
      canvas.append(el("div", { class: "grid", style: `left:${LABELS + this.x(at)}px` }));
    }
    let people = 0;
    for (const row of doc.rows) canvas.append(this.row(row, row.kind === "room" ? 0 : HUES[people++ % HUES.length], width));
    for (const check of this.checks)
      if (check.outcome === "failed") canvas.append(el("div", { class: "band", style: `left:${LABELS + this.x(check.at)}px;width:${((check.end ?? check.at) - check.at) * this.pixels}px` }));
    const cross = el("div", { class: "cross" }, el("b"));
    canvas.append(cross);
    canvas.onmousemove = (event) => {
      const x = event.clientX - canvas.getBoundingClientRect().left, t = (x - LABELS - PAD) / this.pixels;
      cross.style.display = t >= 0 && x - this.chart.scrollLeft > LABELS ? "block" : "none";
      cross.style.left = `${x}px`;
      cross.firstChild.textContent = seconds(Math.max(0, t));
    };
    canvas.onmouseleave = () => { cross.style.display = "none"; };
  }

  // Which lanes a row has, from top to bottom: [name, height, what is in it].
  lanes(row) {
    const room = row.kind === "room", spans = new Map(), add = (lane, item) => spans.set(lane, [...(spans.get(lane) || []), item]);
    for (const span of row.spans) add(span.lane, span);
    for (const point of row.points) add(point.lane, point);
    const lanes = [], take = (lane, name, height) => { if (spans.has(lane)) lanes.push({ name, height, items: spans.get(lane), medium: lane.startsWith("stream:") }); };
    take(room ? "session" : "presence", "", 20);
    for (const key of [...new Set([...spans.keys()].filter((lane) => lane.startsWith("stream:")).map((lane) => lane.split(":").slice(1, -1).join(":")))]) {
      take(`stream:${key}:video`, key, 8);
      take(`stream:${key}:audio`, "", 8);
    }
    take("voice", "voice", 8);
    take("marks", "events", 11);
    take("calls", "calls", 11);
    take("webhooks", "webhooks", 11);
    this.stack(spans.get("trouble") || [], () => 16).forEach((items, index) => lanes.push({ name: index ? "" : "trouble", height: 15, items }));
    const mine = this.checks.filter((check) => check.who === row.name || check.who === row.id || (room && row === this.doc.rows.find((one) => one.kind === "room") && !this.doc.rows.some((one) => one.name === check.who || one.id === check.who)));
    this.stack(mine, (check) => this.pill(check)).forEach((items, index) => lanes.push({ name: index ? "" : (this.doc.script || "Script").toLowerCase(), height: 17, items }));
    return lanes;
  }

  stack(items, least) {
    // Things that overlap go below one another.
    const lanes = [];
    const placed = items.map((item) => [item, ...this.extent(item, least)]).sort((a, b) => a[1] - b[1]);
    for (const [item, from, to] of placed) {
      let lane = lanes.find((one) => one.until <= from);
      if (!lane) lanes.push((lane = { until: 0, items: [] }));
      lane.items.push(item);
      lane.until = to + 3;
    }
    return lanes.map((lane) => lane.items);
  }

  // From which pixel to which. A pill at the end is wider than the time it stands for: it ends there, then.
  extent(item, least) {
    if (item.outcome !== undefined) {
      const wide = Math.max(this.pill(item), ((item.end ?? item.at) - item.at) * this.pixels);
      const from = Math.max(0, Math.min(this.x(item.at), this.width - wide - 6));
      return [from, from + wide];
    }
    const from = this.x(item.start ?? item.at);
    return [from, item.start === undefined ? from + 10 : Math.max(this.x(item.end ?? this.doc.seconds), from + least(item))];
  }

  // How wide its words are, about; a pill is at least so wide.
  pill(check) { return Math.min(check.outcome === "failed" ? 320 : 190, 36 + check.what.length * (check.outcome === "failed" ? 7.2 : 6.3)); }

  row(row, hue, width) {
    const label = el("div", { class: "label", title: row.about }, el("strong", {}, el("i"), row.name));
    const area = el("div", { class: "lanes", style: `width:${width}px` });
    const lanes = this.lanes(row);
    let top = lanes.length && lanes[0].name ? 31 : 8; // a lane with a name goes below that of the row
    lanes.forEach((lane, index) => {
      // A stream's name stands between its two media, a hair lower than a lane's.
      const two = lane.medium && lanes[index + 1] && lanes[index + 1].medium && !lanes[index + 1].name;
      if (lane.name) label.append(el("span", { class: "lane", style: `top:${top + (lane.height - 10) / 2 + (two ? 5 : 0)}px` }, lane.name));
      for (const item of lane.items) area.append(this.item(row, item, top, lane.height));
      top += lane.height + (lane.height < 10 ? 3 : 4);
    });
    area.style.height = `${Math.max(top + 5, 37)}px`;
    return el("div", { class: `row ${row.kind}`, style: `--hue:${hue}` }, label, area);
  }

  item(row, item, top, height) {
    if (item.outcome !== undefined) return this.checkItem(item, top, height);
    if (item.start === undefined) {
      const about = { where: row.name, at: seconds(item.at), ...item.detail };
      return this.active(el("button", { class: `item point ${item.tone}`, style: `left:${this.x(item.at)}px;top:${top + (height - 9) / 2}px` }), item.label, `${row.name} · ${seconds(item.at)}`, about, item.wire);
    }
    const end = item.end ?? this.doc.seconds;
    const kind = item.lane === "presence" || item.lane === "session" ? item.lane : item.lane === "trouble" ? "t-trouble" : `t-${item.tone}`;
    const text = height >= 14 ? item.label : "";
    const made = el("button", { class: `item ${kind}`, style: `left:${this.x(item.start)}px;top:${top}px;height:${height}px;width:${Math.max(3, (end - item.start) * this.pixels)}px` }, text);
    const until = item.end === null ? "still so at the end" : seconds(item.end);
    const left = item.detail.left ? `\n${item.detail.left.replaceAll("_", " ")}` : "";
    return this.active(made, `${item.label}`, `${row.name} · ${seconds(item.start)} to ${until} (${took(item.start, end)})${left}`, { who: row.name, from: seconds(item.start), until, ...item.detail });
  }

  checkItem(check, top, height) {
    const end = check.end ?? check.at, [from, to] = this.extent(check);
    const sign = { done: "✓", failed: "✗", "not run": "–" }[check.outcome];
    const made = el("button", { class: `item check ${check.outcome} ${check.kind}`, style: `left:${from}px;top:${top}px;height:${height}px;width:${to - from}px` }, `${sign} ${check.what}`);
    const when = check.end === null ? `due at ${seconds(check.at)}, never began` : `${seconds(check.at)} to ${seconds(end)} (${took(check.at, end)})`;
    return this.active(made, `${check.who} ${check.what}: ${check.outcome}`, `${when}${check.message ? `\n${check.message}` : ""}`, { outcome: check.outcome, when, line: check.place, message: check.message });
  }

  active(made, title, more, facts, wire) {
    made.setAttribute("aria-label", `${title}, ${more}`);
    made.addEventListener("mousemove", (event) => {
      this.tip.replaceChildren(el("b", {}, title), el("span", {}, more));
      this.tip.style.display = "block";
      const box = this.tip.getBoundingClientRect();
      this.tip.style.left = `${Math.min(event.clientX + 14, innerWidth - box.width - 8)}px`;
      this.tip.style.top = `${event.clientY + 18 + box.height > innerHeight ? event.clientY - box.height - 10 : event.clientY + 18}px`;
    });
    made.addEventListener("mouseleave", () => { this.tip.style.display = "none"; });
    made.addEventListener("click", () => this.open(made, title, facts, wire));
    return made;
  }

  open(made, title, facts, wire) {
    document.querySelectorAll(".chosen").forEach((one) => one.classList.remove("chosen"));
    made.classList.add("chosen");
    const list = el("dl");
    for (const [name, value] of Object.entries(facts)) if (value !== "" && value !== undefined && value !== null) list.append(el("dt", {}, name), el("dd", {}, pretty(String(value))));
    const entry = this.doc.wire.find((one) => one.number === wire);
    if (entry) for (const [name, value] of Object.entries(this.entryFacts(entry))) list.append(el("dt", {}, name), el("dd", {}, value));
    this.detail.replaceChildren(el("button", { class: "close", "aria-label": "close", onclick: () => { this.detail.style.display = "none"; } }, "×"), el("h3", {}, title), list);
    this.detail.style.display = "block";
  }

  // -- what else there is -------------------------------------------------------------------------------------------

  tiles() {
    const tiles = this.doc.tiles || [];
    if (!tiles.length) return null;
    return el("section", {}, el("h2", {}, "Last pictures", el("small", {}, "what each watched stream showed in the end")), el("div", { class: "tiles" }, ...tiles.filter((tile) => !tile.note).map((tile) => this.figure(tile))));
  }

  figure(tile, inside) {
    return el("figure", { class: inside ? "" : "card" }, el("img", { src: tile.image, alt: `${tile.shows} as ${tile.who} saw it` }), el("figcaption", {}, `${tile.who} sees ${tile.shows}`, el("small", {}, `${tile.note || "last picture"}, ${seconds(tile.at)}`)));
  }

  plots() {
    const plots = (this.doc.plots || []).filter((plot) => plot.values.some(([, value]) => value !== null));
    if (!plots.length) return null;
    return el("section", {}, el("h2", {}, "Courses"), el("div", { class: "plots" }, ...plots.map((plot) => this.plot(plot))));
  }

  plot(plot) {
    const known = plot.values.filter(([, value]) => value !== null), top = Math.max(...known.map(([, value]) => value)), low = Math.min(0, ...known.map(([, value]) => value));
    const x = (t) => (t / Math.max(0.2, this.doc.seconds)) * 100, y = (value) => 58 - ((value - low) / (top - low || 1)) * 54;
    let line = "", pen = false;
    for (const [t, value] of plot.values) { if (value === null) { pen = false; continue; } line += `${pen ? "L" : "M"}${x(t).toFixed(2)} ${y(value).toFixed(1)}`; pen = true; }
    const drawing = svg("svg", { viewBox: "0 0 100 60", preserveAspectRatio: "none", role: "img" });
    drawing.append(svg("line", { x1: 0, x2: 100, y1: 58, y2: 58 }), svg("path", { class: "area", d: `${line}L${x(known.at(-1)[0]).toFixed(2)} 58L${x(known[0][0]).toFixed(2)} 58Z` }), svg("path", { class: "line", d: line }));
    for (const check of this.checks) if (check.outcome === "failed") drawing.append(svg("rect", { x: x(check.at), width: Math.max(0.4, x(check.end ?? check.at) - x(check.at)), y: 0, height: 58, fill: "var(--bad)", opacity: 0.12 }));
    const number = (value) => (Math.abs(value) >= 100 ? Math.round(value) : +value.toFixed(1));
    return el("div", { class: "plot card" }, el("header", {}, el("b", {}, `${plot.who}: ${plot.name}`), el("span", {}, `${number(known.at(-1)[1])} ${plot.unit}`)), drawing, el("footer", {}, el("span", {}, "0 s"), el("span", {}, `${number(low)} to ${number(top)} ${plot.unit}`), el("span", {}, seconds(this.doc.seconds))));
  }

  steps() {
    if (!this.checks.length) return null;
    const body = el("tbody");
    for (const check of [...this.checks].sort((a, b) => a.at - b.at)) {
      const sign = { done: ["ok", "✓"], failed: ["no", "✗"], "not run": ["dim", "–"] }[check.outcome], [first] = check.message.split("\n");
      body.append(el("tr", {}, el("td", { class: "time" }, seconds(check.at)), el("td", { class: sign[0] }, sign[1]), el("td", {}, check.who), el("td", { class: "say" }, check.what, check.message && first !== check.what ? el("div", { class: check.outcome === "failed" ? "no" : "dim" }, first) : null), el("td", { class: "num" }, check.end === null ? "" : took(check.at, check.end)), el("td", { class: "num" }, check.place)));
    }
    const done = this.checks.filter((check) => check.outcome === "done").length;
    return el("section", {}, el("h2", {}, this.doc.script || "Script", el("small", {}, `${done} of ${this.checks.length} steps and expectations as wanted`)), el("div", { class: "card scroll" }, this.table(["at", "", "who", "what", "took", ""], body)));
  }

  problems() {
    if (!this.doc.problems.length) return null;
    const body = el("tbody");
    for (const one of this.doc.problems) body.append(el("tr", {}, el("td", { class: "time" }, seconds(one.t)), el("td", {}, this.names.get(one.participant_id) || one.participant_id || ""), el("td", { class: "num no" }, String(one.code)), el("td", { class: "say" }, one.reason, el("div", { class: "dim" }, one.mend))));
    return el("section", {}, el("h2", {}, "Problems", el("small", {}, "refused, which the SDK tells nobody")), el("div", { class: "card scroll" }, this.table(["at", "who", "code", "what, and what to do"], body)));
  }

  webhooks() {
    const hooks = this.doc.wire.filter((entry) => entry.kind === "webhook");
    if (!hooks.length) return null;
    const body = el("tbody");
    for (const hook of hooks) {
      const fine = hook.status !== null && hook.status < 300;
      this.openable(body, el("tr", { class: "open-able" }, el("td", { class: "time" }, seconds(hook.t)), el("td", {}, hook.event_type), el("td", { class: "num" }, String(hook.attempt)), el("td", { class: fine ? "ok" : "no" }, hook.error || String(hook.status)), el("td", { class: "num" }, `${hook.duration_ms} ms`), el("td", { class: "say mono" }, hook.url)), () => this.entryFacts(hook), 6);
    }
    return el("section", {}, el("h2", {}, "Webhooks", el("small", {}, `${hooks.length} attempts`)), el("div", { class: "card scroll" }, this.table(["at", "event", "attempt", "answer", "took", "to"], body)));
  }

  wire() {
    const { doc } = this;
    if (!doc.wire.length) return null;
    const body = el("tbody"), count = el("small"), shown = { limit: TABLE_ROWS }, texts = new Map();
    const search = el("input", { type: "search", placeholder: "filter: any text", "aria-label": "filter the wire log" });
    const who = el("select", { "aria-label": "participant" }, el("option", { value: "" }, "everybody"), ...doc.rows.filter((row) => row.kind !== "room").map((row) => el("option", { value: row.id }, row.name)));
    const kinds = [...new Set(doc.wire.map((entry) => entry.kind))], boxes = new Map();
    const bar = el("div", { class: "bar" }, search, who);
    for (const kind of kinds) { const box = el("input", { type: "checkbox", checked: true, onchange: () => fill() }); boxes.set(kind, box); bar.append(el("label", { class: "pick" }, box, { rest: "REST", frame: "signaling", webhook: "webhooks", fault: "faults" }[kind])); }
    const quiet = el("input", { type: "checkbox", checked: true, onchange: () => fill() });
    bar.append(el("label", { class: "pick" }, quiet, "without acks and keepalives"));
    const more = el("button", { class: "more", onclick: () => { shown.limit += 1000; fill(); } }, "Show more");
    const text = (entry) => { if (!texts.has(entry)) texts.set(entry, JSON.stringify(entry).toLowerCase()); return texts.get(entry); };
    const fill = () => {
      const wanted = search.value.trim().toLowerCase();
      const found = doc.wire.filter((entry) => boxes.get(entry.kind).checked && (!who.value || entry.participant_id === who.value) && (!quiet.checked || !/"janus":\s*"(ack|keepalive)"/.test(entry.text || "")) && (!wanted || text(entry).includes(wanted)));
      body.replaceChildren();
      for (const entry of found.slice(0, shown.limit)) this.wireRow(body, entry);
      count.textContent = found.length === doc.wire.length ? `${found.length} entries` : `${found.length} of ${doc.wire.length} entries`;
      if (doc.dropped) count.textContent += `; ${doc.dropped} older ones are not kept`;
      more.style.display = found.length > shown.limit ? "" : "none";
    };
    search.addEventListener("input", fill);
    who.addEventListener("change", fill);
    fill();
    return el("section", {}, el("h2", {}, "Wire log", count), bar, el("div", { class: "card scroll" }, this.table(["#", "at", "who", "", "what", ""], body), more));
  }

  wireRow(body, entry) {
    const who = entry.kind === "frame" ? this.names.get(entry.participant_id) || entry.participant_id || "" : { rest: entry.surface === "admin" ? "admin" : "REST", webhook: "webhook", fault: "fault" }[entry.kind];
    const arrow = entry.kind === "frame" ? (entry.direction === "in" ? "→" : "←") : entry.kind === "webhook" ? "⇥" : entry.kind === "rest" ? "⇄" : "⚡";
    const [what, size, bad] = this.wireText(entry);
    this.openable(body, el("tr", { class: "open-able" }, el("td", { class: "num" }, String(entry.number)), el("td", { class: "time" }, seconds(entry.t)), el("td", {}, who), el("td", { class: "arrow" }, arrow), el("td", { class: `say${bad ? " no" : ""}` }, what), el("td", { class: "num" }, size)), () => this.entryFacts(entry), 6);
  }

  wireText(entry) {
    if (entry.kind === "rest") return [`${entry.method} ${entry.path}${entry.query ? `?${entry.query}` : ""}: ${entry.status ?? "no answer"}`, `${entry.duration_ms.toFixed(1)} ms`, entry.status === null || entry.status >= 400];
    if (entry.kind === "webhook") return [`${entry.event_type}, attempt ${entry.attempt}: ${entry.error || entry.status}`, `${entry.duration_ms} ms`, entry.error || entry.status >= 300];
    if (entry.kind === "fault") return [`${entry.surface} ${entry.what} (${entry.id})`, "", true];
    if (entry.close !== undefined) return [entry.close === 1006 ? "the connection breaks" : `Close ${entry.close}`, "", entry.close >= 3000 || entry.close === 1006];
    const length = `${entry.size ?? entry.text.length} B`;
    let frame;
    try { frame = JSON.parse(entry.text); } catch { return [entry.text.slice(0, 90), length, false]; }
    if (frame.textroom) return [`textroom ${frame.textroom}${frame.text ? `: ${String(frame.text).slice(0, 80)}` : ""}`, length, frame.textroom === "error"];
    const data = frame.plugindata && frame.plugindata.data, inner = frame.body || data || {};
    const plugin = (frame.plugin || (frame.plugindata && frame.plugindata.plugin) || "").split(".").pop();
    const word = frame.body ? frame.body.request : plugin && inner[plugin] ? inner[plugin] : "";
    const about = ["publishers", "unpublished", "leaving", "kicked", "joining", "configured", "talking", "participants", "error"].filter((name) => inner[name] !== undefined);
    const parts = [frame.janus, plugin, word, ...about.filter((name) => name !== word), frame.jsep ? `(${frame.jsep.type})` : "", frame.error ? `${frame.error.code} ${frame.error.reason}` : "", inner.error_code ? `${inner.error_code} ${inner.error}` : ""];
    return [parts.filter(Boolean).join(" "), length, Boolean(frame.error || inner.error_code || frame.status_code)];
  }

  entryFacts(entry) {
    const told = {};
    for (const [name, value] of Object.entries(entry)) {
      if (["t", "real", "kind", "number"].includes(name) || value === null || value === "") continue;
      told[name] = typeof value === "string" ? pretty(value) : JSON.stringify(value);
    }
    return told;
  }

  openable(body, row, facts, columns) {
    const toggle = () => {
      const next = row.nextSibling;
      if (next && next.classList.contains("opened")) { next.remove(); return; }
      const told = Object.entries(facts()).map(([name, value]) => `${name}: ${value.includes("\n") ? "\n" : ""}${value}`).join("\n");
      row.after(el("tr", { class: "opened" }, el("td", { colspan: String(columns) }, el("pre", {}, told))));
    };
    row.tabIndex = 0;
    row.addEventListener("click", toggle);
    row.addEventListener("keydown", (event) => { if (event.key === "Enter") toggle(); });
    body.append(row);
  }

  table(heads, body) {
    return el("table", {}, el("thead", {}, el("tr", {}, ...heads.map((head) => el("th", {}, head)))), body);
  }
}

new Page(JSON.parse(document.getElementById("timeline").textContent));
