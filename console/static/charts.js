// Draws a number from the table under it: the table is what counts, and the picture is of it.
(() => {
  "use strict";
  const place = document.getElementById("chart");
  if (!place || typeof uPlot === "undefined") return;
  const rows = [...document.querySelectorAll(`#${place.dataset.from} tbody tr`)];
  const at = rows.map((row) => Number(row.dataset.at));
  const value = rows.map((row) => (row.dataset.value === "" ? null : Number(row.dataset.value)));
  const target = Number(place.dataset.target);
  const known = value.filter((each) => each !== null);
  const floor = Math.min(target - 1, ...known);

  function draw() {
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    const axis = { stroke: colour("--pico-muted-color"), grid: { stroke: colour("--pico-muted-border-color"), width: 1 } };
    place.replaceChildren();
    new uPlot({
      width: Math.max(place.clientWidth, 280), height: 240,
      scales: { y: { range: [Math.max(0, floor - 1), 100.5] } },
      axes: [axis, { ...axis, values: (_, ticks) => ticks.map((tick) => `${tick} %`) }],
      series: [
        {},
        { label: "kept", stroke: colour("--good"), width: 2, spanGaps: false, points: { show: true, size: 6 } },
        { label: "promised", stroke: colour("--late"), width: 2, dash: [6, 4], points: { show: false } },
      ],
    }, [at, value, at.map(() => target)], place);
  }
  draw();
  let waits = 0;
  window.addEventListener("resize", () => { clearTimeout(waits); waits = setTimeout(draw, 200); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
})();
