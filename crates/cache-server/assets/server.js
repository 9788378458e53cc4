// The way to the server. The admin token is kept for the tab, and is sent to this server alone.

const KEY = 'model-cache-admin';

/** Takes the token out of the address, where it would stay in the history. Whether there was one. */
export function takeToken() {
  const given = new URLSearchParams(location.hash.slice(1)).get('admin');
  if (given === null) return false;
  setToken(given);
  history.replaceState(null, '', location.pathname + location.search);
  return true;
}

export const token = () => sessionStorage.getItem(KEY);

export function setToken(text) {
  if (text) sessionStorage.setItem(KEY, text);
  else sessionStorage.removeItem(KEY);
}

const headers = () => (token() ? { Authorization: `Bearer ${token()}` } : {});

/** What the server says is wrong, with its hint. */
class Refused extends Error {
  constructor(status, answer) {
    super(answer.error ?? `The server answered ${status}.`);
    this.hint = answer.hint;
    this.status = status;
  }
}

async function ask(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Refused(0, { error: 'The server does not answer.', hint: 'Is it running? This page tries again by itself.' });
  }
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Refused(response.status, answer);
  return answer;
}

export const get = (path) => ask(path, { headers: headers() });

export const remove = (path) => ask(path, { method: 'DELETE', headers: headers() });

export const post = (path, body) =>
  ask(path, { method: 'POST', headers: { ...headers(), 'Content-Type': 'application/json' }, body: JSON.stringify(body) });

/**
 * Follows the server-sent events until `signal` is aborted, and connects again when they break off. EventSource
 * would be shorter, but cannot send the token.
 */
export async function follow(signal, { message, connected }) {
  let wait = 500;
  while (!signal.aborted) {
    try {
      const response = await fetch('/-/events', { headers: headers(), signal });
      if (!response.ok) throw new Error(String(response.status));
      connected(true);
      wait = 500;
      await read(response.body, message);
    } catch {
      // Told below, and tried again.
    }
    if (signal.aborted) return;
    connected(false);
    await new Promise((resolve) => setTimeout(resolve, wait));
    wait = Math.min(wait * 2, 15000);
  }
}

async function read(body, message) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const events = (rest + value).split('\n\n');
    rest = events.pop();
    for (const event of events) {
      const data = event.split('\n').filter((line) => line.startsWith('data: ')).map((line) => line.slice(6));
      if (data.length > 0) message(JSON.parse(data.join('\n')));
    }
  }
}
