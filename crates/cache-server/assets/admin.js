// What only the admin sees: the token, quarantine, hosts.

import { remove, setToken, token } from './server.js';
import { byId, bytes, confirm, el, problem, say, time } from './show.js';

/** The dialog in which the token is typed. `onToken` is called when it has changed and says whether it is good. */
export function setUp(onToken) {
  const dialog = byId('admin');
  const input = byId('admin-token');
  const trouble = byId('admin-problem');
  byId('admin-open').addEventListener('click', () => {
    input.value = '';
    problem(trouble, null);
    byId('admin-leave').hidden = !token();
    dialog.showModal();
  });
  byId('admin-cancel').addEventListener('click', () => dialog.close());
  byId('admin-leave').addEventListener('click', async () => {
    setToken(null);
    dialog.close();
    await onToken();
  });
  byId('admin-form').addEventListener('submit', async (event) => {
    event.preventDefault();
    setToken(input.value.trim());
    if (await onToken()) {
      dialog.close();
      say('You are the admin now');
    } else {
      problem(trouble, { error: 'That is not the admin token.', hint: 'The server prints an address with #admin= when it starts, unless its configuration sets a token.' });
      input.focus();
    }
  });
}

/** Digests and commits by their first digits: the whole is in the title. */
const short = (text) => text.replace(/[0-9a-f]{40,64}/g, (digits) => `${digits.slice(0, 12)}…`);

/** Shows what the status says of the machine. `onChange` is called when something was removed. */
export function show(status, onChange) {
  const { now } = status;
  const bad = status.quarantine;
  byId('quarantine-empty').hidden = bad.length > 0;
  byId('quarantine').replaceChildren(...bad.map((file) => {
    const name = short([file.model, file.path].filter(Boolean).join(' ') || file.id);
    const trouble = el('p', { class: 'problem', role: 'alert', hidden: true });
    const away = async () => {
      if (!(await confirm('Throw this file away?', `${name}: ${short(file.reason)}`, 'Throw away'))) return;
      try {
        await remove(`/-/admin/quarantine/${encodeURIComponent(file.id)}`);
        say(`${name} is removed`);
        await onChange();
      } catch (error) {
        problem(trouble, error);
      }
    };
    return el('li', {},
      el('div', {}, name,
        el('div', { class: 'small failed', title: file.reason }, short(file.reason)),
        el('div', { class: 'small muted' }, `${bytes(file.size)}${file.source ? ` from ${file.source}` : ''}, `, time(file.since, now)),
        trouble),
      el('button', { type: 'button', class: 'danger', 'aria-label': `Throw ${name} away`, onclick: away }, 'Throw away…'));
  }));
  const words = { closed: ['good', 'good'], 'half-open': ['being tried', 'warn'], open: ['left alone: failed too often', 'bad'] };
  byId('hosts-empty').hidden = status.breakers.length > 0;
  byId('hosts').replaceChildren(...status.breakers.map(({ host, state }) => {
    const [text, kind] = words[state] ?? [state, ''];
    return el('li', {}, el('div', {}, host), el('span', { class: `badge ${kind}` }, text));
  }));
}
