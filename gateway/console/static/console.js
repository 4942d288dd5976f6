// Keeps what a person opened open while the figures around it refresh, and says when they no longer do.
"use strict";

(() => {
  let open = [];
  const stale = (is) => {
    const notice = document.getElementById("stale");
    if (notice) notice.hidden = !is;
  };

  document.addEventListener("htmx:beforeSwap", (event) => {
    open = [...event.detail.target.querySelectorAll("details[open]")].map((details) => details.id);
  });
  document.addEventListener("htmx:afterSwap", () => {
    for (const id of open) {
      const details = document.getElementById(id);
      if (details) details.open = true;
    }
    stale(false);
  });
  document.addEventListener("htmx:sendError", () => stale(true));
  document.addEventListener("htmx:responseError", () => stale(true));
})();
