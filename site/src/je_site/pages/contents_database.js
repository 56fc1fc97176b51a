// JupyterLite's own store of files, in the format of its drive. Nothing is overwritten here:
// a file is new, or it is not written.

import { numbered } from './file_names.js';
import { UserError } from './user_error.js';

const FILES = 'files';
// localforage, which JupyterLite keeps its files with, expects it beside the first store.
const PROBE = 'local-forage-detect-blob-support';
const MOST_COPIES = 10_000;
const PAST = '0'; // the character after '/': what is in a folder lies between the two

function asked(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

async function open(database, version) {
  const request = indexedDB.open(database, version);
  request.onupgradeneeded = ({ oldVersion }) => {
    for (const store of oldVersion <= 1 ? [FILES, PROBE] : [FILES]) {
      if (!request.result.objectStoreNames.contains(store)) request.result.createObjectStore(store);
    }
  };
  const connection = await asked(request);
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

async function transact(database, mode, work) {
  const connection = await connect(database);
  try {
    const transaction = connection.transaction([FILES], mode);
    const finished = new Promise((resolve, reject) => {
      transaction.oncomplete = resolve;
      transaction.onabort = () => reject(transaction.error ?? new Error('aborted'));
    });
    finished.catch(() => {}); // whoever awaits it is told
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
  const keys = await Promise.all([name, inside].map(key => asked(files.getKey(key))));
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

function explained(error) {
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
 * Choosing and writing are one transaction, so that no other tab can slip in. `taken` has the
 * names that the site's own files have.
 */
export async function saveNew(database, name, notebook, taken) {
  try {
    return await saved(database, name, notebook, taken);
  } catch (error) {
    // Files come before the memory that kernels start from.
    const isFull = error?.name === 'QuotaExceededError';
    if (!isFull || !(await giveUpMemory())) throw explained(error);
  }
  return saveNew(database, name, notebook, taken);
}

async function giveUpMemory() {
  // A whole cache would stay on the disk as long as a page knows it.
  let gave = false;
  for (const name of (await globalThis.caches?.keys()) ?? []) {
    // Without a network the site itself must stay.
    const isSite = name.startsWith('je-kernel-site-') && navigator.onLine;
    if (name !== 'je-kernel-memory' && !isSite) continue;
    const cache = await caches.open(name);
    for (const request of await cache.keys()) {
      gave = (await cache.delete(request)) || gave;
    }
  }
  return gave;
}

function saved(database, name, notebook, taken) {
  const record = recordOf(name, notebook);
  return transact(database, 'readwrite', async files => {
    for (let number = 0; number < MOST_COPIES; number++) {
      const free = numbered(name, number);
      if (!(await isFree(files, free, taken))) continue;
      files.put({ ...record, name: free, path: free }, free);
      return free;
    }
    throw new UserError(`There are too many copies of ${name}. Delete some of them.`);
  });
}

/** Return the notebook of a path, or null if there is none. */
export async function notebookAt(database, path) {
  const record = await transact(database, 'readonly', files => asked(files.get(path)));
  return record?.type === 'notebook' && record.content?.cells ? record.content : null;
}
