// The page: who looks, what is asked for when, and what is shown where.

import * as admin from './admin.js';
import * as charts from './charts.js';
import * as downloads from './downloads.js';
import * as store from './store.js';
import { follow, get, setToken, takeToken, token } from './server.js';
import { byId, bytes, problem } from './show.js';

/** Between two looks at what sends no events, in milliseconds. */
const LOOK_EVERY = 60000;

let following = new AbortController();
let again = null;

/** Asks for everything that is not sent by itself. Whether the viewer is the admin. */
async function look() {
  try {
    const status = await get('/-/api/status');
    const [samples] = await Promise.all([
      status.admin ? get('/-/api/history') : null,
      store.load(status.admin),
    ]);
    show(status, samples);
    problem(byId('trouble'), null);
    return status.admin;
  } catch (error) {
    problem(byId('trouble'), error);
    return false;
  }
}

function show(status, samples) {
  const parts = [`version ${status.version}`];
  if (status.offline) parts.push('offline: only what is here is served');
  if (status.store) {
    parts.push(`${bytes(status.store.bytes)} in ${status.store.versions} versions`, status.store.root);
    if (status.store.read_only) parts.push('read-only');
  }
  byId('summary').textContent = parts.join(' · ');
  byId('add').hidden = !status.admin;
  byId('machine').hidden = !status.admin;
  byId('admin-open').textContent = status.admin ? 'Admin ✓' : 'Admin';
  if (status.admin) {
    charts.draw(samples);
    admin.show(status, look);
  } else if (token()) {
    setToken(null);
  }
  document.documentElement.dataset.ready = 'yes';
}

/** Soon, and once for all that happens until then. */
function lookSoon() {
  again ??= setTimeout(() => {
    again = null;
    look();
  }, 300);
}

function connect() {
  following.abort();
  following = new AbortController();
  follow(following.signal, {
    message: (message) => downloads.show(message, lookSoon),
    connected: (yes) => {
      // All of it comes anew.
      if (yes) downloads.clear();
      byId('connection').hidden = yes;
      byId('connection').textContent = yes ? '' : 'not connected: trying again';
    },
  });
}

/** Somebody else looks from now on. */
async function viewer() {
  const good = await look();
  connect();
  return good;
}

takeToken();
addEventListener('hashchange', () => takeToken() && viewer());
byId('endpoint').textContent = `HF_ENDPOINT=${location.origin}`;
downloads.setUp();
store.setUp(look);
admin.setUp(viewer);
viewer();
setInterval(() => document.hidden || look(), LOOK_EVERY);
document.addEventListener('visibilitychange', () => document.hidden || look());
