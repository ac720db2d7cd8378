"use strict";
// Draws the ladders that stand in the element "data". Only what is in view is drawn, so that ten thousand recipients
// cost no more than a hundred.
const data = JSON.parse(document.getElementById("data").textContent);
const SIZE = { time: 54, left: 184, arrows: 140, right: 140, apart: 12, head: 118, foot: 60, line: 15, strip: 9, cut: 26 };
const LANE = SIZE.left + SIZE.arrows + SIZE.right + SIZE.apart;
const MOST_LINES = 400, MARGIN = 300;
const diagram = document.getElementById("diagram"), panel = document.getElementById("panel");
const svg = element("svg"), spacer = document.createElement("div"), tip = document.createElement("div");
const total = data.axis.reduce((sum, one) => sum + (one[4] ? 0 : one[3] - one[2]), 0) || 1; // without what is cut
const ladders = data.ladders.map((one, number) => prepared(one, number));
const width = ladders.reduce((sum, one) => sum + one.width, 0);
const first = Math.min(30000000 / total, roomy(Math.max(420, ...ladders.map(needed)) / total));
let scale = first, chosen = null, pending = false, bases = [], hidden = 0;

function element(name, attributes = {}, text) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

function html(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

function prepared(ladder, number) {
  const count = Math.max(0, ...ladder.lanes) + 1;
  const lanes = Array.from({ length: count }, () => ({ steps: [], left: [], right: [] }));
  ladder.steps.forEach((step, place) => {
    step.place = place;
    step.ladder = ladder;
    step.count = step.runs.reduce((sum, run) => sum + run[5], 0);
    step.top = Math.min(step.client, step.server ?? step.client);
    step.bottom = Math.max(step.client, step.server ?? step.client);
    const lane = lanes[ladder.lanes[step.connection]];
    lane.steps.push(step);
    const label = { step, at: step.kind === "read" ? step.server ?? step.client : step.client, lines: labelOf(ladder, step) };
    label.strip = step.kind === "group" ? [] : step.strip;
    label.height = label.lines.length * SIZE.line + (label.strip.length ? SIZE.strip + 6 : 0) + 4;
    (step.kind === "read" ? lane.right : lane.left).push(label);
  });
  for (const lane of lanes) {
    lane.steps.sort((a, b) => a.top - b.top);
    lane.left.sort((a, b) => a.at - b.at);
    lane.right.sort((a, b) => a.at - b.at);
    lane.longest = lane.steps.reduce((most, step) => Math.max(most, step.bottom - step.top), 0);
  }
  const left = number ? data.ladders.slice(0, number).reduce((sum, one) => sum + one.width, 0) : 0;
  return Object.assign(ladder, { lanesOf: lanes, left, width: SIZE.time + count * LANE + SIZE.apart });
}

function labelOf(ladder, step) {
  switch (step.kind) {
    case "connect": {
      const server = ` to ${ladder.servers[step.connection] ?? ""}`, name = ladder.connections[step.connection];
      return [[cut(name.endsWith(server) ? name.slice(0, -server.length) : name), "command"]];
    }
    case "group": return [[step.parts.map((part) => part[0]).join(" · "), "command"]];
    case "read": case "conclusion": return step.parts;
    case "handshake": return [["TLS handshake", "command"]];
    default: return [[step.note || "QUIT", "command"]];
  }
}

function cut(text) {
  return text.length > 27 ? `${text.slice(0, 26)}…` : text;
}

function needed(ladder) {
  const columns = ladder.lanesOf.flatMap((lane) => [lane.left, lane.right]);
  return 1.15 * Math.max(...columns.map((labels) => labels.reduce((sum, label) => sum + label.height, 0)));
}

// The smallest of some scales at which few labels are far from their instants.
function roomy(least) {
  const columns = ladders.flatMap((ladder) => ladder.lanesOf.flatMap((lane) => [lane.left, lane.right]));
  for (const factor of [1, 1.4, 2, 2.8, 4]) {
    let far = 0, all = 0;
    for (const labels of columns) {
      let free = -Infinity;
      for (const label of labels) {
        const top = Math.max(free, label.at * least * factor);
        far += top - label.at * least * factor > 60;
        all += 1;
        free = top + label.height;
      }
    }
    if (far <= all / 20) return least * factor;
  }
  return least;
}

// Where each stretch of the axis begins: to scale, but for waits that are cut.
function measure() {
  let top = SIZE.head;
  bases = data.axis.map(([, , begin, end, isCut]) => {
    const base = top;
    top += isCut ? SIZE.cut : (end - begin) * scale;
    return base;
  });
  bases.push(top);
}

function y(at) {
  let low = 0, high = data.axis.length - 1;
  while (low < high) { const middle = (low + high + 1) >> 1; if (data.axis[middle][2] <= at) low = middle; else high = middle - 1; }
  const [, , begin, end, isCut] = data.axis[low];
  return bases[low] + (at - begin) * (isCut ? SIZE.cut / (end - begin) : scale);
}

function instant(place) {
  let low = 0, high = data.axis.length - 1;
  while (low < high) { const middle = (low + high + 1) >> 1; if (bases[middle] <= place) low = middle; else high = middle - 1; }
  const [, , begin, end, isCut] = data.axis[low];
  return begin + (place - bases[low]) / (isCut ? SIZE.cut / (end - begin) : scale);
}

const end = () => bases[bases.length - 1];

function draw() {
  pending = false;
  hidden = 0;
  measure();
  const height = end() + SIZE.foot;
  spacer.style.height = `${height}px`;
  spacer.style.width = `${width}px`;
  const begin = Math.max(0, diagram.scrollTop - MARGIN), last = diagram.scrollTop + diagram.clientHeight + MARGIN;
  svg.style.top = `${begin}px`;
  svg.setAttribute("width", Math.max(width, diagram.clientWidth));
  svg.setAttribute("height", Math.min(last, height) - begin);
  svg.setAttribute("viewBox", `0 ${begin} ${Math.max(width, diagram.clientWidth)} ${Math.min(last, height) - begin}`);
  svg.replaceChildren();
  for (const [, , top, bottom, isCut] of data.axis) if (isCut) drawBreak(top, bottom);
  for (const ladder of ladders) drawLadder(ladder, begin, last);
  document.getElementById("hidden").textContent = hidden ? `${hidden.toLocaleString("en")} labels have no room here: zoom in.` : "";
}

function drawBreak(top, bottom) {
  svg.append(element("rect", { x: 0, width, y: y(top), height: SIZE.cut, fill: "#ededed" }));
  const one = data.axis.find((stretch) => stretch[2] === top);
  for (const ladder of ladders) {
    const x = ladder.left + SIZE.time + SIZE.left + SIZE.arrows / 2;
    svg.append(element("text", { x, y: y(top) + SIZE.cut / 2 + 4, "text-anchor": "middle", fill: "#555" }, `${seconds(one[1] - one[0])} later`));
  }
}

function seconds(value) {
  if (value < 120) return `${+value.toPrecision(4)} s`;
  return value < 7200 ? `${+(value / 60).toPrecision(3)} min` : `${+(value / 3600).toPrecision(3)} h`;
}

function drawLadder(ladder, begin, last) {
  drawHead(ladder);
  drawTimes(ladder, begin, last);
  ladder.lanesOf.forEach((lane, number) => {
    const client = ladder.left + SIZE.time + number * LANE + SIZE.left, server = client + SIZE.arrows;
    const name = lane.steps.length ? ladder.servers[lane.steps[0].connection] : "";
    for (const [x, text] of [[client, "client"], [server, name || "server"]]) {
      svg.append(element("text", { x, y: SIZE.head - 16, "text-anchor": "middle", fill: "#555" }, text));
      svg.append(element("line", { x1: x, x2: x, y1: SIZE.head - 10, y2: end() + 10, stroke: "#666", "stroke-width": 1.5 }));
    }
    if (data.parting !== null) svg.append(element("line", { x1: client, x2: server, y1: y(data.parting), y2: y(data.parting), stroke: "#444", "stroke-dasharray": "6 4", "stroke-width": 1.5 }));
    for (const step of between(lane, begin, last)) drawStep(step, client, server);
    drawLabels(lane.left, client, begin, last, true);
    drawLabels(lane.right, server, begin, last, false);
  });
}

// What became of everybody stands first: it is what a reader wants to know.
function drawHead(ladder) {
  const x = ladder.left + SIZE.apart, room = Math.min(ladder.width, diagram.clientWidth) - 2 * SIZE.apart;
  svg.append(element("text", { x, y: 20, "font-weight": 700, "font-size": 15 }, ladder.title));
  if (!ladder.truths.length) return;
  const text = element("text", { x, y: 42 }, `What became of ${ladder.recipients.length.toLocaleString("en")}: `);
  for (const [words, kind] of ladder.truths) {
    text.append(element("tspan", { fill: data.colours[kind], "font-weight": 700 }, `${words}  `));
  }
  svg.append(text);
  strip(x, 50, room, ladder.truths.map(([, kind, many]) => [kind, many]), null);
}

function drawTimes(ladder, begin, last) {
  for (const [from, to, top, bottom, isCut] of data.axis) {
    if (isCut || to <= from) continue;
    const rough = 70 / (scale * ((bottom - top) / (to - from))), power = 10 ** Math.floor(Math.log10(rough));
    const every = [1, 2, 5, 10].map((one) => one * power).find((one) => one >= rough);
    const start = Math.max(from, from + instant(begin) - top);
    for (let at = Math.ceil(start / every) * every; at <= to; at += every) {
      const place = y(top + (at - from) * ((bottom - top) / (to - from)));
      if (place > last) break;
      svg.append(element("text", { x: ladder.left + 4, y: place + 4, fill: "#777", "font-size": 11 }, `${+at.toPrecision(8)} s`));
    }
  }
}

function between(lane, begin, last) {
  const from = instant(begin) - lane.longest, to = instant(last);
  let low = 0, high = lane.steps.length;
  while (low < high) { const middle = (low + high) >> 1; if (lane.steps[middle].top < from) low = middle + 1; else high = middle; }
  const found = [];
  const drawn = {};
  for (; low < lane.steps.length && lane.steps[low].top <= to; low++) {
    const step = lane.steps[low];
    // Where many steps share a pixel, one of each kind is enough.
    const pixel = Math.round(y(step.top) * 2);
    if (drawn[step.kind] === pixel && step !== chosen?.step) continue;
    drawn[step.kind] = pixel;
    found.push(step);
  }
  return found;
}

function worst(step) {
  const kinds = new Set(step.parts.map((part) => part[1]));
  return ["refused", "over-limit", "deferred"].find((kind) => kinds.has(kind)) ?? "accepted";
}

function drawStep(step, client, server) {
  const at = y(step.client), other = y(step.server ?? step.client);
  const isChosen = chosen && (chosen.step === step || chosen.steps?.has(step));
  const group = element("g", { class: isChosen ? "step chosen" : "step", tabindex: 0, "data-step": step.place });
  if (step.kind === "connect") {
    const third = (other - at) / 3;
    [[client, server], [server, client], [client, server]].forEach(([x1, x2], n) => arrow(group, x1, at + n * third, x2, at + (n + 1) * third, "#aaa"));
  } else if (step.kind === "read") {
    const kind = worst(step);
    arrow(group, server, other, client, at, data.colours[kind], step.count > 2 ? 2 : 1.3);
    if (kind !== "accepted") for (const share of [0.3, 0.5, 0.7]) cross(group, client + SIZE.arrows * share, at + (other - at) * share, data.colours[kind]);
  } else if (step.kind === "conclusion") {
    group.append(element("path", { d: `M${client - 6} ${at}l6 -6l6 6l-6 6z`, fill: "#222", class: "arrow" }));
  } else if (step.fromServer) {
    arrow(group, server, other, client, at, data.colours.command);
  } else {
    arrow(group, client, at, server, other, data.colours.command, step.count > 2 ? 2 : 1.3);
  }
  listen(group, step);
  svg.append(group);
}

function arrow(group, x1, y1, x2, y2, colour, thick = 1) {
  const length = Math.hypot(x2 - x1, y2 - y1), dx = (x2 - x1) / length, dy = (y2 - y1) / length;
  group.append(element("line", { x1, y1, x2: x2 - 5 * dx, y2: y2 - 5 * dy, stroke: colour, "stroke-width": thick, class: "arrow" }));
  const points = [[x2, y2], [x2 - 8 * dx + 4 * dy, y2 - 8 * dy - 4 * dx], [x2 - 8 * dx - 4 * dy, y2 - 8 * dy + 4 * dx]];
  group.append(element("polygon", { points: points.map((one) => one.join(",")).join(" "), fill: colour }));
  group.append(element("line", { x1, y1, x2, y2, class: "hit" }));
}

function cross(group, x, at, colour) {
  group.append(element("path", { d: `M${x - 4} ${at - 4}l8 8m0 -8l-8 8`, stroke: colour, "stroke-width": 1.6, fill: "none" }));
}

function placed(labels, begin, last) {
  // Beside its instant where there is room, else below the label before; those at the end move up again.
  const found = [];
  let free = -Infinity;
  for (const label of labels) {
    const at = y(label.at);
    if (at < begin - 100) continue;
    if (at > last) break;
    const top = Math.max(free, at - SIZE.line / 2);
    if (top - at > 150 && chosen?.step !== label.step) { hidden += 1; continue; } // no room at this zoom
    free = top + label.height;
    found.push([label, top, at]);
  }
  let limit = end() + 30;
  for (const one of found.reverse()) {
    one[1] = Math.min(one[1], limit - one[0].height);
    limit = one[1];
  }
  return found;
}

function drawLabels(labels, lifeline, begin, last, isLeft) {
  const side = isLeft ? -1 : 1, room = (isLeft ? SIZE.left : SIZE.right) - 24, x = lifeline + side * 14;
  for (const [label, top, at] of placed(labels, begin, last)) {
    const isChosen = chosen && (chosen.step === label.step || chosen.steps?.has(label.step));
    const group = element("g", { class: isChosen ? "step chosen" : "step" });
    if (Math.abs(top + SIZE.line / 2 - at) > 2) group.append(element("line", { x1: lifeline, y1: at, x2: x - side * 3, y2: top + SIZE.line / 2, stroke: "#ccc" }));
    label.lines.forEach(([text, kind], n) => group.append(element("text", { x, y: top + (n + 0.8) * SIZE.line, "text-anchor": isLeft ? "end" : "start", fill: data.colours[kind], stroke: "#fff", "stroke-width": 3, "paint-order": "stroke" }, text)));
    listen(group, label.step);
    svg.append(group);
    if (label.strip.length) strip(isLeft ? x - room : x, top + label.lines.length * SIZE.line + 3, room, label.strip, label.step);
  }
}

function strip(x, at, room, runs, step) {
  const all = runs.reduce((sum, run) => sum + run[1], 0), least = Math.min(4, room / runs.length / 2);
  let widths = runs.map((run) => Math.max(least, room * run[1] / all));
  const sum = widths.reduce((one, two) => one + two, 0);
  widths = widths.map((one) => one * room / sum);
  runs.forEach(([kind, many], n) => {
    const look = { x, y: at, width: Math.max(0.3, widths[n]), height: SIZE.strip, fill: data.colours[kind] };
    const box = element("rect", step ? { ...look, class: "strip" } : look);
    if (runs.length < 40) { box.setAttribute("stroke", "#fff"); box.setAttribute("stroke-width", 0.6); }
    if (step) listen(box, step, kind);
    else listenTip(box, () => `${many.toLocaleString("en")} ${data.classes[kind][0]}: ${data.classes[kind][1]}`);
    svg.append(box);
    x += widths[n];
  });
}

function title(step) {
  const names = { connect: "the client connects", handshake: "TLS handshake", group: `group ${step.number}`, read: `read ${step.number}`, conclusion: step.note, close: step.note || "the client leaves" };
  return names[step.kind];
}

function capital(text) {
  return text[0].toUpperCase() + text.slice(1);
}

function facts(step) {
  const found = [step.ladder.connections[step.connection], `${+step.clientS.toFixed(6)} s at the client`];
  if (step.serverS !== null && step.serverS !== step.clientS) found.push(`${+step.serverS.toFixed(6)} s at the server`);
  if (step.octets) found.push(`${step.octets.toLocaleString("en")} octets`);
  return found.join(", ");
}

function listen(node, step, kind) {
  node.addEventListener("click", () => choose({ step, kind }));
  node.addEventListener("keydown", (event) => { if (event.key === "Enter") choose({ step, kind }); });
  listenTip(node, () => [capital(title(step)), ...step.parts.slice(0, 12).map((part) => part[0]), facts(step)].join("\n"));
}

function listenTip(node, text) {
  node.addEventListener("mousemove", (event) => {
    tip.textContent = text();
    tip.style.display = "block";
    tip.style.left = `${Math.min(event.clientX + 12, innerWidth - 300)}px`;
    tip.style.top = `${event.clientY + 14}px`;
  });
  node.addEventListener("mouseleave", () => { tip.style.display = "none"; });
}

function choose(what) {
  chosen = what;
  tip.style.display = "none";
  const close = html("button", "Close");
  close.addEventListener("click", leave);
  panel.hidden = false;
  panel.replaceChildren(close);
  draw();
  if (what.recipient !== undefined) tellRecipient(what);
  tellStep(what);
  panel.scrollTop = 0;
}

// A run holds lines that differ by the address alone; a line is [text, kind, recipient].
function linesOf(step, from = 0, most = Infinity, kind = null) {
  const { texts, recipients } = step.ladder, found = [];
  let place = 0;
  for (const [text, , , own, first, count] of step.runs) {
    if (kind && own !== kind) continue;
    for (let n = Math.max(0, from - place); n < count && found.length < most; n++) {
      const recipient = first < 0 ? -1 : first + n;
      found.push([texts[text].replaceAll("\0", () => recipient < 0 ? "" : recipients[recipient][0]), own, recipient]);
    }
    place += count;
    if (found.length >= most) break;
  }
  return found;
}

function placeOf(step, recipient, kind = null) {
  let place = 0;
  for (const [, , , own, first, count] of step.runs) {
    if (kind && own !== kind) continue;
    if (first >= 0 && recipient >= first && recipient < first + count) return place + recipient - first;
    place += count;
  }
  return -1;
}

function tellStep({ step, kind, recipient }) {
  panel.append(html("h2", capital(title(step))), html("p", facts(step), "soft"));
  if (step.kind === "conclusion") panel.append(html("p", "What the sender takes each recipient for; what was true stands behind it.", "soft"));
  if (kind) {
    const all = html("button", `Show all ${step.count.toLocaleString("en")}`);
    all.addEventListener("click", () => choose({ step }));
    panel.append(all);
  }
  list(step, kind, recipient);
}

function lineText(step, [text, , recipient]) {
  const who = step.ladder.recipients[recipient];
  if (step.kind === "conclusion") return `${who ? who[0] : ""}: ${text}${who?.[2] ? ` (${data.classes[who[2]][0]})` : ""}`;
  const side = step.kind === "read" ? "S" : "C", told = text.split("\n").map((line) => `${side}: ${line}`).join("\n");
  return told + (step.kind === "read" && who ? `  ← ${who[0]}` : "");
}

function list(step, kind, recipient) {
  const items = html("ol"), more = html("button");
  const total = kind ? step.runs.reduce((sum, run) => sum + (run[3] === kind ? run[5] : 0), 0) : step.count;
  let count = recipient === undefined ? 0 : Math.max(0, placeOf(step, recipient, kind) - 5);
  if (count) {
    const all = html("button", `Show ${count.toLocaleString("en")} before`);
    all.addEventListener("click", () => choose({ step }));
    panel.append(all);
  }
  function add(most) {
    for (const line of linesOf(step, count, most, kind)) {
      const item = html("li", lineText(step, line), line[2] >= 0 ? "link" : "");
      item.style.borderLeftColor = data.colours[line[1]];
      if (line[2] >= 0) {
        item.tabIndex = 0;
        item.addEventListener("click", () => choose({ step, recipient: line[2] }));
        item.addEventListener("keydown", (event) => { if (event.key === "Enter") item.click(); });
        if (line[2] === recipient) item.classList.add("chosen");
      }
      items.append(item);
    }
    count += most;
    more.textContent = `Show ${Math.max(0, total - count).toLocaleString("en")} more`;
    more.hidden = count >= total;
  }
  more.addEventListener("click", () => add(MOST_LINES * 5));
  add(MOST_LINES);
  panel.append(items, more);
}

function tellRecipient(what) {
  const [address, message] = what.step.ladder.recipients[what.recipient];
  what.steps = new Set();
  panel.append(html("h2", address), html("p", `Recipient of message ${message + 1}`, "soft"));
  for (const ladder of ladders) {
    const place = ladder.recipients.findIndex((one) => one[0] === address && one[1] === message);
    if (place >= 0) tellFate(ladder, place, what);
  }
  panel.append(html("hr"));
  draw();
}

function tellFate(ladder, place, what) {
  const [, , truth, ndr] = ladder.recipients[place], items = html("ol");
  if (ladders.length > 1) panel.append(html("h3", ladder.title));
  for (const step of ladder.steps) {
    const at = placeOf(step, place);
    if (at < 0) continue;
    what.steps.add(step);
    const [[text, kind]] = linesOf(step, at, 1), item = html("li", `${ladder.connections[step.connection]}, ${title(step)}: ${text}`, "link");
    item.style.borderLeftColor = data.colours[kind];
    item.addEventListener("click", () => { choose({ step, recipient: place }); show(step); });
    items.append(item);
  }
  panel.append(items, html("p", `What became of it: ${data.classes[truth][0]} (${data.classes[truth][1]}).`));
  if (ladder.texts[ndr]) panel.append(html("p", "Non-delivery report:"), html("pre", ladder.texts[ndr]));
}

function show(step) {
  diagram.scrollTop = y(step.top) - diagram.clientHeight / 3;
}

function zoom(factor, at = diagram.clientHeight / 2) {
  const time = instant(diagram.scrollTop + at);
  scale = Math.min(30000000 / total, Math.max(200 / total, scale * factor));
  draw();
  diagram.scrollTop = y(time) - at;
  draw();
}

let sought = "", matches = [], next = 0;

function find(text) {
  const found = document.getElementById("found");
  if (text !== sought) {
    [sought, next] = [text, 0];
    matches = !text ? [] : ladders.slice(0, 1).flatMap((ladder) => ladder.recipients.flatMap((one, place) => one[0].toLowerCase().includes(text.toLowerCase()) ? [place] : []));
  }
  if (!matches.length) {
    found.textContent = text ? "no such recipient" : "";
    leave();
    return;
  }
  const ladder = ladders[0], place = matches[next % matches.length];
  const step = ladder.steps.find((one) => placeOf(one, place) >= 0);
  found.textContent = matches.length > 1 ? `${(next % matches.length) + 1} of ${matches.length.toLocaleString("en")}: Enter for the next` : "";
  next += 1;
  if (!step) { found.textContent = "nothing was said about it"; return; }
  choose({ step, recipient: place });
  show(step);
}

function leave() {
  chosen = null;
  panel.hidden = true;
  draw();
}

function follow() {
  if (location.hash.length > 1) find(decodeURIComponent(location.hash.slice(1)));
}

function later() {
  if (!pending) { pending = true; requestAnimationFrame(draw); }
}

tip.id = "tip";
document.body.append(tip);
diagram.append(spacer, svg);
diagram.addEventListener("scroll", later);
new ResizeObserver(later).observe(diagram);
diagram.addEventListener("wheel", (event) => {
  if (!event.ctrlKey) return;
  event.preventDefault();
  zoom(event.deltaY < 0 ? 1.25 : 0.8, event.clientY - diagram.getBoundingClientRect().top);
}, { passive: false });
addEventListener("keydown", (event) => {
  if (event.key === "Escape") leave();
  if (event.target.tagName === "INPUT") return;
  if (event.key === "+") zoom(1.5);
  else if (event.key === "-") zoom(1 / 1.5);
  else if (event.key === "0") zoom(first / scale);
});
document.getElementById("in").addEventListener("click", () => zoom(1.5));
document.getElementById("out").addEventListener("click", () => zoom(1 / 1.5));
document.getElementById("fit").addEventListener("click", () => zoom(first / scale));
document.getElementById("find").addEventListener("keydown", (event) => { if (event.key === "Enter") find(event.target.value.trim()); });
document.getElementById("find").addEventListener("search", (event) => { if (!event.target.value) find(""); });
for (const note of new Set(ladders.flatMap((ladder) => ladder.notes))) document.getElementById("notes").append(html("p", note));
document.getElementById("parting").hidden = data.parting === null;
addEventListener("hashchange", follow);
draw();
follow(); // page.html#address opens at that recipient
document.body.dataset.drawnAfterMs = Math.round(performance.now());
