// Keeps a page true without reloading it: fetches its own address with the ETag it has, and changes only what differs,
// so that focus, open details and what somebody is typing stay. Elapsed times tick here, never on the server.
"use strict";

(() => {
  const INTERVAL = 1500;
  const SLOWEST = 15000;
  const live = document.querySelector("[data-poll]");
  const badge = document.querySelector(".live");
  const WORDS = { live: "Live", reconnecting: "Reconnecting…", "signed-out": "Signed out", finished: "Finished" };
  let etag = live?.dataset.etag || "";
  let failures = 0;

  function say(state) {
    if (!badge || badge.dataset.live === state) return;
    badge.dataset.live = state;
    badge.textContent = WORDS[state];
  }

  // ---- Changing only what differs ------------------------------------------------------------------------------
  const keyOf = (node) => (node.nodeType === 1 ? node.id || node.dataset.key || "" : "");
  const busy = (node) => node === document.activeElement && /^(INPUT|TEXTAREA|SELECT)$/.test(node.tagName);

  function sameKind(one, other) {
    return one.nodeType === other.nodeType && one.nodeName === other.nodeName && keyOf(one) === keyOf(other);
  }

  function attributes(from, to) {
    for (const { name } of [...from.attributes]) {
      if (!to.hasAttribute(name) && !(name === "open" && /^(DETAILS|DIALOG)$/.test(from.tagName))) from.removeAttribute(name);
    }
    for (const { name, value } of [...to.attributes]) {
      if (name === "open" && from.tagName === "DETAILS") continue;
      if (from.getAttribute(name) !== value) from.setAttribute(name, value);
    }
  }

  function morph(from, to) {
    if (from.nodeType === 3) {
      if (from.data !== to.data) from.data = to.data;
      return;
    }
    if (from.nodeType !== 1 || busy(from) || (from.tagName === "DIALOG" && from.open) || from.dataset.keep !== undefined) return;
    attributes(from, to);
    children(from, to);
  }

  function children(from, to) {
    const keyed = new Map([...from.children].filter(keyOf).map((node) => [keyOf(node), node]));
    let here = from.firstChild;
    for (const wanted of [...to.childNodes]) {
      const known = keyOf(wanted) && keyed.get(keyOf(wanted));
      if (known && known !== here && sameKind(known, wanted)) from.insertBefore(known, here);
      const node = known && sameKind(known, wanted) ? known : here;
      if (node && sameKind(node, wanted)) {
        morph(node, wanted);
        here = node.nextSibling;
      } else {
        from.insertBefore(document.importNode(wanted, true), here);
      }
    }
    while (here) {
      const next = here.nextSibling;
      here.remove();
      here = next;
    }
  }

  // ---- Polling --------------------------------------------------------------------------------------------------
  async function look() {
    if (document.hidden) return schedule();
    try {
      const headers = { Accept: "text/html", "X-Slipway-Live": "1", ...(etag && { "If-None-Match": etag }) };
      const answer = await fetch(live.dataset.poll || location.href, { headers, redirect: "manual", signal: AbortSignal.timeout(8000) });
      if (answer.type === "opaqueredirect" || answer.status === 401 || answer.status === 403) return say("signed-out");
      if (answer.status !== 304 && !answer.ok) throw new Error(String(answer.status));
      if (answer.status !== 304) take(await answer.text(), answer.headers.get("ETag"));
      failures = 0;
      if (live.dataset.finished !== undefined) return say("finished");
      say("live");
    } catch {
      failures += 1;
      say("reconnecting");
    }
    schedule();
  }

  function take(html, tag) {
    const fresh = new DOMParser().parseFromString(html, "text/html").querySelector("[data-poll]");
    if (!fresh) throw new Error("no page");
    etag = tag || "";
    attributes(live, fresh);
    children(live, fresh);
    tick();
  }

  function schedule() {
    setTimeout(look, Math.min(INTERVAL * 2 ** failures, SLOWEST));
  }

  // ---- Times ----------------------------------------------------------------------------------------------------
  function span(seconds) {
    const s = Math.max(0, Math.round(seconds));
    if (s < 60) return `${s} s`;
    if (s < 3600) return `${Math.floor(s / 60)} min ${String(s % 60).padStart(2, "0")} s`;
    if (s < 172800) return `${Math.floor(s / 3600)} h ${String(Math.floor((s % 3600) / 60)).padStart(2, "0")} min`;
    return `${Math.floor(s / 86400)} d`;
  }

  function tick() {
    const now = Date.now();
    for (const node of document.querySelectorAll("time[data-style]")) {
      const off = (now - Date.parse(node.dateTime)) / 1000;
      const words = { elapsed: span(off), ago: off < 5 ? "just now" : `${span(off)} ago`, until: off > 0 ? "now" : `in ${span(-off)}` };
      if (node.textContent !== words[node.dataset.style]) node.textContent = words[node.dataset.style];
    }
  }

  // ---- Dialogs: without JavaScript each of these buttons is a link to a page that asks the same -------------------
  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-dialog]");
    const dialog = opener && document.getElementById(opener.dataset.dialog);
    if (dialog) {
      event.preventDefault();
      dialog.showModal();
    }
    if (event.target.closest("[data-close]")) event.target.closest("dialog")?.close();
  });

  if (live && live.dataset.finished === undefined) {
    document.addEventListener("visibilitychange", () => !document.hidden && etag !== null && tick());
    say("live");
    schedule();
  } else if (live) {
    say("finished");
  }
  tick();
  setInterval(tick, 1000);
})();
