// Five minutes before the session ends it is said above the page, with one act that keeps it.
(() => {
  "use strict";
  const foot = document.getElementById("alive"), bar = document.getElementById("bar");
  if (!foot || !bar) return;
  const WARN = 300, AGAIN = 20000;
  let timer = 0, said = null;

  const time = (seconds) => new Date(Date.now() + seconds * 1000).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", timeZone: foot.dataset.zone });
  function plan(left) {
    clearTimeout(timer);
    timer = setTimeout(look, left > WARN ? (left - WARN) * 1000 : AGAIN);
  }
  function quiet() { if (said && bar.contains(said)) { bar.textContent = ""; bar.hidden = true; } said = null; }

  // Not over what the bar says already.
  function warn(left, whole) {
    if (said || !bar.hidden) return;
    said = document.createElement("span");
    if (whole <= WARN) {
      const to = document.createElement("a");
      to.href = "/sign-in"; to.target = "_blank"; to.rel = "noopener"; to.textContent = "Sign in anew in another tab";
      said.append(`Your session ends at ${time(whole)}, as each does after some hours. `, to, ": what you type here stays.");
    } else {
      const stay = document.createElement("button");
      stay.type = "button"; stay.id = "stay"; stay.className = "small"; stay.textContent = "Stay signed in";
      stay.addEventListener("click", keep);
      said.append(`Your session ends at ${time(left)}, since nobody has used it. What you typed stays. `, stay);
    }
    bar.replaceChildren(said);
    bar.hidden = false;
  }

  function told({ left, whole }) {
    if (left > WARN) quiet(); else warn(left, whole);
    plan(left);
  }
  async function look() {
    try {
      const answer = await fetch("/live/session");
      // That it is over is said by who hears of it.
      if (answer.status === 401) { quiet(); window.trueupBar?.("over"); return; }
      if (answer.ok) { told(await answer.json()); return; }
    } catch { /* Asked again. */ }
    plan(0);
  }
  async function keep() {
    const csrf = document.querySelector('input[name="csrf"]').value;
    try {
      const answer = await fetch("/me/stay", { method: "POST", body: new URLSearchParams({ csrf }) });
      if (answer.ok) { quiet(); told(await answer.json()); return; }
    } catch { /* Said by the next look. */ }
    look();
  }

  document.addEventListener("visibilitychange", () => { if (!document.hidden) look(); });
  plan(Number(foot.dataset.left));
})();
