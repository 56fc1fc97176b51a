// Saves notebooks into JupyterLite's storage, as its drive does. A notebook gets a name that is
// free: no file is ever overwritten.

import retryWhenFull from '../../../../src/je_kernel/files/retry_when_full.js';
import { numbered } from './file_names.js';
import { readRecord, resultOf } from './indexed_db.js';
import { UserError } from './user_error.js';

const FILES = 'files';
// localforage, by which JupyterLite stores its files, expects this store beside the first one.
const PROBE = 'local-forage-detect-blob-support';
const MAX_COPIES = 10_000;
const PAST = '0'; // the character after '/': paths inside a folder sort between the two

async function open(database, version) {
  const request = indexedDB.open(database, version);
  request.onupgradeneeded = ({ oldVersion }) => {
    for (const store of oldVersion <= 1 ? [FILES, PROBE] : [FILES]) {
      if (!request.result.objectStoreNames.contains(store)) request.result.createObjectStore(store);
    }
  };
  const connection = await resultOf(request);
  // JupyterLite, in another tab, may want to make a store of its own.
  connection.onversionchange = () => connection.close();
  return connection;
}

/** Connect to a database, made as JupyterLite makes it where nobody has been before. */
async function connect(database) {
  const connection = await open(database);
  if (connection.objectStoreNames.contains(FILES)) return connection;
  const next = connection.version + 1;
  connection.close();
  return open(database, next);
}

async function write(database, work) {
  const connection = await connect(database);
  try {
    const transaction = connection.transaction([FILES], 'readwrite');
    const finished = new Promise((resolve, reject) => {
      transaction.oncomplete = resolve;
      transaction.onabort = () => reject(transaction.error ?? new Error('aborted'));
    });
    finished.catch(() => {}); // it is awaited below
    const result = await work(transaction.objectStore(FILES));
    await finished;
    return result;
  } finally {
    connection.close();
  }
}

async function isFree(files, name, taken) {
  if (taken.has(name)) return false;
  const inside = IDBKeyRange.bound(`${name}/`, `${name}${PAST}`, false, true);
  const keys = await Promise.all([name, inside].map(key => resultOf(files.getKey(key))));
  return keys.every(key => key === undefined);
}

function recordOf(name, notebook) {
  const now = new Date().toISOString();
  return {
    name,
    path: name,
    last_modified: now,
    created: now,
    format: 'json',
    mimetype: 'application/x-ipynb+json',
    content: notebook,
    size: new Blob([JSON.stringify(notebook)]).size,
    writable: true,
    type: 'notebook',
  };
}

function userError(error) {
  if (error instanceof UserError) return error;
  if (error?.name === 'QuotaExceededError') {
    return new UserError(
      'This browser has no room left for it. Delete files that you no longer need in the file ' +
        'browser of JupyterLab, or free some space on this device, and try again.',
    );
  }
  if (error?.name === 'SecurityError' || error?.name === 'InvalidStateError') {
    return new UserError(
      'This browser does not let the page keep files. Leave private browsing, or allow this ' +
        'site to store data, and try again.',
    );
  }
  return new UserError(`This browser could not keep it: ${error?.message || error}. Try again in a new tab.`);
}

/**
 * Save a notebook under a name that is free, and return that name.
 *
 * Choosing the name and writing are one transaction, which no other tab can interrupt.
 *
 * @param {string} database
 * @param {string} name
 * @param {any} notebook
 * @param {Set<string>} taken names of the site's own files
 * @returns {Promise<string>}
 */
export async function saveNew(database, name, notebook, taken) {
  try {
    return await retryWhenFull(() => put(database, name, notebook, taken));
  } catch (error) {
    throw userError(error);
  }
}

function put(database, name, notebook, taken) {
  const record = recordOf(name, notebook);
  return write(database, async files => {
    for (let number = 0; number < MAX_COPIES; number++) {
      const free = numbered(name, number);
      if (!(await isFree(files, free, taken))) continue;
      files.put({ ...record, name: free, path: free }, free);
      return free;
    }
    throw new UserError(`There are too many copies of ${name}. Delete some of them.`);
  });
}

/** Return the notebook at a path, or null if there is none. */
export async function notebookAt(database, path) {
  const record = await readRecord(database, path);
  return record?.type === 'notebook' && record.content?.cells ? record.content : null;
}
