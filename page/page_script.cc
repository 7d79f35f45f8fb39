// SPDX-License-Identifier: Apache-2.0
#include "page/page_script.h"

namespace attnscope::page {

const std::string_view kScript = R"js("use strict";
(() => {
  let parsed = null;
  const regions = () => parsed ??= JSON.parse(document.getElementById("regions").textContent);
  const tip = document.getElementById("tip");
  const text = (value) => value === null || value === undefined ? "no number" : String(value);

  // The bodies of a table that are shown: the first `open` of them, or all where a filter chooses rows.
  const tables = new Map([...document.querySelectorAll("table")].map((table) => [table, {open: 1, isFiltered: false}]));
  const rowsOf = (table) => [...table.tBodies].flatMap((body) => [...body.rows]);
  const update = (table) => {
    const {open, isFiltered} = tables.get(table);
    [...table.tBodies].forEach((body, i) => body.classList.toggle("rest", !isFiltered && i >= open));
    document.querySelector(`[data-all=${table.id}]`).hidden = isFiltered || open >= table.tBodies.length;
  };
  const reveal = (table, bodies) => {
    const state = tables.get(table);
    if (bodies <= state.open) return;
    state.open = bodies;
    update(table);
  };
  for (const [table, state] of tables) {
    update(table);
    const scroll = table.parentElement;
    scroll.addEventListener("scroll", () => {
      if (scroll.scrollTop + 2 * scroll.clientHeight > scroll.scrollHeight) reveal(table, state.open + 1);
    }, {passive: true});
    document.querySelector(`[data-all=${table.id}]`).addEventListener("click", () => {
      reveal(table, table.tBodies.length);
      scroll.focus();
    });
  }
  // The browser finds what is shown.
  addEventListener("keydown", (event) => {
    if (event.key !== "F3" && !((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "f")) return;
    for (const table of tables.keys()) reveal(table, table.tBodies.length);
  });

  const number = (text) => text === "inf" ? Infinity : text === "-inf" ? -Infinity : Number(text);

  // Sorting: by number where both are numbers, else by text; empty cells last. Bodies keep their sizes.
  for (const table of tables.keys()) {
    const headings = [...table.tHead.rows[0].cells];
    headings.forEach((heading, column) => heading.firstElementChild.addEventListener("click", () => {
      const descending = heading.getAttribute("aria-sort") === "ascending";
      for (const other of headings) other.removeAttribute("aria-sort");
      heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
      const key = (row) => row.cells[column].textContent;
      const sign = descending ? -1 : 1;
      const rows = rowsOf(table).map((row) => [key(row), row]);
      rows.sort(([a], [b]) => {
        if (a === "" || b === "") return (a === "") - (b === "");
        const difference = number(a) - number(b);
        return sign * (Number.isNaN(difference) ? a.localeCompare(b) : difference);
      });
      const sorted = rows.map(([, row]) => row);
      for (const [body, size] of [...table.tBodies].map((body) => [body, body.rows.length])) {
        body.append(...sorted.splice(0, size));
      }
    }));
  }

  // Filtering: every word must be somewhere in a row; "layer 3" and "head 5" are of those columns.
  const filter = (name) => {
    const table = document.getElementById(name);
    const [input, select] = document.querySelectorAll(`[data-for=${name}]`);
    const headings = [...table.tHead.rows[0].cells].map((cell) => cell.textContent);
    let query = input.value.toLowerCase();
    const exact = [];
    query = query.replace(/\b(layer|head)\s+(\d+)/g, (all, what, number) => {
      exact.push([headings.indexOf(what), number]);
      return "";
    });
    const words = query.split(/\s+/).filter(Boolean);
    const rows = rowsOf(table);
    const state = tables.get(table);
    const wasFiltered = state.isFiltered;
    state.isFiltered = Boolean(select.value || exact.length || words.length);
    let shown = state.isFiltered ? 0 : rows.length;
    if (!state.isFiltered && wasFiltered) for (const row of rows) row.hidden = false;
    if (state.isFiltered !== wasFiltered) update(table);
    for (const row of state.isFiltered ? rows : []) {
      const content = row.textContent.toLowerCase();
      const fits = (!select.value || row.className === select.value) &&
          exact.every(([column, number]) => row.cells[column].textContent === number) &&
          words.every((word) => content.includes(word));
      row.hidden = !fits;
      shown += fits ? 1 : 0;
    }
    const all = rows.length;
    document.querySelector(`output[data-for=${name}]`).textContent = shown === all ? `${all} rows` : `${shown} of ${all} rows`;
  };
  for (const name of ["findings", "values"]) {
    if (!document.getElementById(name)) continue;
    for (const control of document.querySelectorAll(`input[data-for=${name}],select[data-for=${name}]`)) {
      control.addEventListener("input", () => filter(name));
    }
    filter(name);
  }

  // What was found at a place, by the id of its row.
  let found = null;
  const readFindings = () => {
    found = new Map();
    for (const row of document.querySelectorAll("#findings tbody tr")) {
      const [severity, pathology, , , metric, value, bound] = [...row.cells].map((cell) => cell.textContent);
      const id = row.querySelector("a").hash.slice(1);
      found.set(id, [...(found.get(id) || []), `${severity}: ${pathology}, ${metric} ${value}, bound ${bound}`]);
    }
    return found;
  };
  const findings = (id) => ((found || readFindings()).get(id) || []).map((message) => "\n" + message).join("");

  const contains = ([left, top, right, bottom], x, y) => x >= left && x <= right && y >= top && y <= bottom;
  const nearest = (places, at) => {
    let best = 0;
    for (let i = 1; i < places.length; ++i) if (Math.abs(places[i] - at) < Math.abs(places[best] - at)) best = i;
    return best;
  };

  // {text, row} of a place in a figure, or nothing.
  const looks = {
    cells(region, x, y) {
      const [left, top, right, bottom] = region.box;
      const i = Math.min(region.rows.length - 1, Math.floor((y - top) / (bottom - top) * region.rows.length));
      const j = Math.min(region.columns.length - 1, Math.floor((x - left) / (right - left) * region.columns.length));
      if (i < 0 || j < 0 || j >= region.values[i].length) return null;
      const row = `l${region.rows[i]}h${region.columns[j]}`;
      return {row, text: `layer ${region.rows[i]}, head ${region.columns[j]}\n${region.title}: ${text(region.values[i][j])}${findings(row)}`};
    },
    curves(region, x, y) {
      if (!region.xs.length) return null;
      const at = nearest(region.xs, x);
      const [low, high, isLog] = region.scale;
      const share = (value) => isLog ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low);
      const [, top, , bottom] = region.box;
      const height = (value) => bottom - (bottom - top) * share(value);
      let lines = region.names.map((name, i) => [name, region.values[i][at]]);
      if (lines.length > 4) {
        const known = lines.filter(([, value]) => value !== null);
        if (!known.length) return null;
        lines = [known[nearest(known.map(([, value]) => height(value)), y)]];
      }
      const place = `${region.across} ${region.columns[at]}`;
      const values = lines.map(([name, value]) => `\n${name || region.title}: ${text(value)}`).join("");
      const row = region.across === "layer" ? `l${region.columns[at]}` : null;
      return {row, text: `${region.title}, ${place}${values}${row ? findings(row) : ""}`};
    },
    map(region, x, y) {
      const [left, top, right, bottom] = region.box;
      const [layer, head, queries, keys] = region.rows;
      const rows = region.values.length;
      const columns = region.values[0].length;
      const i = Math.min(rows - 1, Math.floor((y - top) / (bottom - top) * rows));
      const j = Math.min(columns - 1, Math.floor((x - left) / (right - left) * columns));
      const span = (k, cells, all) => {
        const first = Math.floor(k * all / cells), last = Math.floor((k + 1) * all / cells) - 1;
        return first === last ? `${first}` : `${first} to ${last}`;
      };
      const value = region.values[i][j];
      const row = `l${layer}h${head}`;
      const weight = value === null ? "no weight" : value < 0 ? "hidden" : `largest weight ${value}`;
      return {row, text: `${region.title}, query ${span(i, rows, queries)}, key ${span(j, columns, keys)}\n${weight}${findings(row)}`};
    },
  };

  const look = (svg, event) => {
    const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
    for (const region of regions()[svg.classList[0]] || []) {
      if (contains(region.box, point.x, point.y)) return looks[region.kind](region, point.x, point.y);
    }
    return null;
  };
  const hide = () => { tip.textContent = ""; };
  const show = (svg, event) => {
    const seen = look(svg, event);
    svg.style.cursor = seen && seen.row ? "pointer" : "";
    if (!seen) return hide();
    tip.textContent = seen.text;
    const box = tip.getBoundingClientRect();
    tip.style.left = `${Math.max(4, Math.min(event.clientX + 14, innerWidth - box.width - 4))}px`;
    tip.style.top = `${event.clientY + 18 + box.height > innerHeight ? Math.max(4, event.clientY - box.height - 12) : event.clientY + 18}px`;
  };
  const lead = (id) => {
    const row = document.getElementById(id);
    if (!row) return;
    row.hidden = false;
    reveal(row.closest("table"), [...row.closest("table").tBodies].indexOf(row.parentElement) + 1);
    for (const other of document.querySelectorAll("tr.here")) other.classList.remove("here");
    row.classList.add("here");
    row.scrollIntoView({block: "center"});
    row.focus({preventScroll: true});
  };
  for (const svg of document.querySelectorAll("figure svg")) {
    svg.addEventListener("pointermove", (event) => show(svg, event));
    svg.addEventListener("pointerleave", hide);
    svg.addEventListener("click", (event) => {
      const seen = look(svg, event);
      if (seen && seen.row) lead(seen.row);
    });
  }
  addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });
  addEventListener("scroll", hide, {passive: true});
  addEventListener("beforeprint", () => { for (const details of document.querySelectorAll("details")) details.open = true; });
  document.addEventListener("click", (event) => {
    const link = event.target.closest("#findings a");
    if (!link) return;
    event.preventDefault();
    lead(link.hash.slice(1));
  });
  // Links from elsewhere to a row.
  const follow = () => { if (/^#l\d+(h\d+)?$/.test(location.hash)) lead(location.hash.slice(1)); };
  addEventListener("hashchange", follow);
  follow();
})();
)js";

}  // namespace attnscope::page
