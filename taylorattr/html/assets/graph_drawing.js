"use strict";
// One graph as cytoscape elements: places, sizes and colours come with the data and are only scaled here.
const Drawing = (() => {
  const WIDEST = 5, THINNEST = 0.4, SCALE = 1.6, GAP = 20;
  const colours = () => {
    const style = getComputedStyle(document.documentElement);
    const read = (name) => style.getPropertyValue(name).trim();
    return {
      ink: read("--ink"), paper: read("--paper"), neutral: read("--neutral"), mark: read("--accent"),
      positive: read("--positive"), negative: read("--negative"),
    };
  };
  function font(count, radius) {
    return Math.max(8, Math.min(17, (2 * Math.PI * radius) / Math.max(count, 1) / 1.5));
  }
  function label(player, radius) {
    const length = Math.hypot(player.x, player.y) || 1;
    const reach = (radius + GAP) / length;
    const left = player.x < 0;
    const upright = player.angle === null;
    const angle = upright ? 0 : -player.angle;
    const turned = upright ? 0 : Math.abs(angle) > Math.PI / 2 ? angle - Math.PI * Math.sign(angle) : angle;
    const centred = upright && Math.abs(player.x) < 0.05 * radius;
    return { x: player.x * reach, y: player.y * reach, side: centred ? "center" : left ? "left" : "right", turn: -turned };
  }
  // The curve of the picture: its middle is drawn towards the centre, to 0.35 of where the chord's middle is.
  function bend(one, other) {
    const dx = other.x - one.x, dy = other.y - one.y, long = Math.hypot(dx, dy) || 1;
    const mx = (one.x + other.x) / 2, my = (one.y + other.y) / 2;
    return (-0.65 * (mx * -dy + my * dx)) / long;
  }
  function shortened(name, most) {
    if (name.length <= most) return name;
    const tail = Math.floor((most - 1) / 3);
    return `${name.slice(0, most - 1 - tail)}…${name.slice(name.length - tail)}`;
  }
  const sign = (value) => (value > 0 ? "positive" : value < 0 ? "negative" : "neutral");
  // On a small screen names are larger in the drawing, and shorter.
  function players(view, narrow) {
    const roomy = (2 * Math.PI * view.radius) / Math.max(view.players.length, 1) / 1.5;
    const size = Math.min(font(view.players.length, view.radius) * (narrow ? 2 : 1), Math.max(roomy, 8));
    const made = [];
    view.players.forEach((player, place) => {
      const at = label(player, view.radius);
      const kind = player.others ? "neutral" : sign(player.value);
      made.push({ group: "nodes", data: { id: `p${place}`, size: player.size, player: place }, position: { x: player.x, y: player.y }, classes: `player ${kind}` });
      made.push({ group: "nodes", data: { id: `l${place}`, label: narrow ? shortened(player.label, 12) : player.label, font: size, side: at.side, turn: at.turn }, position: { x: at.x, y: at.y }, classes: "label" });
    });
    return made;
  }
  function effect(view, place) {
    const { value, order, members, x, y } = view.effects[place];
    const share = Math.abs(value) / (view.largest || 1);
    const width = SCALE * (THINNEST + (WIDEST - THINNEST) * share);
    const kind = sign(value);
    if (order === 2) {
      const [one, other] = members;
      return [{ group: "edges", data: { id: `e${place}`, source: `p${one}`, target: `p${other}`, width, opacity: 0.25 + 0.6 * share, bend: bend(view.players[one], view.players[other]), effect: place }, classes: `pair ${kind}` }];
    }
    const mark = { group: "nodes", data: { id: `e${place}`, size: SCALE * Math.sqrt(14 + 246 * share), opacity: 0.35 + 0.6 * share, effect: place }, position: { x, y }, classes: `several ${kind}` };
    const spokes = members.map((member) => ({ group: "edges", data: { id: `e${place}p${member}`, source: `e${place}`, target: `p${member}`, width: SCALE * (0.35 + 1.5 * share), opacity: 0.15 + 0.5 * share, effect: place }, classes: `spoke ${kind}` }));
    return [mark, ...spokes];
  }
  function style() {
    const c = colours();
    const paint = (kind) => [
      { selector: `node.${kind}`, style: { "background-color": c[kind] } },
      { selector: `edge.${kind}`, style: { "line-color": c[kind] } },
    ];
    return [
      { selector: "node", style: { width: "data(size)", height: "data(size)", "border-width": 1.2, "border-color": c.paper, "overlay-opacity": 0 } },
      { selector: "node.player", style: { "z-index": 20 } },
      { selector: "node.several", style: { shape: "diamond", opacity: "data(opacity)", "z-index": 10 } },
      { selector: "node.label", style: { width: 1, height: 1, "background-opacity": 0, "border-width": 0, label: "data(label)", color: c.ink, "font-size": "data(font)", "font-family": "system-ui, -apple-system, Segoe UI, Roboto, Noto Sans, DejaVu Sans, sans-serif", "text-halign": "data(side)", "text-valign": "center", "text-rotation": "data(turn)", "min-zoomed-font-size": 4, events: "no" } },
      { selector: "edge", style: { width: "data(width)", "line-opacity": "data(opacity)", "overlay-opacity": 0 } },
      { selector: "edge.pair", style: { "curve-style": "unbundled-bezier", "edge-distances": "node-position", "control-point-weights": 0.5, "control-point-distances": "data(bend)", "line-cap": "round" } },
      { selector: "edge.spoke", style: { "curve-style": "haystack", "haystack-radius": 0 } },
      ...paint("positive"), ...paint("negative"), ...paint("neutral"),
      { selector: ".dim", style: { opacity: 0.07 } },
      { selector: "node.label.dim", style: { opacity: 0.3 } },
      { selector: "node.player.dim", style: { opacity: 0.25 } },
      { selector: "edge.hot", style: { "line-opacity": 0.95, "z-index": 15 } },
      { selector: "node.hot", style: { opacity: 1, "border-color": c.ink, "border-width": 2 } },
      { selector: "node.label.hot", style: { "border-width": 0, "font-weight": "bold" } },
      { selector: ".off", style: { display: "none" } },
    ];
  }
  return { players, effect, style };
})();
