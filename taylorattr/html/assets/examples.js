"use strict";
// One example of a batch at a time; without scripts all stand below each other.
const Examples = (() => {
  const chooser = document.getElementById("example");
  const listeners = [];
  for (const element of document.querySelectorAll(".script")) element.hidden = false;
  function show(example) {
    for (const element of document.querySelectorAll("[data-example]")) element.hidden = element.dataset.example !== example;
    for (const listener of listeners) listener(example);
  }
  if (chooser) {
    chooser.addEventListener("change", () => show(chooser.value));
    show(chooser.value);
  }
  return {
    current: () => (chooser ? chooser.value : null),
    onchange: (listener) => listeners.push(listener),
  };
})();
