// Stores which copies of shared notebooks this browser has made, so that opening a link again neither
// makes another copy nor overwrites the student's changes.

const KEY = 'je-kernel:copies';

function all() {
  try {
    return JSON.parse(localStorage.getItem(KEY)) ?? {};
  } catch {
    return {}; // no storage, or invalid content
  }
}

/**
 * Return a digest of the sources of a notebook's cells.
 *
 * FNV-1a, twice: it distinguishes states of a notebook, and is not cryptographic.
 */
export function digestOf(notebook) {
  const cells = notebook.cells.map(cell => [cell.cell_type, [].concat(cell.source).join('')]);
  const bytes = new TextEncoder().encode(JSON.stringify(cells));
  let [one, two] = [0x811c9dc5, 0x1234567];
  for (const byte of bytes) {
    one = Math.imul(one ^ byte, 0x01000193);
    two = Math.imul(two ^ byte, 0x85ebca6b);
  }
  return `${(one >>> 0).toString(16)}-${(two >>> 0).toString(16)}-${bytes.length}`;
}

/** Store a copy: its `database`, its `path`, and the `digest` of its content. */
export function remember(id, copy) {
  try {
    localStorage.setItem(KEY, JSON.stringify({ ...all(), [id]: copy }));
  } catch {
    // Without storage the next opening makes another copy.
  }
}

/** Return the last copy that was made of a shared notebook in a database, or null. */
export function lastCopy(id, database) {
  const copy = all()[id];
  return copy?.database === database ? copy : null;
}
