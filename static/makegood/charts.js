// Prices over time: bid, ask and mid, outage windows shaded, extremes and orders marked. Chart.js comes with the back office.
//
// A page includes templates/incidents/_chart.html with `chart`, a dictionary that becomes this JSON:
//
//   series:  {t: […], bid: […], ask: […], mid: […]}   t in epoch milliseconds (fractions are microseconds), rising; prices as
//                                     numbers or as exact decimal texts; null breaks a line. A quote holds until the next.
//   stretch: [from, to]               what the picture shows; absent: as far as there is something
//   windows: [[from, to], …]          shaded: the outage; `to` null: it lasts
//   ranges:  [[from, to], …]          hatched: what a manager marked abnormal
//   gaps:    [[from, to], …]          a bar at the foot: no quote for longer than the page says
//   marks:   [{t, price, label, kind}, …]   kind: best_bid, best_ask, entry, exit, reference, value, event
//   lines:   [{price, label}, …]      horizontal
//   zone:    "Asia/Shanghai"          the incident's own zone, as a second clock; absent or UTC: none
//
// All but `series` may be absent. Drawing uses floats; the table twin and the tips show the texts as they came.
"use strict";
(() => {
  const SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, DAY = 24 * HOUR;
  const STEPS = [1, 2, 5, 10, 15, 30].map((n) => n * SECOND)
    .concat([1, 2, 5, 10, 15, 30].map((n) => n * MINUTE), [1, 2, 3, 6, 12].map((n) => n * HOUR), [1, 2, 7, 14, 30].map((n) => n * DAY));
  const NAMES = ["bid", "ask", "mid"];
  const SHAPES = {
    best_bid: { style: "triangle", turn: 0, colour: "bid" },
    best_ask: { style: "triangle", turn: 180, colour: "ask" },
    entry: { style: "circle", turn: 0, colour: "mark" },
    exit: { style: "rect", turn: 0, colour: "mark" },
    reference: { style: "rectRot", turn: 0, colour: "good" },
    value: { style: "rectRot", turn: 0, colour: "mark" },
    event: { style: "star", turn: 0, colour: "mark" },
  };
  const drawn = new Map(); // figure -> its chart

  // --- clocks

  const clocks = new Map();
  function clock(zone) {
    if (!clocks.has(zone)) {
      clocks.set(zone, new Intl.DateTimeFormat("en-CA", {
        timeZone: zone, hourCycle: "h23", year: "numeric", month: "2-digit", day: "2-digit",
        hour: "2-digit", minute: "2-digit", second: "2-digit",
      }));
    }
    return clocks.get(zone);
  }
  function parts(t, zone) {
    return Object.fromEntries(clock(zone).formatToParts(new Date(Math.floor(t))).map((part) => [part.type, part.value]));
  }
  function ahead(t, zone) { // of UTC, in milliseconds
    const p = parts(t, zone);
    return Date.UTC(p.year, p.month - 1, p.day, p.hour, p.minute, p.second) - Math.floor(t / SECOND) * SECOND;
  }
  function instant(t, zone) {
    const p = parts(t, zone), micros = Math.round((t - Math.floor(t / SECOND) * SECOND) * 1000);
    const fraction = micros ? "." + String(micros).padStart(6, "0").replace(/0+$/, "") : "";
    return `${p.year}-${p.month}-${p.day} ${p.hour}:${p.minute}:${p.second}${fraction} ${zone}`;
  }
  function tick(t, zone, step) {
    const p = parts(t, zone);
    if (step >= DAY || p.hour + p.minute + p.second === "000000") return `${p.month}-${p.day}`;
    return step < MINUTE ? `${p.hour}:${p.minute}:${p.second}` : `${p.hour}:${p.minute}`;
  }

  // --- colours, from the stylesheet: both themes

  function colours(figure) {
    const style = getComputedStyle(figure);
    const named = (name) => style.getPropertyValue(`--mg-${name}`).trim();
    return Object.fromEntries(["bid", "ask", "mid", "mark", "good", "window", "edge", "warn", "line", "ink", "dim", "card"]
      .map((name) => [name, named(name)]));
  }

  // --- what lies under and over the lines

  const under = {
    id: "under",
    beforeDatasetsDraw(chart) {
      const { ctx, chartArea: area, scales: { x } } = chart, { data, colour } = chart.mg;
      const across = ([from, to]) => {
        const left = Math.max(area.left, x.getPixelForValue(from));
        return [left, Math.min(area.right, to === null ? area.right : x.getPixelForValue(to)) - left];
      };
      ctx.save();
      for (const window of data.windows || []) {
        const [left, width] = across(window);
        if (width < 0) continue;
        ctx.fillStyle = colour.window;
        ctx.fillRect(left, area.top, width, area.bottom - area.top);
        ctx.fillStyle = colour.edge;
        ctx.fillRect(left, area.top, 1, area.bottom - area.top);
        ctx.fillRect(left + width - 1, area.top, 1, area.bottom - area.top);
      }
      for (const range of [...(data.ranges || []), ...(chart.mg.picked ? [[...chart.mg.picked].sort((a, b) => a - b)] : [])]) {
        const [left, width] = across(range);
        if (width >= 0) hatch(ctx, left, area.top, Math.max(width, 2), area.bottom - area.top, colour.warn);
      }
      ctx.fillStyle = colour.warn;
      for (const gap of data.gaps || []) {
        const [left, width] = across(gap);
        if (width >= 0) ctx.fillRect(left, area.bottom - 5, Math.max(width, 1), 5);
      }
      ctx.restore();
    },
  };
  function hatch(ctx, left, top, width, height, colour) {
    ctx.save();
    ctx.beginPath();
    ctx.rect(left, top, width, height);
    ctx.clip();
    ctx.strokeStyle = colour;
    ctx.globalAlpha = 0.45;
    for (let start = left - height; start < left + width; start += 8) {
      ctx.beginPath();
      ctx.moveTo(start, top + height);
      ctx.lineTo(start + height, top);
      ctx.stroke();
    }
    ctx.restore();
  }

  const over = {
    id: "over",
    afterDatasetsDraw(chart) {
      const { ctx, chartArea: area, scales: { y } } = chart, { data, colour } = chart.mg;
      ctx.save();
      ctx.font = "600 12px Inter, sans-serif";
      for (const line of data.lines || []) {
        const height = y.getPixelForValue(Number(line.price));
        if (height < area.top || height > area.bottom) continue;
        ctx.strokeStyle = colour.ink;
        ctx.setLineDash([2, 4]);
        ctx.beginPath();
        ctx.moveTo(area.left, height);
        ctx.lineTo(area.right, height);
        ctx.stroke();
        write(ctx, line.label, area.left + 6, height - 5, area, colour);
      }
      if (area.right - area.left >= 480) {
        for (const { element, mark } of marksOf(chart)) {
          const below = mark.kind === "best_ask" || mark.kind === "exit";
          write(ctx, mark.label, element.x + 10, element.y + (below ? 16 : -8), area, colour);
        }
      }
      ctx.restore();
    },
  };
  function marksOf(chart) {
    const place = chart.data.datasets.findIndex((set) => set.name === "marks");
    if (place < 0 || !chart.isDatasetVisible(place)) return [];
    return chart.getDatasetMeta(place).data.map((element, n) => ({ element, mark: chart.mg.data.marks[n] }));
  }
  function write(ctx, text, left, base, area, colour) { // readable on any line, inside the picture
    const room = area.right - ctx.measureText(text).width - 4;
    const x = Math.max(area.left + 4, Math.min(left, room)), y = Math.max(area.top + 12, Math.min(base, area.bottom - 8));
    ctx.setLineDash([]);
    ctx.lineWidth = 4;
    ctx.strokeStyle = colour.card;
    ctx.strokeText(text, x, y);
    ctx.fillStyle = colour.ink;
    ctx.fillText(text, x, y);
    ctx.lineWidth = 1;
  }

  // --- one figure

  function lines(data, colour) {
    const { t } = data.series;
    const sets = NAMES.filter((name) => data.series[name]).map((name) => ({
      name,
      data: data.series[name].map((price, n) => ({ x: t[n], y: price === null ? NaN : Number(price) })),
      stepped: "before",
      borderColor: colour[name],
      borderWidth: name === "mid" ? 1 : 1.5,
      borderDash: name === "mid" ? [5, 4] : [],
      pointRadius: t.length > 120 || name === "mid" ? 0 : 2,
      pointBackgroundColor: colour[name],
      pointHitRadius: 6,
    }));
    const marks = data.marks || [];
    const shapes = marks.map((mark) => SHAPES[mark.kind] || SHAPES.event);
    sets.push({
      name: "marks",
      data: marks.map((mark) => ({ x: mark.t, y: Number(mark.price) })),
      showLine: false,
      order: -1,
      pointStyle: shapes.map((shape) => shape.style),
      pointRotation: shapes.map((shape) => shape.turn),
      pointRadius: 7,
      pointHoverRadius: 9,
      pointBorderWidth: 2,
      pointBackgroundColor: shapes.map((shape) => colour[shape.colour]),
      pointBorderColor: shapes.map((shape) => (shape.style === "star" ? colour[shape.colour] : colour.card)),
    });
    return sets;
  }

  function options(data, figure) {
    const words = (name) => figure.querySelector(`[data-series="${name}"]`)?.textContent.trim() ?? name;
    const colour = colours(figure), zone = () => figure.dataset.zone || "UTC";
    const prices = (data.lines || []).map((line) => Number(line.price));
    const text = (item) => {
      const set = item.dataset;
      if (set.name !== "marks") return `${words(set.name)} ${data.series[set.name][item.dataIndex]}`;
      const mark = data.marks[item.dataIndex];
      return `${mark.label}: ${mark.price}`;
    };
    return {
      animation: false, normalized: true, parsing: false, responsive: true, maintainAspectRatio: false,
      interaction: { mode: "nearest", axis: "x", intersect: false },
      layout: { padding: { top: 8, right: 8 } },
      plugins: {
        legend: { display: false },
        decimation: { enabled: false },
        tooltip: {
          callbacks: { title: (items) => (items.length ? instant(items[0].parsed.x, zone()) : ""), label: text },
          displayColors: false, filter: (item) => !Number.isNaN(item.parsed.y),
        },
      },
      scales: {
        x: {
          type: "linear", ...extent(data), grid: { color: colour.line }, border: { color: colour.line },
          afterBuildTicks: (axis) => spread(axis, zone()),
          ticks: { color: colour.dim, maxRotation: 0, autoSkip: false, callback: (t, _n, ticks) => tick(t, zone(), ticks.step) },
        },
        y: {
          grid: { color: colour.line }, border: { color: colour.line }, grace: "8%",
          ...(prices.length && { suggestedMin: Math.min(...prices), suggestedMax: Math.max(...prices) }),
          ticks: { color: colour.dim, maxTicksLimit: 8 },
        },
      },
    };
  }
  function extent(data) {
    if (data.stretch) return { min: data.stretch[0], max: data.stretch[1] };
    const known = [...data.series.t, ...(data.marks || []).map((mark) => mark.t), ...(data.windows || []).flat().filter(Boolean)];
    const min = known.reduce((a, b) => Math.min(a, b), Infinity), max = known.reduce((a, b) => Math.max(a, b), -Infinity);
    return Number.isFinite(min) ? { min, max: max > min ? max : min + SECOND } : {};
  }
  function spread(axis, zone) { // ticks on whole minutes, hours, days of the chosen clock
    const room = Math.max(2, Math.floor(axis.width / 56)), wide = axis.max - axis.min;
    const step = STEPS.find((candidate) => wide / candidate <= room) || Math.ceil(wide / room / DAY) * DAY;
    const shift = ahead(axis.min, zone), ticks = [];
    for (let t = Math.ceil((axis.min + shift) / step) * step - shift; t <= axis.max; t += step) ticks.push({ value: t });
    ticks.step = step;
    axis.ticks = ticks;
  }

  function draw(figure) {
    if (drawn.has(figure)) return;
    const data = JSON.parse(document.getElementById(figure.dataset.chart).textContent), colour = colours(figure);
    const chart = new Chart(figure.querySelector("canvas"), {
      type: "line", data: { datasets: lines(data, colour) }, options: options(data, figure),
      plugins: [{ id: "own", beforeInit: (made) => { made.mg = { data, colour }; } }, under, over],
    });
    drawn.set(figure, chart);
    list(figure, data);
    zones(figure, data, chart);
    pick(figure, chart);
    figure.querySelector("canvas").addEventListener("keydown", (event) => walk(event, chart));
    figure.querySelector("details")?.addEventListener("toggle", () => twin(figure, data));
  }
  function recolour() {
    for (const [figure, chart] of drawn) {
      if (!figure.isConnected) {
        chart.destroy();
        drawn.delete(figure);
        continue;
      }
      const hidden = chart.data.datasets.map((_set, n) => !chart.isDatasetVisible(n));
      chart.mg.colour = colours(figure);
      chart.data.datasets = lines(chart.mg.data, chart.mg.colour);
      chart.options = options(chart.mg.data, figure);
      hidden.forEach((is, n) => chart.setDatasetVisibility(n, !is));
      chart.update();
    }
  }

  // Left and right walk along the quotes: the tip can be read without a mouse.
  function walk(event, chart) {
    const by = { ArrowLeft: -1, ArrowRight: 1, PageUp: -25, PageDown: 25 }[event.key];
    const { t, bid } = chart.mg.data.series;
    if (!by || !t.length) return;
    event.preventDefault();
    const now = chart.mg.at ?? (by > 0 ? -1 : t.length);
    chart.mg.at = Math.max(0, Math.min(t.length - 1, now + by));
    const shown = NAMES.map((_name, n) => n).filter((n) => chart.isDatasetVisible(n) && chart.data.datasets[n]?.name !== "marks");
    const active = shown.map((datasetIndex) => ({ datasetIndex, index: chart.mg.at }));
    const x = chart.scales.x.getPixelForValue(t[chart.mg.at]), y = chart.scales.y.getPixelForValue(Number(bid[chart.mg.at]));
    chart.setActiveElements(active);
    chart.tooltip.setActiveElements(active, { x, y });
    chart.update();
  }

  // A stretch drawn with the mouse goes into the two fields that the figure names in data-picks, as UTC.
  function pick(figure, chart) {
    const fields = (figure.dataset.picks || "").split(" ").map((id) => document.getElementById(id)), canvas = chart.canvas;
    if (fields.length !== 2 || fields.includes(null)) return;
    const at = (event) => {
      const area = chart.chartArea, x = event.clientX - canvas.getBoundingClientRect().left;
      return Math.round(chart.scales.x.getValueForPixel(Math.max(area.left, Math.min(x, area.right))));
    };
    canvas.addEventListener("pointerdown", (event) => {
      if (event.pointerType !== "mouse" || event.button) return;
      canvas.setPointerCapture(event.pointerId);
      chart.mg.picked = [at(event), at(event)];
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!canvas.hasPointerCapture(event.pointerId)) return;
      chart.mg.picked[1] = at(event);
      const [from, to] = [...chart.mg.picked].sort((a, b) => a - b);
      fields[0].value = instant(from, "UTC").replace(" UTC", "");
      fields[1].value = instant(to, "UTC").replace(" UTC", "");
      chart.draw();
    });
  }

  // --- beside the picture: the marks in words, the two clocks, the table twin

  function list(figure, data) {
    const place = figure.querySelector("[data-marks]"), zone = figure.dataset.zone || "UTC";
    place.replaceChildren(...(data.marks || []).map((mark) => {
      const item = document.createElement("li"), sign = document.createElement("span"), when = document.createElement("span");
      sign.className = `mg-sign mg-sign-${mark.kind in SHAPES ? mark.kind : "event"}`;
      when.className = "mg-dim";
      when.textContent = instant(mark.t, zone);
      item.append(sign, ` ${mark.label} `, bold(mark.price), " ", when);
      return item;
    }));
  }
  function bold(text) {
    const made = document.createElement("b");
    made.className = "mg-num";
    made.textContent = text;
    return made;
  }
  function zones(figure, data, chart) {
    const place = figure.querySelector("[data-zones]");
    if (!data.zone || data.zone === "UTC") return;
    const buttons = ["UTC", data.zone].map((zone) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "mg-chip";
      button.textContent = zone;
      button.addEventListener("click", () => turn(zone));
      return button;
    });
    function turn(zone) {
      figure.dataset.zone = zone;
      for (const button of buttons) button.setAttribute("aria-pressed", String(button.textContent === zone));
      list(figure, data);
      twin(figure, data);
      chart.tooltip.setActiveElements([], { x: 0, y: 0 });
      chart.update();
    }
    place.replaceChildren(...buttons);
    turn("UTC");
  }
  function twin(figure, data) {
    const details = figure.querySelector("details"), zone = figure.dataset.zone || "UTC";
    if (!details?.open) return;
    const { t, ...prices } = data.series;
    const rows = t.map((at, n) => {
      const row = document.createElement("tr");
      for (const text of [instant(at, zone), ...NAMES.map((name) => prices[name]?.[n] ?? "–")]) {
        const cell = row.insertCell();
        cell.className = "mg-num";
        cell.textContent = text;
      }
      return row;
    });
    details.querySelector("tbody").replaceChildren(...rows);
  }

  // --- when there is something to draw

  function drawAll(root) {
    for (const figure of root.querySelectorAll("figure[data-chart]")) draw(figure);
  }
  document.addEventListener("DOMContentLoaded", () => {
    drawAll(document);
    new MutationObserver(recolour).observe(document.documentElement, { attributeFilter: ["class"] });
  });
  document.addEventListener("htmx:afterSettle", (event) => drawAll(event.target));
  document.addEventListener("click", (event) => {
    const button = event.target.closest("figure[data-chart] [data-series]");
    if (!button) return;
    const chart = drawn.get(button.closest("figure")), shown = button.getAttribute("aria-pressed") === "true";
    chart.setDatasetVisibility(chart.data.datasets.findIndex((set) => set.name === button.dataset.series), !shown);
    button.setAttribute("aria-pressed", String(!shown));
    chart.update();
  });
})();
