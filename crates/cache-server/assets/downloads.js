// The downloads: what runs, what has ended, and the form to add one.

import { post } from './server.js';
import { byId, bytes, el, percent, problem, problemText, say, span } from './show.js';

/** As many ended rows as the server keeps. */
const MAX_ENDED = 50;
/** Time between two sentences about progress to those who listen, in milliseconds. */
const SAY_EVERY = 10000;

const rows = new Map();
let saidAt = 0;

/** Takes a message of the events. Calls back when something has ended. */
export function show({ running, more, ended }, onEnded) {
  const body = byId('downloads').tBodies[0];
  const there = new Set(running.map((row) => row.id));
  for (const row of running) place(row);
  for (const row of [...ended].reverse()) place(row);
  for (const [id, row] of rows) {
    if (!there.has(id) && row.state.ended == null) drop(id);
  }
  const all = [...rows.values()].sort(order);
  for (const row of all.slice(there.size + MAX_ENDED)) drop(row.state.id);
  all.forEach((row, at) => {
    // Moved only where it has to be: what has the focus keeps it.
    if (row.element.isConnected && body.children[at] !== row.element) body.insertBefore(row.element, body.children[at]);
  });
  byId('downloads-box').hidden = rows.size === 0;
  byId('downloads-empty').hidden = rows.size > 0;
  byId('downloads-more').hidden = more === 0;
  byId('downloads-more').textContent = `${more} more are running.`;
  tell(running, ended);
  if (ended.length > 0) onEnded();
}

/** Forgets all rows: another viewer sees others. */
export function clear() {
  for (const id of [...rows.keys()]) drop(id);
  byId('downloads-box').hidden = true;
  byId('downloads-empty').hidden = false;
}

function order(a, b) {
  const running = (row) => (row.state.ended == null ? 1 : 0);
  const fetch = ({ state }) => state.fetch ?? state.id;
  return running(b) - running(a) || (b.state.ended ?? 0) - (a.state.ended ?? 0)
    // The files of a fetch stand below it.
    || (running(a) && fetch(a) === fetch(b) ? a.state.id - b.state.id : fetch(b) - fetch(a));
}

function drop(id) {
  rows.get(id)?.element.remove();
  rows.delete(id);
}

function place(state) {
  let row = rows.get(state.id);
  if (!row) {
    row = make(state);
    rows.set(state.id, row);
    byId('downloads').tBodies[0].prepend(row.element);
  }
  row.state = state;
  update(row);
}

function make(state) {
  const name = el('th', { scope: 'row' });
  const bar = el('progress', { max: 100, 'aria-label': `${state.model} ${state.path}` });
  const text = el('div', { class: 'small muted' });
  const trouble = el('p', { class: 'problem', hidden: true });
  const rate = el('td', { class: 'number' });
  const left = el('td', { class: 'number' });
  const about = el('td', {}, bar, text, trouble);
  const element = el('tr', {}, name, about, rate, left);
  return { element, name, about, bar, text, trouble, rate, left, state };
}

function update(row) {
  const { state } = row;
  const ended = state.ended != null;
  const part = state.files?.wanted > 0 ? `${state.files.done} of ${state.files.wanted} files` : state.path;
  const isPart = state.fetch != null && !ended;
  row.element.className = isPart ? 'part' : '';
  row.name.replaceChildren(isPart ? '' : state.model, el('div', { class: `small muted ${state.files ? '' : 'path'}` }, part));
  // What has ended has neither, and much to say.
  row.about.colSpan = ended ? 3 : 1;
  row.rate.hidden = ended;
  row.left.hidden = ended;
  row.bar.hidden = ended;
  if (state.size > 0) row.bar.value = percent(state.done, state.size);
  else row.bar.removeAttribute('value');
  row.text.className = `small ${{ finished: 'done', failed: 'failed' }[state.state] ?? 'muted'}`;
  row.text.textContent = words(state);
  row.element.dataset.state = state.state;
  row.trouble.hidden = !state.error;
  row.trouble.replaceChildren(...(state.error ? problemText(state) : []));
  row.rate.textContent = !ended && state.state === 'running' ? `${bytes(state.rate)}/s` : '';
  const left = state.size != null && state.rate > 0 ? (state.size - state.done) / state.rate : null;
  row.left.textContent = !ended && left !== null ? span(Math.ceil(left)) : '';
}

/** A source prints itself as `hf(host)`. */
const host = (source) => /^\w+\((.*)\)$/.exec(source)?.[1] ?? source;

function words(state) {
  const retries = state.retries > 0 ? `, ${state.retries} retries` : '';
  switch (state.state) {
    case 'finished': return `Finished: ${bytes(state.done)} in ${span(state.ended - state.began)}`;
    case 'failed': return `Failed after ${bytes(state.done)}${retries}`;
    case 'waiting': return state.files ? 'Asking what it consists of' : 'Another program is fetching it';
    default: {
      const whole = state.size == null ? '' : ` of ${bytes(state.size)} (${percent(state.done, state.size)} %)`;
      return `${bytes(state.done)}${whole}${state.source && ` from ${host(state.source)}`}${retries}`;
    }
  }
}

/** To those who listen: every end, and from time to time how far it is. */
function tell(running, ended) {
  // What ended before the page was there is no news.
  const news = ended.filter((row) => Date.now() / 1000 - row.ended < 30);
  if (news.length > 0) {
    const [row] = news;
    say(row.error ? `${row.model} failed: ${row.error}` : `${row.model} ${row.path} finished`);
  } else if (running.length > 0 && Date.now() - saidAt > SAY_EVERY) {
    saidAt = Date.now();
    const done = running.reduce((sum, row) => sum + row.done, 0);
    const size = running.reduce((sum, row) => sum + (row.size ?? 0), 0);
    say(`${running.length} downloads, ${percent(done, size)} percent`);
  }
}

/** The form that adds one. */
export function setUp() {
  const form = byId('add');
  const trouble = byId('add-problem');
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const { ref, include } = form.elements;
    const button = form.querySelector('button');
    button.disabled = true;
    try {
      const patterns = include.value.split(',').map((pattern) => pattern.trim()).filter(Boolean);
      const { model } = await post('/-/admin/fetch', { ref: ref.value.trim(), include: patterns });
      problem(trouble, null);
      say(`Downloading ${model}`);
      form.reset();
    } catch (error) {
      problem(trouble, error);
    } finally {
      button.disabled = false;
      ref.focus();
    }
  });
}
