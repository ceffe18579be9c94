"use strict";
// Draws the charts, follows light and dark, and makes lists and tables answer to the keyboard.
(() => {
  const options = JSON.parse(document.getElementById("options").textContent);
  const drawn = new Map(); // chart id -> ECharts instance
  const colourKeys = new Set(["color", "borderColor", "backgroundColor", "pageIconColor"]);
  const number = (digits) => (value) =>
    Number(value).toLocaleString("en-US", { maximumFractionDigits: digits }).replace("-", "−");
  const known = (write) => (value) =>
    value === null || value === undefined || value === "-" ? "–" : write(value);
  const formatters = {
    count: known(number(2)),
    volume: known(number(1)),
    share: known((value) => `${number(2)(Math.round(value * 1000) / 10)}\u00a0%`),
    change: known((value) => `${value > 0 ? "+" : value < 0 ? "−" : ""}${number(0)(Math.abs(value * 100))}\u00a0%`),
    times: known((value) => `×${number(3)(value)}`),
    decimal: known((value) => Number(value).toFixed(2).replace("-", "−")),
    // Of a point, or of the first of those at one place of an axis that has a text.
    text: (points) => {
      const told = [points].flat().find((point) => point.data && point.data.text);
      return echarts.format.encodeHTML(told ? told.data.text : "").replaceAll("\n", "<br>");
    },
  };

  // Replaces colour names and formatter names by what they stand for on this page.
  function resolve(node, colours, key) {
    if (typeof node === "string") {
      if (colourKeys.has(key) && node[0] === "$") return colours.getPropertyValue(`--${node.slice(1)}`).trim();
      if (key === "fontFamily") return colours.fontFamily;
      return node;
    }
    if (Array.isArray(node)) return node.map((part) => resolve(part, colours, key));
    if (node === null || typeof node !== "object") return node;
    const made = {};
    for (const [name, part] of Object.entries(node)) {
      if ((name === "formatter" || name === "valueFormatter") && String(part).startsWith("fn:")) {
        const which = part.slice(3);
        made[name] = which === "names" ? (value) => node.names[Math.round(value)] ?? "" : formatters[which];
      } else {
        made[name] = resolve(part, colours, name);
      }
    }
    return made;
  }

  function draw(plot) {
    if (!plot.clientWidth) return; // in a panel that isn't shown
    const id = plot.dataset.chart;
    const chart = drawn.get(id) ?? echarts.init(plot, null, { renderer: "svg", locale: "EN" });
    drawn.set(id, chart);
    chart.setOption(resolve(options[id], getComputedStyle(document.documentElement)), true);
    chart.resize();
  }

  const plots = [...document.querySelectorAll(".plot")];
  const drawAll = () => plots.forEach(draw);

  for (const select of document.querySelectorAll(".picker select")) {
    select.addEventListener("change", () => {
      for (const panel of select.closest(".picker").querySelectorAll("[data-panel]")) {
        panel.hidden = panel.dataset.panel !== select.value;
        if (!panel.hidden) panel.querySelectorAll(".plot").forEach(draw);
      }
    });
  }

  function keyOf(row, column) {
    const cell = row.cells[column];
    return cell.dataset.key ?? cell.textContent.trim();
  }

  function compare(a, b) {
    const x = Number(a), y = Number(b);
    return a !== "" && b !== "" && !Number.isNaN(x) && !Number.isNaN(y)
      ? x - y
      : a.localeCompare(b, "en", { numeric: true });
  }

  for (const button of document.querySelectorAll("th button")) {
    button.addEventListener("click", () => {
      const head = button.parentElement;
      const upwards = head.getAttribute("aria-sort") !== "ascending";
      for (const other of head.parentElement.cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", upwards ? "ascending" : "descending");
      const body = head.closest("table").tBodies[0];
      const rows = [...body.rows].sort((a, b) => compare(keyOf(a, head.cellIndex), keyOf(b, head.cellIndex)));
      body.append(...(upwards ? rows : rows.reverse()));
    });
  }

  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  // Paper is light whatever the screen is.
  const paper = (printing) => () => {
    document.documentElement.classList.toggle("printing", printing);
    drawAll();
  };
  addEventListener("beforeprint", paper(true));
  addEventListener("afterprint", paper(false));
  let waiting = 0;
  addEventListener("resize", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => drawn.forEach((chart) => chart.resize()), 100);
  });
  drawAll();
})();
