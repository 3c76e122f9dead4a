"use strict";
// The interactive graph: which effects are shown, what is said of the one under the pointer, search, keys.
(() => {
  const byId = (id) => document.getElementById(id);
  const box = byId("graph-canvas");
  if (!box || typeof cytoscape === "undefined") return;
  const MOST = 40, STEPS = 200;
  const source = byId("graph-source"), search = byId("graph-search"), tip = byId("graph-tip");
  const orders = byId("graph-order"), threshold = byId("graph-threshold"), empty = byId("graph-empty");
  const cy = cytoscape({ container: box, style: Drawing.style(), layout: { name: "preset" }, autoungrabify: true, boxSelectionEnabled: false, selectionType: "single", minZoom: 0.1, maxZoom: 8 });
  let view = null, parts = [], chosen = null;

  const example = () => Examples.current() ?? Object.keys(Report.graphs)[0].split("-")[1];
  const found = () => Report.graphs[`${source.value}-${example()}`];
  const name = (effect) => (effect.names.length ? effect.names : effect.members.map((m) => view.players[m].name)).join(" × ");

  const narrow = () => box.clientWidth < 520;

  function draw() {
    view = found() ?? null;
    for (const still of document.querySelectorAll("[data-still]")) still.hidden = still.dataset.still !== `${source.value}-${example()}`;
    chosen = null;
    cy.elements().remove();
    empty.hidden = Boolean(view);
    if (!view) {
      empty.textContent = "There is no graph of this example; the text above says why.";
      parts = [];
      return;
    }
    cy.add(Drawing.players(view, narrow()));
    parts = view.effects.map(() => []);
    orders.max = Math.max(view.orders, 1);
    orders.value = orders.max;
    orders.disabled = view.orders < 2;
    threshold.max = STEPS;
    threshold.value = position(view.effects[Math.min(MOST, view.effects.length) - 1]);
    threshold.disabled = view.effects.length < 2;
    update();
    detail(null);
    seek();
    fit();
  }

  // The threshold runs in equal ratios from the smallest effect drawn to the largest.
  const least = () => Math.abs(view.effects[view.effects.length - 1].value);
  function position(effect) {
    if (!effect || least() === view.largest) return 0;
    return Math.floor((STEPS * Math.log(Math.abs(effect.value) / least())) / Math.log(view.largest / least()));
  }
  function level() {
    if (view.effects.length === 0) return 0;
    const step = Number(threshold.value);
    return step === 0 ? least() : least() * Math.pow(view.largest / least(), step / STEPS) * (1 - 1e-9);
  }

  function update() {
    const most = Number(orders.value), lower = level();
    let many = 0, share = 0;
    const fresh = [];
    cy.batch(() => {
      view.effects.forEach((effect, place) => {
        const on = effect.order <= most && Math.abs(effect.value) >= lower;
        many += on ? effect.count : 0;
        share += on ? effect.share : 0;
        if (on && parts[place].length === 0) fresh.push(...Drawing.effect(view, place));
        else if (effect.on !== on) for (const part of parts[place]) part.toggleClass("off", !on);
        effect.on = on;
      });
    });
    // What was never shown is not there yet: most readers look at the strongest, and a drawing of few is quick.
    cy.add(fresh).forEach((element) => parts[element.data("effect")].push(element));
    byId("graph-order-value").textContent = most === 1 ? "1: players alone" : String(most);
    byId("graph-threshold-value").textContent = view.effects.length ? `|effect| ≥ ${Numbers.number(lower)}` : "";
    const all = view.effects.reduce((sum, effect) => sum + effect.count, 0);
    const left = view.left.count > 0 ? ` ${view.left.count.toLocaleString("en-US")} more are too small to be drawn: together ${Numbers.number(view.left.sum, true)}, in size ${Numbers.number(view.left.size)}.` : "";
    byId("graph-shown").textContent = `${many.toLocaleString("en-US")} of ${all.toLocaleString("en-US")} interactions shown, ${Numbers.percent(share)} of Σ|effects|.${left}`;
    box.dataset.shown = String(many);
    if (chosen !== null && view.effects[chosen.effect] && !view.effects[chosen.effect].on) choose(null);
  }

  function line(list, term, value) {
    const row = document.createElement("div"), dt = document.createElement("dt"), dd = document.createElement("dd");
    dt.textContent = term;
    dd.textContent = value;
    row.append(dt, dd);
    list.append(row);
  }
  function said(item) {
    const list = document.createElement("dl");
    list.className = "facts-of";
    const head = document.createElement("b"), bdi = document.createElement("bdi");
    head.append(bdi);
    list.append(head);
    if (item.player !== undefined) {
      const player = view.players[item.player];
      bdi.textContent = player.name;
      line(list, "effect alone", Numbers.number(player.value, true));
      for (const [term, value, kind] of player.facts) line(list, term, Numbers.written[kind](value));
      return list;
    }
    const effect = view.effects[item.effect];
    bdi.textContent = name(effect);
    line(list, effect.count > 1 ? "effects, added up" : "effect", Numbers.number(effect.value, true));
    if (effect.count > 1) line(list, "in size", Numbers.number(effect.size));
    line(list, "share of Σ|effects|", Numbers.percent(effect.share));
    line(list, view.kind, effect.order === 2 ? "of two players" : `of ${effect.order} players`);
    return list;
  }
  const item = (element) => (element.data("player") !== undefined ? { player: element.data("player") } : { effect: element.data("effect") });
  function around(what) {
    if (what.player === undefined) {
      const own = cy.collection(parts[what.effect]);
      return own.union(own.connectedNodes());
    }
    const node = cy.getElementById(`p${what.player}`);
    const edges = node.connectedEdges().filter((edge) => !edge.hasClass("off"));
    return node.union(edges).union(edges.connectedNodes());
  }
  const labels = (nodes) => cy.collection(nodes.filter(".player").map((node) => cy.getElementById(`l${node.data("player")}`)));

  function detail(what) {
    byId("graph-detail").replaceChildren(what === null ? "Point at a player or an interaction for its numbers; a click keeps them here." : said(what));
  }
  function choose(what) {
    chosen = what;
    detail(what);
    highlight(what === null ? null : around(what));
  }
  function highlight(elements) {
    cy.batch(() => {
      cy.elements(".hot, .dim").removeClass("hot dim");
      if (elements === null) return;
      const lit = elements.union(labels(elements));
      cy.elements().difference(lit).addClass("dim");
      lit.addClass("hot");
    });
  }

  function seek() {
    const word = search.value.trim().toLowerCase();
    if (!word) {
      byId("graph-found").textContent = "";
      if (chosen === null) highlight(null);
      return;
    }
    const players = view.players.flatMap((player, place) => (player.name.toLowerCase().includes(word) ? [place] : []));
    const within = new Set(players);
    const effects = view.effects.flatMap((effect, place) => (effect.on && (effect.members.some((m) => within.has(m)) || effect.names.some((n) => n.toLowerCase().includes(word))) ? [place] : []));
    const count = (n, one) => `${n.toLocaleString("en-US")} ${one}${n === 1 ? "" : "s"}`;
    byId("graph-found").textContent = players.length || effects.length ? `${count(players.length, "player")}, ${count(effects.length, "interaction")} shown` : "no player has this in its name";
    chosen = null;
    const nodes = cy.collection(players.map((place) => cy.getElementById(`p${place}`)));
    highlight(players.length || effects.length ? nodes.union(cy.collection(effects.flatMap((place) => parts[place]))) : null);
    detail(players.length === 1 ? { player: players[0] } : null);
  }

  function point(event) {
    const at = event.renderedPosition ?? event.target.renderedPosition();
    tip.replaceChildren(said(item(event.target)));
    tip.hidden = false;
    const wide = box.clientWidth - tip.offsetWidth - 8, high = box.clientHeight - tip.offsetHeight - 8;
    tip.style.left = `${Math.max(8, Math.min(at.x + 14, wide))}px`;
    tip.style.top = `${Math.max(8, Math.min(at.y + 14, high))}px`;
  }
  cy.on("mouseover", "[player], [effect]", point);
  cy.on("mousemove", "[player], [effect]", point);
  cy.on("mouseout", "[player], [effect]", () => { tip.hidden = true; });
  cy.on("tap", (event) => choose(event.target === cy ? null : item(event.target)));
  cy.on("viewport", () => { tip.hidden = true; });

  function fit() {
    cy.resize();
    cy.fit(cy.elements(".player, .label"), 14);
  }
  function zoom(factor) {
    cy.zoom({ level: cy.zoom() * factor, renderedPosition: { x: box.clientWidth / 2, y: box.clientHeight / 2 } });
  }
  // Strongest first: players and effects that are shown, in one row.
  function step(by) {
    const row = [...view.players.map((player, place) => [Math.abs(player.value), { player: place }]), ...view.effects.flatMap((effect, place) => (effect.on ? [[Math.abs(effect.value), { effect: place }]] : []))].sort((a, b) => b[0] - a[0]).map((entry) => entry[1]);
    const same = (a, b) => b !== null && a.player === b.player && a.effect === b.effect;
    const now = row.findIndex((entry) => same(entry, chosen));
    choose(row[now < 0 ? (by > 0 ? 0 : row.length - 1) : (now + by + row.length) % row.length]);
  }
  const keys = { ArrowRight: () => step(1), ArrowDown: () => step(1), ArrowLeft: () => step(-1), ArrowUp: () => step(-1), Escape: () => choose(null), "+": () => zoom(1.25), "=": () => zoom(1.25), "-": () => zoom(0.8), 0: fit };
  box.addEventListener("keydown", (event) => {
    if (!view || !keys[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    keys[event.key]();
  });
  // The wheel scrolls the page until the picture is asked for.
  cy.userZoomingEnabled(false);
  box.addEventListener("focus", () => cy.userZoomingEnabled(true));
  box.addEventListener("blur", () => cy.userZoomingEnabled(false));
  box.addEventListener("pointerdown", () => box.focus({ preventScroll: true }));

  byId("graph-in").addEventListener("click", () => zoom(1.25));
  byId("graph-out").addEventListener("click", () => zoom(0.8));
  byId("graph-fit").addEventListener("click", fit);
  orders.addEventListener("input", () => { update(); seek(); });
  threshold.addEventListener("input", () => { update(); seek(); });
  search.addEventListener("input", seek);
  source.addEventListener("change", draw);
  Examples.onchange(draw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => cy.style().fromJson(Drawing.style()).update());
  let small = narrow();
  new ResizeObserver(() => {
    if (box.clientWidth === 0) return;
    if (narrow() === small) fit();
    else {
      small = narrow();
      draw();
    }
  }).observe(box);
  draw();
  box.dataset.ready = "true";
  box.cytoscape = cy;
})();
