// Hears that something of a page has changed, and has the page ask for its part: one stream a browser,
// which the tabs share. Nothing of the contents comes by it.
(() => {
  "use strict";
  const foot = document.getElementById("alive");
  if (!foot) return;
  const made = Number(foot.dataset.at), title = document.title;
  const channel = "BroadcastChannel" in window ? new BroadcastChannel("trueup-live") : null;
  const shared = channel && navigator.locks;
  const DEAD = 55000, HIDDEN = 60000, POLL = 30000;
  let heard = made, alive = Date.now(), source = null, leaving = null, over = false, timer = 0;
  const known = new Map(), told = new Map();

  const time = (at) => new Date(at).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", timeZone: foot.dataset.zone });

  function say(text, link) {
    if (foot.textContent === text) return;
    foot.textContent = text;
    if (!link) return;
    const to = document.createElement("a");
    to.href = location.href; to.textContent = "reload";
    foot.append(", ", to);
  }

  // A part is asked for once in a while, however often its topic changes; a hidden page waits.
  function look(part) {
    const last = told.get(part) ?? 0, pause = part.id === "news" ? 5000 : 1500;
    if (last === Infinity) return;
    told.set(part, Infinity);
    setTimeout(() => {
      told.set(part, Date.now());
      if (part.isConnected) part.dispatchEvent(new CustomEvent("live"));
    }, Math.max(100, last + pause - Date.now()));
  }

  function position(topic, number) {
    known.set(topic, Math.max(number, known.get(topic) ?? 0));
    if (number <= made) return;
    document.querySelectorAll("[data-topic]").forEach((part) => {
      if (part.dataset.topic !== topic) return;
      if (document.hidden) part.dataset.waits = "1"; else look(part);
    });
  }

  function hear(message) {
    switch (message.kind) {
      case "beat": heard = Math.max(heard, message.at); alive = Date.now(); say(" · live"); break;
      case "position": position(message.topic, message.number); break;
      case "over": if (!over) { over = true; window.trueupBar?.("over"); stop(); } break;
      case "hello": if (source) known.forEach((number, topic) => { if (number > message.at) channel.postMessage({ kind: "position", topic, number }); }); break;
    }
  }
  function tell(message) { hear(message); channel?.postMessage(message); }
  if (channel) { channel.onmessage = (event) => hear(event.data); channel.postMessage({ kind: "hello", at: made }); }

  async function ask() {
    try {
      const answer = await fetch(`/live/positions?since=${heard}`, { headers: { "X-By-Itself": "1" } });
      if (answer.status === 401) return tell({ kind: "over" });
      if (!answer.ok) return;
      const found = await answer.json();
      found.positions.forEach((each) => tell({ kind: "position", ...each }));
      tell({ kind: "beat", at: found.at });
    } catch { /* Said in the foot when it lasts. */ }
  }

  function connect() {
    if (!leaving || over) return;
    source = new EventSource(`/live?since=${heard}`);
    for (const kind of ["beat", "position", "over"]) {
      source.addEventListener(kind, (event) => tell({ kind, ...JSON.parse(event.data) }));
    }
    source.onerror = () => {
      source?.close(); source = null;
      ask();
      // Not all at once, where all were cut off at once.
      timer = setTimeout(connect, 1000 + Math.random() * 6000);
    };
  }
  // Whoever holds the lock has the stream; the next tab takes it over.
  function start() {
    if (over || leaving) return;
    if (!shared) { leaving = () => clearInterval(timer); timer = setInterval(ask, POLL); return; }
    const stopped = new AbortController();
    let done = null;
    leaving = () => { stopped.abort(); source?.close(); source = null; clearTimeout(timer); done?.(); };
    navigator.locks.request("trueup-live", { signal: stopped.signal }, () => new Promise((end) => { done = end; if (leaving) connect(); else end(); })).catch(() => {});
  }
  function stop() { const leave = leaving; leaving = null; leave?.(); }

  let hiding = 0;
  document.addEventListener("visibilitychange", () => {
    clearTimeout(hiding);
    if (document.hidden) { hiding = setTimeout(stop, HIDDEN); return; }
    start();
    channel?.postMessage({ kind: "hello", at: heard });
    document.querySelectorAll("[data-waits]").forEach((part) => { delete part.dataset.waits; look(part); });
  });
  window.addEventListener("pagehide", stop);
  window.addEventListener("pageshow", (event) => { if (event.persisted) { alive = Date.now(); start(); } });
  setInterval(() => { if (Date.now() - alive > DEAD) say(` · not live since ${time(alive)}`, true); }, 2000);

  document.addEventListener("htmx:afterSwap", () => {
    const count = Number(document.querySelector("#news [data-count]")?.dataset.count ?? 0);
    document.title = count ? `(${count}) ${title}` : title;
  });
  if (!document.hidden) start();
})();
