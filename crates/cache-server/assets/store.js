// The models in the store: search, sort, details, pin and evict.

import { get, post } from './server.js';
import { byId, bytes, confirm, el, problem, say, time } from './show.js';

/** Rows that are drawn at once. */
const PAGE = 200;

let versions = [];
let now = 0;
let admin = false;
let shown = PAGE;
let sorting = { key: 'last_use', down: true };
let changed = () => {};
const open = new Set();
const details = new Map();
/** Why the last deed on a version failed, until the next: the rows are drawn anew at any time. */
const problems = new Map();

const idOf = (version) => `${version.model}@${version.commit}`;

/** Asks for all of it and draws it. */
export async function load(isAdmin) {
  const answer = await get('/-/api/store');
  ({ versions, now } = answer);
  admin = isAdmin;
  details.clear();
  draw();
}

/** Listens to the search, the sorting and the rest. `onChange` is called after a pin or an eviction. */
export function setUp(onChange) {
  changed = onChange;
  const again = () => {
    shown = PAGE;
    draw();
  };
  byId('search').addEventListener('input', again);
  byId('only-pinned').addEventListener('change', again);
  byId('store-more').addEventListener('click', () => {
    shown += PAGE;
    draw();
  });
  for (const head of document.querySelectorAll('#models th[data-key]')) {
    head.querySelector('button').addEventListener('click', () => {
      const { key } = head.dataset;
      sorting = { key, down: sorting.key === key ? !sorting.down : key !== 'model' };
      draw();
    });
  }
}

function matches(version, words) {
  const text = [version.model, version.commit, ...version.revisions, ...version.variants.map((one) => one.name)]
    .join(' ')
    .toLowerCase();
  return words.every((word) => text.includes(word));
}

function draw() {
  const words = byId('search').value.toLowerCase().split(/\s+/).filter(Boolean);
  const pinned = byId('only-pinned').checked;
  const found = versions.filter((version) => matches(version, words) && (version.pinned || !pinned));
  const { key, down } = sorting;
  const compare = (a, b) => (typeof a === 'string' ? a.localeCompare(b) : a - b);
  found.sort((a, b) => compare(a[key], b[key]) * (down ? -1 : 1) || compare(idOf(a), idOf(b)));
  for (const head of document.querySelectorAll('#models th[data-key]')) {
    if (head.dataset.key === key) head.setAttribute('aria-sort', down ? 'descending' : 'ascending');
    else head.removeAttribute('aria-sort');
  }
  const body = byId('models').tBodies[0];
  const focused = document.activeElement?.dataset?.focus;
  body.replaceChildren(...found.slice(0, shown).flatMap(rows));
  if (focused) body.querySelector(`[data-focus="${CSS.escape(focused)}"]`)?.focus();
  byId('models-box').hidden = found.length === 0;
  byId('store-more').hidden = found.length <= shown;
  empty(found.length === 0);
  const all = versions.length;
  byId('store-count').textContent = found.length === all ? `${all} ${all === 1 ? 'version' : 'versions'}` : `${found.length} of ${all}`;
}

function empty(isEmpty) {
  const place = byId('store-empty');
  place.hidden = !isEmpty;
  if (!isEmpty) return;
  if (versions.length > 0) {
    place.replaceChildren('Nothing matches. Search by a part of a name, a branch, a commit or a variant.');
  } else {
    const first = admin ? 'The store is empty. Name a model above to download it, or run ' : 'There is nothing here yet. Run ';
    place.replaceChildren(first, el('code', {}, `HF_ENDPOINT=${location.origin} hf download org/name`), '.');
  }
}

function rows(version) {
  const id = idOf(version);
  const isOpen = open.has(id);
  const whole = version.files === version.listed;
  const button = el('button', {
    type: 'button', class: 'open', 'aria-expanded': String(isOpen), 'data-focus': id,
    onclick: () => {
      if (!open.delete(id)) open.add(id);
      draw();
    },
  }, version.model);
  const badge = (text, kind = '', title = null) => el('span', { class: `badge ${kind}`, title }, text);
  const about = el('div', { class: 'about small muted' },
    el('code', { title: version.commit }, version.commit.slice(0, 8)),
    ...version.revisions.map((name) => badge(name)),
    ...version.variants.map((one) => badge(one.name, one.missing_parts > 0 ? 'warn' : '', one.size && bytes(one.size))),
    version.pinned && badge('pinned', 'good'),
    version.in_use && badge('in use', 'good'),
    !whole && badge('in part', '', `${version.files} of ${version.listed} files`));
  const number = (content, wide = '') => el('td', { class: `number ${wide}` }, content);
  const row = el('tr', { class: 'entry', 'data-model': version.model },
    el('th', { scope: 'row' }, button, about),
    number(bytes(version.bytes)),
    number(whole ? String(version.files) : `${version.files} of ${version.listed}`, 'wide'),
    number(time(version.since, now), 'wide'),
    number(time(version.last_use, now)));
  return isOpen ? [row, detailsOf(version)] : [row];
}

function detailsOf(version) {
  const id = idOf(version);
  const cell = el('td', { colspan: 5 });
  const trouble = el('p', { class: 'problem', role: 'alert', hidden: true });
  if (admin) cell.append(actions(version));
  problem(trouble, problems.get(id));
  cell.append(trouble);
  const list = el('ul', { class: 'files', tabindex: 0, 'aria-label': `Files of ${version.model}`, 'data-focus': `${id} files` });
  cell.append(list);
  const fill = (answer) => list.replaceChildren(...answer.all_files.map((file) =>
    el('li', { class: file.here ? '' : 'absent' },
      el('span', { class: 'path' }, file.path),
      el('span', { class: 'number' }, file.here ? bytes(file.size) : `${bytes(file.size)}, not here`))));
  if (details.has(id)) {
    fill(details.get(id));
  } else {
    list.append(el('li', { class: 'absent' }, 'Loading…'));
    get(`/-/api/model?ref=${encodeURIComponent(id)}`).then((answer) => {
      details.set(id, answer);
      fill(answer);
    }, (error) => {
      list.replaceChildren();
      problem(trouble, error);
    });
  }
  return el('tr', { class: 'details' }, cell);
}

function actions(version) {
  const id = idOf(version);
  const act = async (what, done) => {
    problems.delete(id);
    try {
      await post(`/-/admin/${what}`, { ref: id });
      say(`${version.model} ${done}`);
      await changed();
    } catch (error) {
      problems.set(id, error);
      draw();
    }
  };
  const pin = version.pinned ? ['unpin', 'Unpin', 'is no longer pinned'] : ['pin', 'Pin', 'is pinned'];
  return el('div', { class: 'actions' },
    el('button', { type: 'button', 'data-focus': `${id} pin`, onclick: () => act(pin[0], pin[2]) }, pin[1]),
    el('button', {
      type: 'button', class: 'danger', 'data-focus': `${id} evict`,
      onclick: async () => {
        const text = `${version.model} at ${version.commit.slice(0, 8)}, ${bytes(version.bytes)}. It can be fetched again as long as its source has it.`;
        if (await confirm('Evict this version?', text, 'Evict')) await act('evict', 'is evicted');
      },
    }, 'Evict…'));
}
