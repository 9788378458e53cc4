// How things are shown. Names come from elsewhere: they become text nodes, never markup.

/** An element with attributes and children. A string becomes a text node, `on…` a listener. */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, '');
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child != null && child !== false));
  return element;
}

export const byId = (id) => document.getElementById(id);

/** Bytes as the command prints them. */
export function bytes(count) {
  if (count == null) return '?';
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
  let unit = 0;
  while (count >= 999.5 && unit < units.length - 1) {
    count /= 1000;
    unit += 1;
  }
  return `${count.toFixed(unit === 0 || count >= 99.95 ? 0 : 1)} ${units[unit]}`;
}

/** Seconds as people say them. */
export function span(seconds) {
  const steps = [[60, 's'], [60, 'min'], [24, 'h'], [365, 'd'], [Infinity, 'y']];
  let value = Math.max(0, seconds);
  for (const [size, name] of steps) {
    if (value < size) return `${Math.floor(value)} ${name}`;
    value /= size;
  }
  return '';
}

/** How long ago, in the reader's words. */
export function ago(then, now) {
  return now - then < 60 ? 'just now' : `${span(now - then)} ago`;
}

/** A point in time with its exact value at hand. */
export function time(then, now) {
  const date = new Date(then * 1000);
  return el('time', { datetime: date.toISOString(), title: date.toLocaleString() }, ago(then, now));
}

export function percent(part, whole) {
  return whole > 0 ? Math.min(100, Math.floor((part / whole) * 100)) : 0;
}

/** Shows a problem with its hint, or hides the place where it stood. */
export function problem(place, error) {
  place.hidden = !error;
  place.replaceChildren();
  if (error) place.append(...problemText(error));
}

export function problemText(error) {
  const hint = error.hint && el('span', { class: 'hint' }, error.hint);
  return [error.message ?? error.error, hint].filter(Boolean);
}

/** Says something to those who listen to the page. */
export function say(text) {
  byId('live').textContent = text;
}

/** Answers the question that is open, if one is. */
let answer = () => {};

/** Asks before something is lost. */
export function confirm(title, text, yes) {
  const dialog = byId('confirm');
  byId('confirm-title').textContent = title;
  byId('confirm-text').textContent = text;
  byId('confirm-yes').textContent = yes;
  dialog.returnValue = 'no';
  answer(false);
  dialog.showModal();
  return new Promise((resolve) => {
    answer = resolve;
  });
}

// A question's end is told some time after it, when the next may be open already.
byId('confirm').addEventListener('close', ({ target }) => {
  if (!target.open) answer(target.returnValue === 'yes');
});
