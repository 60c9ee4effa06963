// Keys of the console. None of them alone does anything to another system: they move, and open.
(() => {
  "use strict";
  let going = 0;
  const LIST = "trueup-list";
  const find = (what) => document.querySelector(what);
  const typing = (target) => target.closest("input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]");
  const rows = () => [...document.querySelectorAll("main tbody tr")].filter((row) => row.querySelector("a"));
  // As its reader wants it.
  const off = document.body.dataset.keys === "off";

  function move(by) {
    const all = rows();
    if (!all.length) return;
    const now = all.findIndex((row) => row.classList.contains("at"));
    const next = all[Math.min(Math.max(now + by, 0), all.length - 1)];
    all.forEach((row) => row.classList.toggle("at", row === next));
    next.querySelector("a").focus();
    next.scrollIntoView({ block: "nearest" });
  }

  // The list that somebody came from: addresses alone, until the tab is closed.
  const list = () => JSON.parse(sessionStorage.getItem(LIST) ?? "null");
  function leave(link) {
    const row = link.closest("main tbody tr");
    if (!row) return;
    const links = rows().map((each) => each.querySelector("a").getAttribute("href"));
    sessionStorage.setItem(LIST, JSON.stringify({ at: location.pathname + location.search, links }));
  }
  function walk(by) {
    const from = list();
    const now = from?.links.findIndex((link) => link.split("?")[0] === location.pathname) ?? -1;
    const to = now < 0 ? undefined : from.links[now + by];
    if (to) location.assign(to);
  }
  function back() {
    const from = list();
    if (from) location.assign(`${from.at}#${CSS.escape(location.pathname.split("/").pop())}`);
  }

  // The form that somebody is in, else the one that the page is about; of its buttons the next step.
  function send(target) {
    const form = target.closest("main form") ?? find("form[data-primary]");
    if (!form || !form.reportValidity()) return;
    form.requestSubmit(form.querySelector("button[data-next]") ?? form.querySelector("button:not([formaction])"));
  }

  function to(what) {
    const there = find(what);
    if (!there) return false;
    const folded = there.closest("details");
    if (folded) folded.open = true;
    there.focus();
    there.scrollIntoView({ block: "nearest" });
    return true;
  }

  const KEYS = {
    j: () => move(1),
    k: () => move(-1),
    g: () => { going = Date.now(); },
    u: back,
    m: () => find("[data-key=m]")?.click(),
    "[": () => walk(-1),
    "]": () => walk(1),
    "/": () => to("#find"),
    a: () => to("[name=to]:not([type=hidden])"),
    c: () => to("main [name=text]"),
    e: () => to("details[name=mend] input:not([type=hidden]):not([readonly])") || to("form[data-primary] input:not([type=hidden])"),
    ".": () => find("[data-show]")?.click(),
  };

  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key === "Enter") { event.preventDefault(); send(event.target); return; }
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.key === "Escape" && typing(event.target)) event.target.blur();
    if (typing(event.target) || find("dialog[open]")) return;
    if (event.key === "?") { find("#keys")?.showModal(); return; }
    if (off) return;
    const went = going && Date.now() - going < 1500;
    going = 0;
    if (went) { find(`[data-go="${CSS.escape(event.key)}"]`)?.click(); return; }
    if (event.key === "Enter" && event.target.matches("body, main") && !find("form[data-primary]")) {
      (find("main tbody tr.at a") ?? rows()[0]?.querySelector("a"))?.click();
      return;
    }
    const act = KEYS[event.key];
    if (act) { event.preventDefault(); act(); }
  });

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a");
    if (!link) return;
    // What is new is shown with the filters that are chosen.
    if (link.matches("[data-show]")) { event.preventDefault(); location.reload(); return; }
    leave(link);
  });
})();
