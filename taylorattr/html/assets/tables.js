"use strict";
// Tables: sort by a column, keep the rows that hold a word, download what the page holds.
(() => {
  const FILTERED = 12;
  const order = (a, b) => {
    const one = typeof a === "number", other = typeof b === "number";
    if (one && other) return a - b;
    if (one !== other) return one ? -1 : 1;
    if (a === null || b === null) return (a === null) - (b === null);
    return String(a).localeCompare(String(b), undefined, { numeric: true });
  };
  const missing = (value) => value === null || value === undefined || value === "NaN";
  function sorted(rows, column, descending) {
    return rows.map((row, place) => place).sort((i, j) => {
      const a = rows[i][column], b = rows[j][column];
      if (missing(a) || missing(b)) return missing(a) - missing(b) || i - j;
      return (descending ? order(b, a) : order(a, b)) || i - j;
    });
  }
  // A spreadsheet takes a text that begins with = + - @ for a formula: an apostrophe keeps it a text.
  function cell(value) {
    if (value === null || value === undefined) return "";
    let text = String(value);
    if (typeof value === "string" && /^[=+\-@\t\r]/.test(text)) text = "'" + text;
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  }
  const csv = (table) => [table.columns, ...table.rows, ...table.foot].map((row) => row.map(cell).join(",")).join("\r\n") + "\r\n";
  function save(name, kind, text) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: kind }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }
  function named(title) {
    return title.normalize("NFKD").replace(/[^A-Za-z0-9]+/g, "-").replace(/^-+|-+$/g, "").slice(0, 80).toLowerCase() || "table";
  }
  function button(label, title, action) {
    const made = document.createElement("button");
    made.type = "button";
    made.textContent = label;
    made.title = title;
    made.addEventListener("click", action);
    return made;
  }
  for (const frame of document.querySelectorAll("[data-table]")) {
    const data = Report.tables[frame.dataset.table];
    const body = frame.querySelector("tbody");
    const rows = [...body.rows];
    const heads = [...frame.querySelectorAll("thead th")];
    heads.forEach((head, column) => {
      const label = document.createElement("button");
      label.type = "button";
      label.append(...head.childNodes);
      head.append(label);
      label.addEventListener("click", () => {
        const text = data.rows.some((row) => typeof row[column] === "string");
        const first = text ? "ascending" : "descending";
        const now = head.getAttribute("aria-sort");
        const next = now === null ? first : now === "descending" ? "ascending" : "descending";
        for (const other of heads) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", next);
        body.append(...sorted(data.rows, column, next === "descending").map((place) => rows[place]));
      });
    });
    const tools = document.createElement("div");
    tools.className = "tools";
    if (rows.length > FILTERED) {
      const filter = document.createElement("input");
      filter.type = "search";
      filter.placeholder = "show rows with …";
      filter.setAttribute("aria-label", `Show rows of ${data.title} that hold a text`);
      const said = document.createElement("span");
      said.setAttribute("role", "status");
      filter.addEventListener("input", () => {
        const word = filter.value.trim().toLowerCase();
        let kept = 0;
        rows.forEach((row, place) => {
          row.hidden = word !== "" && !data.rows[place].some((v) => typeof v === "string" && v.toLowerCase().includes(word));
          kept += !row.hidden;
        });
        said.textContent = word ? `${kept.toLocaleString("en-US")} of ${rows.length.toLocaleString("en-US")} rows` : "";
      });
      tools.append(filter, said);
    }
    const gap = document.createElement("span");
    gap.className = "gap";
    tools.append(
      gap,
      button("CSV", `Download ${data.title} as CSV`, () => save(`${named(data.title)}.csv`, "text/csv;charset=utf-8", csv(data))),
      button("JSON", `Download ${data.title} as JSON`, () => save(`${named(data.title)}.json`, "application/json", JSON.stringify(data, null, 1))),
    );
    frame.querySelector(".scroll").after(tools);
  }
})();
