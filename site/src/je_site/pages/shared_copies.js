// Which copies of shared notebooks this browser has made, so that opening a link twice does not
// pile up copies, and never hides what a student wrote in one.

const KEY = 'je-kernel:copies';

function all() {
  try {
    return JSON.parse(localStorage.getItem(KEY)) ?? {};
  } catch {
    return {}; // no storage, or not ours
  }
}

/**
 * Sum up what a notebook says: its cells' sources, whatever they showed when they ran.
 *
 * FNV-1a, twice: it tells two states of a notebook apart, and is no proof of anything.
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

/** Remember a copy: `database` and `path` say where it is, `digest` what it was. */
export function remember(id, copy) {
  try {
    localStorage.setItem(KEY, JSON.stringify({ ...all(), [id]: copy }));
  } catch {
    // Then the next opening makes another copy.
  }
}

/** Return the last copy that was made of a shared notebook in a database, or null. */
export function lastCopy(id, database) {
  const copy = all()[id];
  return copy?.database === database ? copy : null;
}
