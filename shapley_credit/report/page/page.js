// @ts-check
"use strict";

/**
 * Of a completion: credits of its segments, where they stand, and what else is known of each.
 * @typedef {{gap?: number[], size: number[], credit: number[], error?: (number|null)[], union?: (string|null)[], without?: (number|null)[]}} Segments
 * @typedef {[prompt: string, texts: string[], segments: (Segments|null)[]|null]} Group
 * @typedef {{step: number[], value: number[], entropy: (number|null)[], best: (number|null)[], gap: (number|null)[]}} Steps
 * @typedef {{
 *   credit: number[], reward: number[]|null, paid: Record<string, number[]>, advantage: Record<string, number[]>,
 *   shown: Record<string, string[]>, sizes: number[], value: number[], gap: number[]|null, step: number[]|null,
 *   names: string[]|null, blocks: number[], steps: Steps, stepped: boolean, shade: number, segmented: boolean
 * }} Index
 * @typedef {{find: RegExp|null, below: number, above: number, step: number|null, active: boolean}} Wanted
 */

// A task of this many milliseconds hands over, so that pointer and keys are never kept waiting.
const SLICE = 8;
// Characters of a completion and of a prompt that are shown before one asks for all.
const LONG = 700, LONG_PROMPT = 320;
// Blocks of text that stay inflated, and groups that are printed.
const KEPT = 160, PRINTED = 100;
// Groups that are listed at once.
const LISTED = 1500;
// What would move, hide or reorder other text is written as an escape: controls, marks of direction, what is invisible, half surrogates.
const UNSEEN = new RegExp("[\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f\\u00ad\\u061c\\u180e\\u200b\\u200e\\u200f\\u2028-\\u202e\\u2060-\\u206f\\ufeff\\ufff9-\\ufffb]|\\udb40[\\udc00-\\udc7f]|[\\ud800-\\udbff](?![\\udc00-\\udfff])|(?<![\\ud800-\\udbff])[\\udc00-\\udfff]", "g");

/** @param {string} id @returns {HTMLElement} */
const byId = (id) => /** @type {HTMLElement} */ (document.getElementById(id));
/** @param {string} id @returns {HTMLInputElement} */
const inputOf = (id) => /** @type {HTMLInputElement} */ (document.getElementById(id));
// Hands over to whatever waits; a timer would wait some milliseconds longer.
const pause = () => new Promise((done) => {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => { port1.close(); done(null); };
  port2.postMessage(null);
});

/**
 * An element with a class and children, all of whose texts are text.
 * @param {string} tag @param {string} [name] @param {...(Node|string)} children @returns {HTMLElement}
 */
function make(tag, name = "", ...children) {
  const made = document.createElement(tag);
  if (name) made.className = name;
  made.append(...children);
  return made;
}

/** @param {string} text @returns {string} */
function visible(text) {
  return text.replace(/\r\n/g, "\n").replace(UNSEEN, (found) =>
    [...Array(found.length).keys()].map((i) => "\\u" + found.charCodeAt(i).toString(16).padStart(4, "0")).join(""));
}

/** The value that a block of the page holds. @param {Element} element @returns {Promise<any>} */
async function inflated(element) {
  const packed = atob(element.textContent || "");
  const bytes = new Uint8Array(packed.length);
  for (let i = 0; i < packed.length; i++) bytes[i] = packed.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return JSON.parse(await new Response(stream).text());
}

