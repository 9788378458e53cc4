// Two small charts of the last day, drawn as SVG.

import { byId, bytes, span } from './show.js';

const WIDTH = 400;
const HEIGHT = 100;

function svg(tag, attributes) {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

/** A line with the area below it. `points` are pairs of numbers from 0 to 1, time and value. */
function chart(place, label, points, { limit = null, scale }) {
  const image = svg('svg', { class: 'chart', viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', role: 'img', 'aria-label': label });
  image.append(svg('line', { class: 'base', x1: 0, x2: WIDTH, y1: HEIGHT, y2: HEIGHT }));
  if (points.length > 0) {
    const at = ([x, y]) => `${(x * WIDTH).toFixed(1)},${((1 - y) * HEIGHT).toFixed(1)}`;
    const line = points.map(at).join(' ');
    const first = (points[0][0] * WIDTH).toFixed(1);
    const last = (points.at(-1)[0] * WIDTH).toFixed(1);
    image.append(svg('polygon', { class: 'area', points: `${first},${HEIGHT} ${line} ${last},${HEIGHT}` }));
    image.append(svg('polyline', { class: 'line', points: line }));
  }
  if (limit !== null) {
    const y = (1 - limit) * HEIGHT;
    image.append(svg('line', { class: 'limit', x1: 0, x2: WIDTH, y1: y, y2: y }));
  }
  const legend = document.createElement('div');
  legend.className = 'scale';
  legend.append(...scale.map((text) => {
    const part = document.createElement('span');
    part.textContent = text;
    return part;
  }));
  place.replaceChildren(image, legend);
}

/** Draws the history. */
export function draw({ samples, quota }) {
  const now = samples.at(-1);
  const begin = samples[0].at;
  const x = (sample) => (sample.at - begin) / Math.max(1, now.at - begin);
  const since = `${span(now.at - begin)} ago`;
  // One sample is a line too: it has been so since the server began.
  const flat = (points) => (points.length === 1 ? [[0, points[0][1]], [1, points[0][1]]] : points);

  const most = Math.max(quota ?? 0, ...samples.map((sample) => sample.used), 1);
  const room = quota ? `of a quota of ${bytes(quota)}, ` : '';
  byId('disk-text').textContent = `${bytes(now.used)} in the store, ${room}${bytes(now.free)} free on the disk`;
  chart(byId('disk-chart'), `The store's size since ${since}, now ${bytes(now.used)}`,
    flat(samples.map((sample) => [x(sample), (sample.used / most) * 0.95])),
    { limit: quota ? (quota / most) * 0.95 : null, scale: [since, `highest ${bytes(Math.max(...samples.map((s) => s.used)))}`, 'now'] });

  const all = now.hits + now.misses;
  const rate = all > 0 ? Math.round((now.hits / all) * 100) : null;
  byId('hits-text').textContent = rate === null
    ? 'No file has been asked for since the server began.'
    : `${rate} % of ${all} files came from the store; ${bytes(now.fetched_bytes)} were fetched`;
  const points = [];
  samples.forEach((sample, index) => {
    const before = samples[index - 1] ?? { hits: 0, misses: 0 };
    const hits = sample.hits - before.hits;
    const asked = hits + sample.misses - before.misses;
    // Where nothing was asked for there is no rate.
    if (asked > 0) points.push([x(sample), (hits / asked) * 0.95]);
  });
  chart(byId('hits-chart'), rate === null ? 'No hit rate yet' : `Hit rate since ${since}, ${rate} percent in all`, flat(points), { scale: [since, '0 to 100 %', 'now'] });
}
