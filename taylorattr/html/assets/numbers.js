"use strict";
// Numbers in words, as taylorattr.html.numbers writes them.
const Numbers = (() => {
  const superscript = (text) => [...text].map((c) => "⁰¹²³⁴⁵⁶⁷⁸⁹"["0123456789".indexOf(c)] || (c === "-" ? "⁻" : "")).join("");
  const trimmed = (text) => (text.includes(".") ? text.replace(/0+$/, "").replace(/\.$/, "") : text);
  function number(value, sign = false) {
    if (typeof value !== "number") return value === null || value === undefined ? "—" : String(value).replace("-", "−").replace("Infinity", "∞");
    if (value === 0) return "0";
    const size = Math.abs(value);
    let text;
    if (size >= 1e3 && size < 1e9) text = Math.round(size).toLocaleString("en-US");
    else if (size >= 1e-4 && size < 1e3) text = trimmed(size.toPrecision(4));
    else {
      const [mantissa, exponent] = size.toExponential(2).split("e");
      text = `${mantissa}·10${superscript(exponent.replace("+", ""))}`;
    }
    return (value < 0 ? "−" : sign ? "+" : "") + text;
  }
  function percent(share) {
    if (typeof share !== "number") return number(share);
    const size = Math.abs(100 * share);
    if (size === 0) return "0 %";
    if (size < 0.01) return "< 0.01 %";
    const text = size < 1 ? size.toFixed(2) : size < 100 ? size.toFixed(1) : Math.round(size).toLocaleString("en-US");
    return `${share < 0 ? "−" : ""}${text} %`;
  }
  const written = { number: (v) => number(v, true), size: (v) => number(v), share: percent };
  return { number, percent, written };
})();
document.documentElement.classList.add("scripted");
const Report = JSON.parse(document.getElementById("report-data").textContent);
