// Parses the link or id of a shared notebook, and fetches the notebook from the sharing service.

import { UserError } from './user_error.js';

// Any of the dashes that a phone makes of a hyphen, and what dictation puts between words.
const GAPS = /[\s_\-\u2010-\u2015.,;!?]+/u;
// What is copied along with an id or a link: quotes, brackets, the end of a sentence.
const BEFORE = /^[\s<>()[\]{}*`'"‘’‚“”„‹›«»,;:.!?…]+/u;
const AFTER = /(?<![\s<>()[\]{}*`'"‘’‚“”„‹›«»,;:.!?…])[\s<>()[\]{}*`'"‘’‚“”„‹›«»,;:.!?…]+$/u;
const UUID = /^[\da-f]{8}-?(?:[\da-f]{4}-?){3}[\da-f]{12}$/i;
const NAMING = ['get-by-readable-id', 'update-by-readable-id', 'notebooks', 's'];
const WORDS_OF_AN_ID = 3;
const ATTEMPTS = 3;
const FIRST_PAUSE = 800; // milliseconds; twice as long after each attempt
const LONGEST_PAUSE = 15_000;
const PATIENCE = 60_000; // for one answer
const SOMETHING_ELSE =
  'Something else answered in place of the sharing service. Perhaps the network wants you to log in first: open ' +
  'any page in a new browser tab, then try again.';
const BUSY = [408, 425, 429, 500, 502, 503, 504];

/**
 * Understand what somebody typed or pasted to name a shared notebook: a readable id as it is
 * said or written, a UUID, or a link. Returns null for what names none.
 */
export function referenceOf(text) {
  const inside = /https?:\/\/[^\s<>"]+/i.exec(text); // of a whole message, the link is meant
  const bare = (inside ? inside[0] : text).replace(BEFORE, '').replace(AFTER, '');
  const link = linkIn(bare);
  return link ? ofLink(link) : ofId(bare);
}

/** The address that was pasted, also without its https://. */
function linkIn(text) {
  try {
    if (/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) return new URL(text);
    if (/^[\w.-]+(:\d+)?\/\S*$/u.test(text)) return new URL(`https://${text}`);
  } catch {
    // No link then.
  }
  return null;
}

function ofLink(link) {
  const found = ofId(link.searchParams.get('notebook') ?? namedIn(link.pathname));
  return found && { ...found, at: link.searchParams.get('at'), host: link.host };
}

function namedIn(path) {
  const parts = path.split('/').filter(Boolean);
  const index = parts.findIndex((part, at) => NAMING.includes(part) && at < parts.length - 1);
  if (index < 0) return '';
  // "notebooks/get-by-readable-id/…" has two of the words that come before an id.
  const next = NAMING.includes(parts[index + 1]) && index + 2 < parts.length ? index + 2 : index + 1;
  try {
    return decodeURIComponent(parts[next]);
  } catch {
    return '';
  }
}

function ofId(text) {
  const bare = text.trim();
  if (UUID.test(bare)) {
    const digits = bare.replaceAll('-', '').toLowerCase();
    const uuid = digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
    return { uuid, candidates: [uuid], at: null, host: null };
  }
  const words = bare.toLowerCase().split(GAPS).filter(Boolean);
  if (words.length === 0 || !words.every(word => /^[\p{L}\p{N}]+$/u.test(word))) return null;
  // Some services have animals of two words, such as "sea lion", with a space between.
  const head = words.slice(0, WORDS_OF_AN_ID - 1);
  const spaced = [...head, words.slice(WORDS_OF_AN_ID - 1).join(' ')].filter(Boolean).join('-');
  return { uuid: null, candidates: [...new Set([words.join('-'), spaced])], at: null, host: null };
}

/** Return what names a notebook, as one says it. */
export function spoken(reference) {
  return reference.uuid ?? reference.candidates[0].split(GAPS).join(' ');
}

/**
 * Get a shared notebook: `{ id, readableId, content }`.
 *
 * `service` is the service's address, `reference` what `referenceOf` returned.
 */
export async function retrieve(service, reference) {
  const token = tokenIn(await answered(`${service}/api/v1/auth/issue`, { method: 'POST' }));
  const query = reference.at ? `?at=${encodeURIComponent(reference.at)}` : '';
  for (const candidate of reference.candidates) {
    const place = reference.uuid ? 'notebooks' : 'notebooks/get-by-readable-id';
    const url = `${service}/api/v1/${place}/${encodeURIComponent(candidate)}${query}`;
    const answer = await answered(url, { headers: { Authorization: `Bearer ${token}` } });
    // Only the service's own words say that there is none: a log-in page that says 404 does not.
    const hasNone = [400, 404].includes(answer.status) && answer.body !== null;
    if (!hasNone) return sharedIn(answer);
  }
  throw new UserError(noneOf(service, reference));
}

function noneOf(service, reference) {
  const elsewhere =
    reference.host && ![new URL(service).host, location.host].includes(reference.host)
      ? ` The link leads to ${reference.host}: open it there.`
      : ' Check it letter by letter. If it is right, it was deleted: ask for a new link.';
  return `There is no shared notebook “${spoken(reference)}”.${elsewhere}`;
}

function tokenIn({ status, body }) {
  if (typeof body?.token === 'string') return body.token;
  if (body === null) throw new UserError(SOMETHING_ELSE);
  throw new UserError(`The sharing service does not let this page in (${status}). Tell whoever runs this site.`);
}

function sharedIn({ status, body }) {
  if (status === 200 && body?.content && body.id) {
    return { id: body.id, readableId: body.readable_id ?? '', content: body.content };
  }
  if (body === null) throw new UserError(SOMETHING_ELSE);
  throw new UserError(`The sharing service answered ${status}. Try again in a minute.`);
}

/** Ask, again and later where that may help. */
async function answered(url, options) {
  for (let attempt = 1; ; attempt++) {
    let pause = FIRST_PAUSE * 2 ** (attempt - 1);
    try {
      const response = await fetch(url, {
        ...options,
        credentials: 'omit',
        referrerPolicy: 'no-referrer',
        signal: AbortSignal.timeout(PATIENCE),
      });
      if (!BUSY.includes(response.status)) return { status: response.status, body: await jsonOf(response) };
      const asked = restAskedFor(response.headers);
      if (attempt === ATTEMPTS || asked > LONGEST_PAUSE) throw new UserError(busy(response.status));
      pause = Math.max(pause, asked);
    } catch (error) {
      if (error instanceof UserError) throw error;
      if (attempt === ATTEMPTS || !navigator.onLine) throw new UserError(unreachable());
    }
    await new Promise(resolve => setTimeout(resolve, pause));
  }
}

/** The milliseconds that a service asks to wait: it says a number of seconds, or a date. */
function restAskedFor(headers) {
  const text = headers.get('Retry-After') ?? '';
  if (/^\d+$/.test(text)) return Number(text) * 1000;
  // By the service's own clock, which need not be this device's.
  const now = Date.parse(headers.get('Date') ?? '') || Date.now();
  return Math.max(0, Date.parse(text) - now || 0);
}

function busy(status) {
  return status === 429
    ? 'Too many notebooks were opened from your network just now. Wait a minute, then try again.'
    : 'The sharing service has a problem right now. Try again in a minute.';
}

function unreachable() {
  return navigator.onLine
    ? 'The sharing service cannot be reached. Try again in a minute; if that does not help, tell whoever runs this site.'
    : 'This device is offline. Connect it to the network, then try again.';
}

async function jsonOf(response) {
  const text = await response.text();
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** The words of the first heading in Markdown, outside of its blocks of code. */
function headingIn(source) {
  let fence = '';
  for (const line of source.split('\n')) {
    const mark = line.trimStart().slice(0, 3);
    if (mark === '```' || mark === '~~~') {
      if (!fence) fence = mark;
      else if (fence === mark) fence = '';
      continue;
    }
    const marks = fence ? null : /^ {0,3}#{1,3}[ \t]/.exec(line);
    if (!marks) continue;
    const words = line.slice(marks[0].length).trim();
    const bare = words.replace(/(?<!#)#+$/, '');
    const heading = bare === bare.trimEnd() && bare ? words : bare.trimEnd(); // "C#", but "Title ##"
    if (heading) return heading;
  }
  return '';
}

/** Return the title of a notebook: the one it was given, its first heading, or nothing. */
export function titleOf(notebook) {
  const given = notebook.metadata?.title;
  if (typeof given === 'string' && given.trim()) return given.trim();
  for (const cell of notebook.cells) {
    const source = [].concat(cell.source).join('');
    const heading = cell.cell_type === 'markdown' && headingIn(source);
    if (heading) return heading;
  }
  return '';
}
