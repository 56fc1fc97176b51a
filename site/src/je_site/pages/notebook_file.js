// Reads a notebook from the bytes of a file, or explains why it is not one.

import { megabytes } from './sizes.js';
import { UserError } from './user_error.js';
import { upgraded } from './old_notebooks.js';

// Chromium refuses values above 133 MB, and a stored notebook is larger than its file.
const LARGEST = 90_000_000; // bytes
const FIRST_WITH_IDS = 5; // of format 4
const CELL_TYPES = ['code', 'markdown', 'raw'];

/** @type {[number[], string][]} */
const MAGIC = [
  [[0x50, 0x4b, 0x03, 0x04], 'It is a ZIP archive. Unpack it first, then upload the notebook that is inside.'],
  [[0x1f, 0x8b], 'It is a compressed file. Unpack it first, then upload the notebook that is inside.'],
  [[0x25, 0x50, 0x44, 0x46], 'It is a PDF, which shows a notebook but cannot be run. Ask for the .ipynb file.'],
  [[0x89, 0x50, 0x4e, 0x47], 'It is a picture. In JupyterLab, drag it into the list of files.'],
  [[0xff, 0xd8, 0xff], 'It is a picture. In JupyterLab, drag it into the list of files.'],
];

/**
 * Read a notebook from a file.
 *
 * `file` is a File or Blob. Throws a UserError that says what the file is instead.
 */
export async function notebookIn(file) {
  if (file.size === 0) {
    throw new UserError('It is empty. Perhaps its download was not finished: download it again.');
  }
  if (file.size > LARGEST) throw tooLarge(file.size);
  const bytes = new Uint8Array(await bytesOf(file));
  for (const [magic, what] of MAGIC) {
    if (magic.every((byte, index) => bytes[index] === byte)) throw new UserError(what);
  }
  return checked(parsed(decoded(bytes)));
}

/** Check that something is a notebook; return it as JupyterLab wants it. */
export function checked(value) {
  if (!isObject(value) || !('nbformat' in value || 'cells' in value || 'worksheets' in value)) {
    throw new UserError('It is a JSON file, but not a notebook. Look for a file whose name ends in .ipynb.');
  }
  if (!Number.isInteger(value.nbformat)) throw damaged('it does not say which version of the format it has');
  if (value.nbformat > 4) {
    throw new UserError(
      `It was made by a newer Jupyter (format ${value.nbformat}) than this page knows. Save it in format 4 there.`,
    );
  }
  if (value.nbformat < 3) {
    throw new UserError(
      'It was made by an IPython of before 2013. Open and save it in a Jupyter on a computer, then upload it again.',
    );
  }
  const notebook = value.nbformat === 3 ? upgraded(value) : value;
  if (!Array.isArray(notebook.cells)) throw damaged('it has no list of cells');
  // JupyterLab restores saved widgets, and runs their scripts, as it opens a notebook.
  const { widgets: _, ...metadata } = isObject(notebook.metadata) ? notebook.metadata : {};
  return {
    ...notebook,
    metadata,
    nbformat_minor: Math.max(FIRST_WITH_IDS, notebook.nbformat_minor || 0),
    cells: notebook.cells.map(checkedCell),
  };
}

function checkedCell(cell, index) {
  const which = `cell ${index + 1}`;
  if (!isObject(cell)) throw damaged(`${which} is no cell`);
  if (!CELL_TYPES.includes(cell.cell_type)) throw damaged(`${which} is of no known type`);
  if (!isText(cell.source)) throw damaged(`${which} has no text`);
  // Whether outputs may run scripts is for the person in front of this browser to say, by
  // running the cell: not for the file.
  const { trusted: _, ...metadata } = isObject(cell.metadata) ? cell.metadata : {};
  const own = { ...cell, id: newId(), metadata };
  if (cell.cell_type !== 'code') return own;
  const outputs = cell.outputs ?? [];
  if (!Array.isArray(outputs) || !outputs.every(output => isObject(output) && output.output_type)) {
    throw damaged(`the outputs of ${which} are none`);
  }
  return { ...own, outputs, execution_count: cell.execution_count ?? null };
}

/** By its cells' ids a kernel knows its notebook: a copy must not have those of the original. */
function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(8));
  return [...bytes].map(byte => byte.toString(16).padStart(2, '0')).join('');
}

function isObject(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isText(source) {
  return typeof source === 'string' || (Array.isArray(source) && source.every(line => typeof line === 'string'));
}

function damaged(how) {
  return new UserError(`It is a damaged notebook: ${how}. Ask for it again, or download it again.`);
}

function tooLarge(size) {
  return new UserError(
    `It has ${megabytes(size)}, and a browser keeps at most ${megabytes(LARGEST)} in one file. Open it where it was ` +
      'made, clear the outputs of its cells, save it and upload it again.',
  );
}

async function bytesOf(file) {
  try {
    return await file.arrayBuffer();
  } catch {
    throw new UserError('It cannot be read: it is a folder, or it was moved or changed. Choose the file again.');
  }
}

/** Decode text: by its mark, as UTF-8, or else as what Windows made of it. */
function decoded(bytes) {
  const [first, second] = bytes;
  if (first === 0xff && second === 0xfe) return new TextDecoder('utf-16le').decode(bytes);
  if (first === 0xfe && second === 0xff) return new TextDecoder('utf-16be').decode(bytes);
  // Without a mark: one of the two bytes of an ASCII character is zero.
  if (first !== 0 && second === 0) return new TextDecoder('utf-16le').decode(bytes);
  if (first === 0 && second !== 0) return new TextDecoder('utf-16be').decode(bytes);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return new TextDecoder('windows-1252').decode(bytes);
  }
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    const value = parsedAsPythonWrites(text);
    if (value !== undefined) return value;
  }
  const start = text.trimStart().slice(0, 400).toLowerCase();
  if (/^<(!doctype html|html|head|body|!--)/.test(start)) {
    throw new UserError(
      'It is a web page that was saved under the name of a notebook. On the page that shows the notebook, ' +
        'look for “Download” or “Raw”, and save that.',
    );
  }
  if (start === '') throw new UserError('It has nothing but spaces in it. Download it again.');
  if (!start.startsWith('{')) {
    throw new UserError(
      'It is not a notebook, whatever its name is. Notebooks are .ipynb files; other files are dragged into the list of files in JupyterLab.',
    );
  }
  if (!text.trimEnd().endsWith('}')) {
    throw new UserError('It breaks off in the middle: its download was not finished. Download it again.');
  }
  throw damaged('it is not correct JSON');
}

/** Python writes NaN and Infinity, for which JSON has no word; undefined if that is not all. */
function parsedAsPythonWrites(text) {
  const numbers = /-?\b(?:NaN|Infinity)\b/g;
  if (!numbers.test(text)) return undefined;
  const parts = [];
  for (let at = 0; at < text.length; ) {
    const quote = text.indexOf('"', at);
    const start = quote < 0 ? text.length : quote;
    const end = endOfString(text, start);
    parts.push(text.slice(at, start).replace(numbers, 'null'), text.slice(start, end));
    at = end;
  }
  try {
    return JSON.parse(parts.join(''));
  } catch {
    return undefined;
  }
}

/** Where a string ends that starts with the quote at `start`. */
function endOfString(text, start) {
  for (let at = start + 1; at < text.length; at++) {
    at = text.indexOf('"', at);
    if (at < 0) break;
    let before = at;
    while (text[before - 1] === '\\') before--;
    if ((at - before) % 2 === 0) return at + 1;
  }
  return text.length;
}
