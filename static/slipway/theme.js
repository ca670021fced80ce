// Light, dark, or as the system says: the same choice, under the same name, as the Django admin keeps.
"use strict";

(() => {
  const ORDER = ["auto", "light", "dark"];
  const kept = () => localStorage.getItem("theme") || "auto";
  const set = (theme) => {
    document.documentElement.dataset.theme = theme;
    localStorage.setItem("theme", theme);
  };
  document.documentElement.dataset.theme = kept();
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-theme-toggle]")) set(ORDER[(ORDER.indexOf(kept()) + 1) % ORDER.length]);
  });
})();
