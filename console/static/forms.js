// A form is sent once, by who is still signed in; what was typed is never lost.
(() => {
  "use strict";
  const bar = document.getElementById("bar");
  const SLOW = 300, PATIENCE = 20000;

  // Says what is wrong above the page, which stays as it is.
  function say(why) {
    if (!bar) return;
    bar.textContent = "";
    if (why === "over") {
      const to = document.createElement("a");
      to.href = "/sign-in"; to.target = "_blank"; to.rel = "noopener"; to.textContent = "Sign in in another tab";
      bar.append("Your session is over. Nothing was sent, and what you typed is still here. ", to, ", then send it again.");
    } else {
      bar.append("The console does not answer. Nothing was sent, and what you typed is still here: send it again in a moment.");
    }
    bar.hidden = false;
  }
  window.trueupBar = say;

  // After 300 ms the button that was pressed says that it works.
  function busy(form, button) {
    form.dataset.sent = "1";
    const slow = setTimeout(() => button?.setAttribute("aria-busy", "true"), SLOW);
    const end = setTimeout(() => free(form), PATIENCE);
    form.freed = () => { clearTimeout(slow); clearTimeout(end); button?.removeAttribute("aria-busy"); };
  }
  function free(form) { form.freed?.(); delete form.freed; delete form.dataset.sent; delete form.dataset.asked; }

  document.addEventListener("submit", async (event) => {
    const form = event.target, button = event.submitter;
    if (form.method === "dialog" || form.hasAttribute("hx-post")) return;
    if (form.dataset.asked) { delete form.dataset.asked; return; }
    const token = form.elements.namedItem("csrf");
    if (form.dataset.sent) { event.preventDefault(); return; }
    busy(form, button);
    if (form.method !== "post" || !token) return;
    event.preventDefault();
    let answer = null;
    try { answer = await fetch("/live/session", { signal: AbortSignal.timeout(PATIENCE / 2) }); } catch { /* Told below. */ }
    if (!answer?.ok) {
      free(form);
      say(answer?.status === 401 ? "over" : "away");
      bar?.focus();
      return;
    }
    // Who has signed in meanwhile has another token.
    token.value = (await answer.json()).csrf;
    if (bar) bar.hidden = true;
    form.dataset.asked = "1";
    form.requestSubmit(button);
  });
  window.addEventListener("pageshow", () => document.querySelectorAll("form[data-sent]").forEach(free));

  const typed = (part) => [...part.querySelectorAll("input:not([type=hidden]), textarea, select")].some((each) =>
    each.options ? each.selectedIndex !== Math.max(0, [...each.options].findIndex((option) => option.defaultSelected)) : each.value !== each.defaultValue);

  // What is replaced while somebody is in it: on to its heading.
  let lost = false;
  document.addEventListener("htmx:beforeSwap", (event) => {
    const part = event.detail.target, at = document.activeElement;
    // Not under who types or has typed, and not with a form that is on its way: later.
    if (part.querySelector("form[data-sent]") || typed(part) || (part.contains(at) && at.matches("input, textarea, select"))) {
      event.detail.shouldSwap = false;
      setTimeout(() => part.isConnected && part.dispatchEvent(new CustomEvent("live")), 2000);
      return;
    }
    lost = part.contains(at);
  });
  document.addEventListener("htmx:afterSettle", (event) => {
    if (lost && (document.activeElement === document.body || !document.activeElement)) {
      const part = document.getElementById(event.detail.target.id) ?? document.getElementById("main");
      const heading = part.querySelector("h2, h3, .state") ?? part;
      heading.tabIndex = -1;
      heading.focus({ preventScroll: true });
    }
    lost = false;
  });
  document.getElementById("problem")?.focus();
})();