/** @param {Index} index */
function start(index) {
  const blocks = [...document.querySelectorAll("script.block")];
  const total = index.sizes.length;
  // The first row of each group, and the block that holds its texts.
  const first = new Uint32Array(total + 1), blockOf = new Uint32Array(total), placeIn = new Uint32Array(total);
  index.sizes.forEach((size, group) => { first[group + 1] = first[group] + size; });
  index.blocks.reduce((group, size, block) => {
    for (let i = 0; i < size; i++) { blockOf[group + i] = block; placeIn[group + i] = i; }
    return group + size;
  }, 0);
  const largest = index.credit.reduce((most, each) => Math.max(most, Math.abs(each)), 0) || 1;
  // Three digits of the largest credit, the same number of decimals everywhere.
  const decimals = Math.min(6, Math.max(0, 2 - Math.floor(Math.log10(Math.max(largest, index.shade)))));

  // Texts that are inflated, by block, the longest unused first.
  /** @type {Map<number, Group[]>} */
  const kept = new Map();
  /** @param {number} block @returns {Promise<Group[]>} */
  async function load(block) {
    const known = kept.get(block) || /** @type {Group[]} */ (await inflated(blocks[block]));
    kept.delete(block);
    kept.set(block, known);
    if (kept.size > KEPT) kept.delete(/** @type {number} */ (kept.keys().next().value));
    return known;
  }

  /** @param {number|null|undefined} value @returns {string} */
  function plain(value) {
    if (value === null || value === undefined) return "–";
    const told = value !== 0 && Math.abs(value) < 0.5 * 10 ** -decimals ? value.toExponential(1) : value.toFixed(decimals);
    return told.replace("-", "−");
  }
  /** @param {number} value @returns {string} */
  const signed = (value) => (value > 0 ? "+" : "") + plain(value);
  /** Three digits, however small. @param {number} value @returns {string} */
  const digits = (value) => (Math.abs(value) < 1e-12 ? "0" : String(+value.toPrecision(3))).replace("-", "−");
  /** The shade of a credit, "" for next to nothing. @param {number} credit @returns {string} */
  function shade(credit) {
    const level = Math.min(4, Math.ceil((Math.abs(credit) / index.shade) * 4 - 0.2));
    return level <= 0 ? "" : (credit > 0 ? "p" : "n") + level;
  }
  /** @param {number} number @returns {string} */
  const count = (number) => number.toLocaleString("en-US");

  // Texts, cut at segments and at what was searched.

  /**
   * Append the characters from..to of a text, marking what was searched.
   * @param {Node} parent @param {string} text @param {number} from @param {number} to @param {[number, number][]} hits
   */
  function say(parent, text, from, to, hits) {
    for (const [start, end] of hits) {
      if (end <= from || start >= to) continue;
      parent.appendChild(document.createTextNode(visible(text.slice(from, Math.max(from, start)))));
      parent.appendChild(make("b", "", visible(text.slice(Math.max(from, start), Math.min(to, end)))));
      from = Math.min(to, end);
    }
    if (from < to) parent.appendChild(document.createTextNode(visible(text.slice(from, to))));
  }

  /** @param {string} text @param {RegExp|null} find @returns {[number, number][]} */
  function hitsOf(text, find) {
    /** @type {[number, number][]} */
    const hits = [];
    if (find) for (const hit of text.matchAll(new RegExp(find, "gi"))) {
      hits.push([hit.index, hit.index + hit[0].length]);
      if (hits.length === 200) break;
    }
    return hits;
  }

  /**
   * Put a text into an element, all of it or the part around the first hit, with a button for the rest.
   * @param {HTMLElement} box @param {string} text @param {RegExp|null} find @param {number} long
   * @param {(from: number, to: number, hits: [number, number][]) => void} put
   */
  function fit(box, text, find, long, put) {
    const hits = hitsOf(text, find);
    const from = hits.length && hits[0][1] > long ? Math.max(0, hits[0][0] - long / 3) | 0 : 0;
    const to = text.length > long * 1.25 ? Math.min(text.length, from + long) : text.length;
    box.replaceChildren();
    if (from) box.append("… ");
    put(from, to, hits);
    if (!from && to === text.length) return;
    const more = make("button", "more", `Show all ${count(text.length)} characters`);
    more.setAttribute("type", "button");
    more.addEventListener("click", () => { box.replaceChildren(); put(0, text.length, hits); box.tabIndex = -1; box.focus(); });
    box.append(" …", make("div", "", more));
  }

  /** @param {string} text @param {Segments|null} parts @param {number} credit @param {Wanted} wanted @returns {HTMLElement} */
  function textBox(text, parts, credit, wanted) {
    const box = make("div", "text");
    box.dir = "auto";
    if (!text) { box.classList.add("none"); box.append("empty"); return box; }
    if (!parts) {
      box.classList.add("whole");
      const level = shade(credit);
      if (level) box.classList.add(level);
      fit(box, text, wanted.find, LONG, (from, to, hits) => say(box, text, from, to, hits));
      return box;
    }
    box.setAttribute("role", "group");
    box.setAttribute("aria-label", `${parts.size.length} segments; arrow keys move between them`);
    fit(box, text, wanted.find, LONG, (from, to, hits) => segmentsOf(box, text, parts, from, to, hits));
    return box;
  }

  /**
   * @param {HTMLElement} box @param {string} text @param {Segments} parts @param {number} from @param {number} to
   * @param {[number, number][]} hits
   */
  function segmentsOf(box, text, parts, from, to, hits) {
    const body = document.createDocumentFragment();
    let at = 0, tabbed = false;
    for (let i = 0; i < parts.size.length; i++) {
      const start = at + (parts.gap ? parts.gap[i] : 0), end = start + parts.size[i];
      say(body, text, Math.max(at, from), Math.min(start, to), hits);
      at = end;
      if (end <= from || start >= to) continue;
      const mark = make("mark", shade(parts.credit[i]));
      mark.tabIndex = tabbed ? -1 : 0;
      tabbed = true;
      mark.setAttribute("aria-describedby", "tip");
      say(mark, text, Math.max(start, from), Math.min(end, to), hits);
      told.set(mark, { parts, number: i });
      body.appendChild(mark);
    }
    say(body, text, Math.max(at, from), to, hits);
    box.append(body);
  }

  // What is told of a segment, by pointer and by keys.

  /** @type {WeakMap<Element, {parts: Segments, number: number}>} */
  const told = new WeakMap();
  const tip = byId("tip");
  /** @type {Element|null} */
  let pointed = null;

  /** @param {Segments} parts @param {number} i @returns {HTMLElement[]} */
  function facts(parts, i) {
    const sum = parts.credit.reduce((a, b) => a + b, 0);
    /** @type {[string, string][]} */
    const rows = [["credit", (parts.credit[i] > 0 ? "+" : "") + digits(parts.credit[i])]];
    const error = parts.error && parts.error[i], union = parts.union && parts.union[i], without = parts.without && parts.without[i];
    if (error !== null && error !== undefined) rows.push(["standard error", "± " + digits(error)]);
    if (union !== null && union !== undefined) rows.push(["union", visible(union)]);
    if (without !== null && without !== undefined) rows.push(["response without it", digits(without)]);
    rows.push(["credit of the others", digits(sum - parts.credit[i])]);
    const list = make("dl", "", ...rows.flatMap(([name, value]) => [make("dt", "", name), make("dd", "", value)]));
    return [list, make("p", "", `segment ${i + 1} of ${parts.size.length}`)];
  }

  /** The tip stands above its segment, or below it where there is no room. */
  function place() {
    if (!pointed) return;
    const rects = pointed.getClientRects(), top = rects[0] || pointed.getBoundingClientRect(), last = rects[rects.length - 1] || top;
    const left = Math.min(Math.max(12, top.left), document.documentElement.clientWidth - tip.offsetWidth - 12);
    const above = top.top - tip.offsetHeight - 8;
    tip.style.transform = `translate(${left}px, ${above > 8 ? above : last.bottom + 8}px)`;
  }

  /** @param {Element|null} mark */
  function point(mark) {
    if (mark === pointed) return;
    if (pointed) for (const each of pointed.parentElement ? pointed.parentElement.querySelectorAll("mark.kin") : []) each.classList.remove("kin");
    pointed = mark;
    const known = mark && told.get(mark);
    tip.hidden = !known;
    if (!mark || !known) return;
    tip.replaceChildren(...facts(known.parts, known.number));
    place();
    const unions = known.parts.union, union = unions && unions[known.number];
    if (!unions || union === null || union === undefined || !mark.parentElement) return;
    for (const each of mark.parentElement.querySelectorAll("mark")) {
      const other = told.get(each);
      if (other && each !== mark && unions[other.number] === union) each.classList.add("kin");
    }
  }

  const list = byId("groups");
  /** @param {Event} event @returns {Element|null} */
  const markOf = (event) => event.target instanceof Element ? event.target.closest("mark") : null;
  list.addEventListener("pointerover", (event) => point(markOf(event)));
  list.addEventListener("pointerleave", () => point(null));
  list.addEventListener("focusin", (event) => point(markOf(event)));
  list.addEventListener("focusout", () => point(null));
  addEventListener("scroll", place, { passive: true });
  list.addEventListener("keydown", (event) => {
    const mark = markOf(event);
    if (event.key === "Escape") { point(null); return; }
    if (!mark || !mark.parentElement) return;
    const marks = [...mark.parentElement.querySelectorAll("mark")], here = marks.indexOf(/** @type {HTMLElement} */ (mark));
    /** @type {Record<string, number>} */
    const moves = { ArrowRight: here + 1, ArrowDown: here + 1, ArrowLeft: here - 1, ArrowUp: here - 1, Home: 0, End: marks.length - 1 };
    const next = marks[moves[event.key]];
    if (moves[event.key] === undefined) return;
    event.preventDefault();
    if (!next) return;
    marks[here].tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
    next.scrollIntoView({ block: "nearest" });
    point(next);
  });

  // A group: its worth, its prompt and a table of its completions.

  const rivals = Object.keys(index.paid), parts = Object.keys(index.advantage), shown = Object.keys(index.shown);

  /** @param {string} text @param {string} [name] @param {number} [span] @returns {HTMLElement} */
  function heading(text, name = "", span = 1) {
    const cell = make("th", name, text);
    cell.setAttribute("scope", span > 1 ? "colgroup" : "col");
    if (span > 1) cell.setAttribute("colspan", String(span));
    return cell;
  }
  /** @param {string} name @param {string} label @param {...(Node|string)} children @returns {HTMLElement} */
  function cell(name, label, ...children) {
    const made = make("td", name, ...children);
    if (label) made.dataset.name = label;
    return made;
  }
  /** @param {number} credit @returns {HTMLElement} */
  function bar(credit) {
    const inner = make("i", credit < 0 ? "down" : "up");
    inner.style.width = `${(50 * Math.abs(credit)) / largest}%`;
    const made = make("span", "bar", inner);
    made.setAttribute("aria-hidden", "true");
    return made;
  }

  /** @returns {HTMLElement} */
  function head() {
    const own = 2 + (index.reward ? 1 : 0) + shown.length;
    const over = make("tr", "over", ...Array.from({ length: own }, () => make("td")));
    if (rivals.length) over.append(heading("other rules would pay", "span", rivals.length));
    if (parts.length) over.append(heading("advantage", parts.length > 1 ? "span" : "", parts.length));
    const names = make("tr", "", heading(""), heading("credit"), ...(index.reward ? [heading("reward")] : []),
      ...shown.map((name) => heading(visible(name), "word")), ...rivals.map((name) => heading(name, name.includes(" ") ? "two" : "")),
      ...parts.map((name) => heading(name === "advantage" && parts.length > 1 ? "in all" : name)));
    names.firstElementChild?.setAttribute("aria-label", "rank");
    return make("thead", "", ...(rivals.length || parts.length > 1 ? [over] : []), names);
  }

  /** @param {number} row @param {number} rank @returns {HTMLElement} */
  function figures(row, rank) {
    return make("tr", "figures", cell("rank", "", String(rank)), cell("credit", "", bar(index.credit[row]), make("span", "", signed(index.credit[row]))),
      ...(index.reward ? [cell("", "reward", plain(index.reward[row]))] : []),
      ...shown.map((name) => cell("word", visible(name), visible(index.shown[name][row]))),
      ...rivals.map((name) => cell("", name, plain(index.paid[name][row]))),
      ...parts.map((name) => cell("", name, name === "advantage" ? signed(index.advantage[name][row]) : plain(index.advantage[name][row]))));
  }

  /** @param {number} group @returns {HTMLElement} */
  function sums(group) {
    /** @param {number[]} column @returns {string} */
    const sum = (column) => plain(column.slice(first[group], first[group + 1]).reduce((a, b) => a + b, 0));
    return make("tfoot", "", make("tr", "", cell("", "", "sum"), cell("credit", "", make("span", "", sum(index.credit))),
      ...(index.reward ? [cell("", "reward", sum(index.reward))] : []), ...shown.map(() => cell("", "")),
      ...rivals.map((name) => cell("", name, sum(index.paid[name]))),
      ...parts.map((name) => name === "advantage" ? cell("", name, sum(index.advantage[name])) : cell("", ""))));
  }

  /** @param {number} group @returns {HTMLElement} */
  function title(group) {
    const worth = make("div", "worth");
    if (index.step) worth.append("step ", make("b", "", String(index.step[group])), " · ");
    worth.append(index.gap ? "set value " : "credits add up to ", make("b", "", plain(index.value[group])));
    worth.append(` · ${index.sizes[group]} completion${index.sizes[group] === 1 ? "" : "s"}`);
    const name = index.names && index.names[group];
    return make("header", "", make("h2", "", name ? visible(name) : `Group ${group + 1}`), worth);
  }

  /**
   * @param {HTMLElement} article @param {number} group @param {Group} said @param {Wanted} wanted
   */
  function fill(article, group, [asked, texts, cut], wanted) {
    const prompt = make("div", "prompt");
    prompt.dir = "auto";
    fit(prompt, asked, wanted.find, LONG_PROMPT, (from, to, hits) => say(prompt, asked, from, to, hits));
    const body = texts.map((text, i) => {
      const row = first[group] + i, meant = !wanted.active || hit(row, text, asked, wanted);
      const whole = make("tbody", meant ? "" : "aside", figures(row, i + 1));
      if (!meant) return whole;
      const under = cell("", "", textBox(text, cut && cut[i], index.credit[row], wanted));
      under.setAttribute("colspan", String(2 + (index.reward ? 1 : 0) + shown.length + rivals.length + parts.length));
      whole.append(make("tr", "said", under));
      return whole;
    });
    const table = make("table", "", make("caption", "", `Completions of group ${group + 1} in order of credit`), head(), ...body, sums(group));
    article.replaceChildren(title(group), prompt, table);
    article.removeAttribute("aria-busy");
  }

  // Which groups are listed, and in which order.

  /** @param {number} row @param {string} text @param {string} asked @param {Wanted} wanted @returns {boolean} */
  function hit(row, text, asked, wanted) {
    return index.credit[row] < wanted.below && (index.reward === null || index.reward[row] > wanted.above)
      && (wanted.find === null || wanted.find.test(text) || wanted.find.test(asked));
  }

  /** @param {number} group @param {Wanted} wanted @returns {boolean} */
  function mayHit(group, wanted) {
    if (wanted.step !== null && index.step && index.step[group] !== wanted.step) return false;
    for (let row = first[group]; row < first[group + 1]; row++)
      if (index.credit[row] < wanted.below && (index.reward === null || index.reward[row] > wanted.above)) return true;
    return false;
  }

  /** @returns {Wanted} */
  function wish() {
    const text = inputOf("text").value, below = inputOf("below").value, above = inputOf("above").value, step = +inputOf("step").value;
    return {
      find: text ? new RegExp(text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"), "i") : null,
      below: below === "" ? Infinity : +below, above: above === "" ? -Infinity : +above,
      step: step ? index.steps.step[step - 1] : null,
      active: text !== "" || below !== "" || above !== "",
    };
  }

  /** What groups are sorted by, smallest first. @type {Record<string, (group: number) => number>} */
  const KEYS = {
    order: (group) => group,
    // Completions of a group fall by credit.
    most: (group) => -index.credit[first[group]],
    least: (group) => index.credit[first[group + 1] - 1],
    spread: (group) => index.credit[first[group + 1] - 1] - index.credit[first[group]],
    high: (group) => -index.value[group],
    low: (group) => index.value[group],
    gap: (group) => index.gap ? -index.gap[group] : group,
  };

  let run = 0;
  /** @type {Wanted} */
  let shownWish = wish();

  /** @param {string} words */
  const status = (words) => { byId("count").textContent = words; };

  async function apply() {
    const mine = ++run, wanted = wish(), matched = [];
    let since = performance.now(), rows = 0, block = -1;
    /** @type {Group[]} */
    let texts = [];
    for (let group = 0; group < total; group++) {
      if (performance.now() - since > SLICE) {
        if (wanted.find) status(`Searching … ${Math.round((100 * group) / total)}%`);
        await pause();
        if (mine !== run) return;
        since = performance.now();
      }
      if (!mayHit(group, wanted)) continue;
      let hits = 0;
      if (wanted.find && blockOf[group] !== block) {
        block = blockOf[group];
        texts = await load(block);
        if (mine !== run) return;
      }
      for (let row = first[group]; row < first[group + 1]; row++) {
        if (!wanted.find) hits += +hit(row, "", "", wanted);
        else { const [asked, said] = texts[placeIn[group]]; hits += +hit(row, said[row - first[group]], asked, wanted); }
      }
      if (hits) { matched.push(group); rows += hits; }
    }
    const key = KEYS[/** @type {HTMLSelectElement} */ (byId("sort")).value];
    const keys = new Float64Array(total);
    for (const group of matched) keys[group] = key(group);
    matched.sort((a, b) => keys[a] - keys[b] || a - b);
    const of = wanted.active ? `${count(rows)} of ${count(index.credit.length)} completions, in ${count(matched.length)} of ${count(total)} groups` :
      `${count(matched.length)} of ${count(total)} groups, ${count(rows)} completions`;
    status(matched.length ? of : "Nothing matches. Widen the search, or show all.");
    shownWish = wanted;
    await show(matched, mine);
  }

  /** @type {WeakMap<Element, number>} */
  const groupOf = new WeakMap();
  /** Elements that came near the window and wait for their texts. @type {Set<HTMLElement>} */
  const waiting = new Set();
  let filling = false;
  const near = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      const article = /** @type {HTMLElement} */ (entry.target);
      if (entry.isIntersecting) waiting.add(article); else waiting.delete(article);
    }
    void fillWaiting();
  }, { rootMargin: "900px 0px" });

  async function fillWaiting() {
    if (filling) return;
    filling = true;
    try {
      for (const article of waiting) {
        waiting.delete(article);
        const group = groupOf.get(article);
        if (group === undefined || !article.isConnected || !article.hasAttribute("aria-busy")) continue;
        const said = await load(blockOf[group]);
        if (article.isConnected) fill(article, group, said[placeIn[group]], shownWish);
        near.unobserve(article);
        await pause();
      }
    } catch (error) {
      failed(error);
    } finally {
      filling = false;
    }
  }

  /** @param {number} group @returns {HTMLElement} */
  function shell(group) {
    const article = make("article", "group");
    article.setAttribute("aria-busy", "true");
    article.setAttribute("aria-label", `Group ${group + 1}`);
    groupOf.set(article, group);
    return article;
  }

  /**
   * List so many more groups, and a button for the rest: with every picture a browser looks at all that are listed.
   * @param {number[]} groups @param {number} mine
   */
  async function append(groups, mine) {
    const end = Math.min(groups.length, list.childElementCount + LISTED);
    for (let at = list.childElementCount, size = 50; at < end; at += size, size = 400) {
      const made = groups.slice(at, Math.min(at + size, end)).map(shell);
      list.append(...made);
      made.forEach((article) => near.observe(article));
      await pause();
      if (mine !== run) return;
    }
    const rest = groups.length - end, button = make("button", "more", `List ${count(Math.min(rest, LISTED))} of ${count(rest)} more groups`);
    button.setAttribute("type", "button");
    button.addEventListener("click", () => { button.remove(); void append(groups, mine); });
    byId("rest").replaceChildren(...(rest ? [button] : []));
  }

  /** List groups, whose texts come when they are near the window. @param {number[]} groups @param {number} mine */
  async function show(groups, mine) {
    near.disconnect();
    waiting.clear();
    point(null);
    list.replaceChildren();
    await append(groups, mine);
    if (mine !== run) return;
    document.body.dataset.ready = String(mine);
    // What would be printed is at hand.
    for (const group of groups.slice(0, PRINTED)) {
      if (mine !== run) return;
      await load(blockOf[group]);
    }
  }

  // Steps: a line for each summary, and the slider.

  /** @type {[string, (number|null)[], (value: number) => string][]} */
  const LINES = [
    [index.gap ? "set value" : "sum of credits", index.steps.value, plain],
    ["entropy of credit", index.steps.entropy, (value) => value.toFixed(3)],
    ["share of the best", index.steps.best, (value) => value.toFixed(3).replace("-", "−")],
    ["efficiency residual", index.steps.gap, (value) => (value ? value.toExponential(0).replace("-", "−") : "0")],
  ];
  /** @type {((place: number) => void)[]} */
  const movers = [];

  /** @param {string} tag @param {Record<string, string|number>} attributes @returns {Element} */
  function drawn(tag, attributes) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
    return made;
  }

  /** @param {string} name @param {(number|null)[]} values @param {(value: number) => string} tell */
  function line(name, values, tell) {
    const known = /** @type {number[]} */ (values.filter((value) => value !== null));
    if (!known.length) return;
    const low = known.reduce((a, b) => Math.min(a, b)), high = known.reduce((a, b) => Math.max(a, b)), steps = values.length;
    const mean = name === "efficiency residual" ? high : known.reduce((a, b) => a + b, 0) / known.length;
    const now = make("div", "now"), box = make("div", "line", make("div", "name", name), now);
    byId("lines").append(box);
    const at = drawn("line", { class: "at", y1: 0, y2: 46 });
    movers.push((place) => {
      const value = place ? values[place - 1] : mean;
      now.textContent = value === null ? "–" : tell(value);
      at.setAttribute("visibility", place ? "visible" : "hidden");
      for (const end of ["x1", "x2"]) at.setAttribute(end, String((1000 * (place - 1)) / Math.max(steps - 1, 1)));
    });
    if (steps < 2) return;
    /** @param {number} value @returns {number} */
    const y = (value) => (high - low > 1e-9 * largest ? 43 - (40 * (value - low)) / (high - low) : 23);
    let path = "", open = false;
    values.forEach((value, i) => {
      if (value !== null) path += `${open ? "L" : "M"}${((1000 * i) / (steps - 1)).toFixed(1)} ${y(value).toFixed(2)}`;
      open = value !== null;
    });
    const picture = drawn("svg", { viewBox: "0 0 1000 46", preserveAspectRatio: "none", role: "img",
      "aria-label": `${name} by step, from ${tell(known[0])} to ${tell(known[known.length - 1])}, between ${tell(low)} and ${tell(high)}` });
    picture.append(drawn("line", { class: "rule", x1: 0, x2: 1000, y1: 45.5, y2: 45.5 }), drawn("path", { class: "path", d: path }), at);
    box.append(picture, make("div", "range", make("span", "", `least ${tell(low)}`), make("span", "", `most ${tell(high)}`)));
  }

  function slide() {
    const place = +inputOf("step").value;
    const said = place ? `step ${index.steps.step[place - 1]}` : "all steps";
    byId("stepsaid").textContent = said;
    inputOf("step").setAttribute("aria-valuetext", said);
    movers.forEach((move) => move(place));
  }

  /** Groups without texts yet are filled, as many as are printed: nothing can be waited for before the browser prints. */
  function forPrint() {
    const articles = /** @type {HTMLElement[]} */ ([...list.children]);
    articles.forEach((article, i) => article.classList.toggle("unprinted", i >= PRINTED));
    byId("cut").textContent = articles.length > PRINTED ? `The first ${PRINTED} of ${count(articles.length)} groups are printed; filter to print others.` : "";
    for (const article of articles.slice(0, PRINTED)) {
      const group = groupOf.get(article);
      const said = group !== undefined && article.hasAttribute("aria-busy") && kept.get(blockOf[group]);
      if (group !== undefined && said) fill(article, group, said[placeIn[group]], shownWish);
    }
  }

  byId("least").textContent = `≤ ${plain(-index.shade)}`;
  byId("most").textContent = `≥ +${plain(index.shade)}`;
  LINES.forEach(([name, values, tell]) => line(name, values, tell));
  byId("slide").hidden = !index.stepped || index.steps.step.length < 2;
  inputOf("step").max = String(index.steps.step.length);
  if (!index.reward) inputOf("above").closest("label")?.remove();
  slide();

  let timer = 0;
  const soon = () => { clearTimeout(timer); timer = setTimeout(() => void apply().catch(failed), 120); };
  byId("find").addEventListener("input", soon);
  byId("find").addEventListener("submit", (event) => event.preventDefault());
  byId("find").addEventListener("reset", () => { inputOf("step").value = "0"; slide(); soon(); });
  inputOf("step").addEventListener("input", () => { slide(); soon(); });
  addEventListener("beforeprint", () => forPrint());
  matchMedia("print").addEventListener("change", (media) => { if (media.matches) forPrint(); });
  void apply().catch(failed);
}

/** @param {unknown} error */
function failed(error) {
  const why = error instanceof Error ? error.message : String(error);
  byId("count").textContent = `A part of this page can't be read (${why}). The file is cut off, or the browser is older than 2023.`;
}

inflated(byId("index")).then(start).catch(failed);
