"use strict";
// Tables: a click or a key on a column's head sorts by it, a second one the other way round.
const said = document.getElementById("said");
for (const head of document.querySelectorAll("thead th")) {
  head.querySelector("button").addEventListener("click", () => sort(head));
}
function sort(head) {
  const down = head.getAttribute("aria-sort") === "ascending";
  for (const other of head.parentNode.children) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", down ? "descending" : "ascending");
  const body = head.closest("table").tBodies[0];
  const rows = [...body.rows].map((row) => [row.cells[head.cellIndex], row]);
  body.append(...rows.sort(([a], [b]) => compared(a, b, down)).map(([, row]) => row));
  said.textContent = `sorted by ${head.textContent.trim()}, ${down ? "descending" : "ascending"}`;
}
// Numbers come before words, and cells without either last, whichever way round.
function compared(a, b, down) {
  const [one, other] = [a, b].map((cell) => cell.textContent.trim());
  if (!one || !other) return !one - !other;
  const [x, y] = [a, b].map((cell) => (cell.dataset.key === "" ? NaN : Number(cell.dataset.key)));
  const order = isNaN(x) || isNaN(y) ? isNaN(x) - isNaN(y) || one.localeCompare(other) : x - y || one.localeCompare(other);
  return down ? -order : order;
}
// Examples: the slider fades the adversarial example in over the image.
for (const slider of document.querySelectorAll("input[type=range]")) {
  const over = slider.closest("li").querySelector(".over");
  slider.addEventListener("input", () => { over.style.opacity = slider.value / 100; });
}
// On paper all is open.
let closed = [];
addEventListener("beforeprint", () => {
  closed = [...document.querySelectorAll("details:not([open])")];
  for (const each of closed) each.open = true;
});
addEventListener("afterprint", () => { for (const each of closed) each.open = false; });
