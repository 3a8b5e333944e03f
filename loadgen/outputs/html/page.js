// Draws the page's plots with Plotly, in the colours of the screen (light or dark) or of paper; asks nothing of a network.
"use strict";
(() => {
  const LIGHT = {
    "0": "#0b63b5", "1": "#c2410c", "2": "#047857", "3": "#b3207a", "4": "#6d3fc4", "5": "#64748b",
    band0: "rgba(11,99,181,.16)", band1: "rgba(194,65,12,.14)",
    stage0: "rgba(11,99,181,.055)", stage1: "rgba(4,120,87,.075)", unmeasured: "rgba(100,116,139,.20)",
    ink: "#17202b", muted: "#586374", grid: "#dfe4ea", ground: "#ffffff",
    scale: [[0, "#e8f1fb"], [.25, "#a9cdf0"], [.5, "#5b9bd8"], [.75, "#1d62a8"], [1, "#08274d"]],
  };
  const DARK = {
    "0": "#6db4ff", "1": "#ff9e5e", "2": "#4fd1a1", "3": "#f58ac6", "4": "#b99cff", "5": "#94a3b8",
    band0: "rgba(109,180,255,.22)", band1: "rgba(255,158,94,.20)",
    stage0: "rgba(109,180,255,.07)", stage1: "rgba(79,209,161,.09)", unmeasured: "rgba(148,163,184,.20)",
    ink: "#e6ebf2", muted: "#a3afbf", grid: "#2b3440", ground: "#11161d",
    scale: [[0, "#16283c"], [.25, "#1d4a78"], [.5, "#2f7fc4"], [.75, "#7dbcf5"], [1, "#eaf5ff"]],
  };
  const PAPER = { whole: [670, 280], half: [325, 240] };  // A4 within its margins, in CSS pixels
  const COLOURED = new Set(["color", "fillcolor", "colorscale"]);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  let printing = false;

  // Roles such as "@0" become colours; only where a colour stands, for a name may begin with an @ as well.
  function painted(value, theme, key) {
    if (Array.isArray(value)) return value.map((one) => painted(one, theme, key));
    if (value && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, painted(one, theme, name)]));
    }
    return typeof value === "string" && value[0] === "@" && COLOURED.has(key) ? theme[value.slice(1)] : value;
  }

  function axis(own, theme, narrow) {
    const title = own.title ? { ...own.title, standoff: 8, font: { size: 12, color: theme.muted } } : undefined;
    return { gridcolor: theme.grid, zerolinecolor: theme.grid, linecolor: theme.grid, automargin: true, nticks: narrow ? 6 : 10,
      fixedrange: narrow, ...own, title };
  }

  // A stage's name in full, in short or not at all, as its stretch of the axis has room: 6.8 px a letter, and a gap before
  // the next.
  function named(notes, range, room) {
    return notes.flatMap(({ until, texts, ...note }) => {
      const text = texts.find((one) => one.length * 6.8 + 8 < (until - note.x) / (range[1] - range[0]) * room);
      return text === undefined ? [] : [{ ...note, text }];
    });
  }

  function layoutOf(spec, theme, width, height) {
    const narrow = width < 520;
    const own = painted(spec.layout, theme);
    const made = {
      ...own, width, height,
      margin: { l: 52, r: 14, t: 26, b: 40 },
      hovermode: "x",
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: getComputedStyle(document.body).fontFamily, size: narrow ? 11 : 12, color: theme.ink },
      legend: { orientation: "h", x: 0, y: -.24, yanchor: "top", traceorder: "normal", font: { size: narrow ? 11 : 12 } },
      hoverlabel: { bgcolor: theme.ground, bordercolor: theme.grid, font: { color: theme.ink } },
      dragmode: narrow ? false : "zoom",
      xaxis: axis(own.xaxis || {}, theme, narrow),
      yaxis: axis(own.yaxis || {}, theme, narrow),
    };
    if (own.annotations) made.annotations = named(own.annotations, own.xaxis.range, width - (own.yaxis2 ? 150 : 80));
    if (own.yaxis2) made.yaxis2 = axis(own.yaxis2, theme, narrow);
    return made;
  }

  const charts = Array.from(document.querySelectorAll("figure.chart"), (figure) => ({
    plot: figure.querySelector(".plot"),
    spec: JSON.parse(figure.querySelector('script[type="application/json"]').textContent),
  }));

  function draw(chart) {
    const theme = dark.matches && !printing ? DARK : LIGHT;
    const paper = chart.plot.closest(".grid") ? PAPER.half : PAPER.whole;
    const [width, height] = printing ? paper : [chart.plot.clientWidth, chart.plot.clientHeight];
    const settings = { displayModeBar: false, doubleClick: "reset" };
    return Plotly.react(chart.plot, painted(chart.spec.data, theme), layoutOf(chart.spec, theme, width, height), settings);
  }

  function drawAll() { charts.forEach(draw); }

  // One at a time, so that the page can be read and scrolled while its plots come.
  function drawFrom(at) {
    if (at >= charts.length) { document.documentElement.dataset.drawn = String(charts.length); return; }
    draw(charts[at]);
    setTimeout(drawFrom, 0, at + 1);
  }

  let width = innerWidth;
  let waiting = 0;
  addEventListener("resize", () => {
    if (printing || innerWidth === width) return;  // a phone's address bar comes and goes: no new width
    width = innerWidth;
    clearTimeout(waiting);
    waiting = setTimeout(drawAll, 150);
  });
  dark.addEventListener("change", drawAll);
  addEventListener("beforeprint", () => { printing = true; drawAll(); });
  addEventListener("afterprint", () => { printing = false; drawAll(); });
  drawFrom(0);
})();
