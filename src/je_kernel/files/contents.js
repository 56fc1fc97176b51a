// Operations on JupyterLite's contents database, for the kernel's worker.
//
// Each operation is one transaction: it is complete or has no effect, whoever else
// writes. No connection stays open: it could block JupyterLite from making an object
// store. `undefined` means nothing, because every version of Pyodide converts it to None.

export default ((codec, retryWhenFull) => {
  const { Refusal } = codec;
  const FILES = 'files';
  const CHECKPOINTS = 'checkpoints';
  const SNAPSHOTS = 'je-kernel-memory'; // memory snapshots of kernels, which are deleted before a file is refused
  const MOST_IN_MEMORY = 4_000_000; // characters of content, while files are listed
  const MOST_AT_ONCE = 64;
  const SAMPLE = 5;
  // The character after '/': the keys in a folder lie between the two.
  const PAST = '0';

  /** Return a promise for the result of a database request. */
  function resultOf(request) {
    return new Promise((resolve, reject) => {
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
  }

  function connect(database) {
    const request = indexedDB.open(database);
    // The database does not exist: an empty one would make JupyterLite fail.
    request.onupgradeneeded = () => request.transaction.abort();
    return resultOf(request);
  }

  async function transact(database, mode, work) {
    const connection = await connect(database);
    try {
      const stores = [FILES, CHECKPOINTS].filter(name => connection.objectStoreNames.contains(name));
      const transaction = connection.transaction(mode === 'readonly' ? [FILES] : stores, mode);
      const finished = new Promise((resolve, reject) => {
        transaction.oncomplete = resolve;
        transaction.onabort = () =>
          reject(transaction.error ?? new DOMException('The transaction was aborted.', 'AbortError'));
      });
      finished.catch(() => {}); // the caller awaits it
      const files = transaction.objectStore(FILES);
      let checkpoints = null;
      if (mode !== 'readonly' && stores.includes(CHECKPOINTS)) {
        checkpoints = transaction.objectStore(CHECKPOINTS);
      }
      let result;
      try {
        result = await work(files, checkpoints);
      } catch (error) {
        try {
          transaction.abort();
        } catch {
          // It has been aborted already: await its own error.
          await finished;
        }
        throw error;
      }
      await finished;
      return result;
    } finally {
      connection.close();
    }
  }

  /** All keys inside a folder, at any depth. */
  function inside(folder) {
    return IDBKeyRange.bound(`${folder}/`, `${folder}${PAST}`, false, true);
  }

  function sizeOf(record) {
    if (Number.isFinite(record.size)) return record.size;
    return new codec.Content(record.format, record.content).length;
  }

  function isFolder(record) {
    return record.type === 'directory';
  }

  function versionOf(record) {
    return `${record.last_modified} ${record.size ?? ''}`;
  }

  function versionAt(path, record, shipped) {
    return record ? versionOf(record) : shipped[path];
  }

  /** Refuse while a kernel without transactions writes: see `drive.js`. */
  async function refuseIfClaimed(files) {
    for (const path of await resultOf(files.getAllKeys(inside(codec.CLAIMS)))) {
      if (codec.isLive(nameOf(path))) throw new Refusal('busy', path);
    }
  }

  function describeRecord(path, record) {
    const folder = isFolder(record);
    return {
      path,
      folder,
      size: folder ? 0 : sizeOf(record),
      modified: record.last_modified ?? null,
      created: record.created ?? null,
      mimetype: record.mimetype ?? '',
      version: versionOf(record),
    };
  }

  /** A folder without a record, but with files in it. */
  function impliedFolder(path) {
    return { path, folder: true, size: 0, modified: null, created: null, mimetype: '', version: '' };
  }

  function nameOf(path) {
    return path.slice(path.lastIndexOf('/') + 1);
  }

  function parentsOf(path) {
    const parts = path.split('/').slice(0, -1);
    return parts.map((_, index) => parts.slice(0, index + 1).join('/'));
  }

  function folderRecord(path, now) {
    return {
      name: nameOf(path),
      path,
      last_modified: now,
      created: now,
      format: 'json',
      mimetype: '',
      content: null,
      size: 0,
      writable: true,
      type: 'directory',
    };
  }

  /** Return a time that is later than another, also if the clock was set back. */
  function after(earlier) {
    const before = Date.parse(earlier ?? '');
    const now = Date.now();
    return new Date(Number.isFinite(before) ? Math.max(now, before + 1) : now).toISOString();
  }

  async function makeFolders(files, paths, shipped) {
    const now = new Date().toISOString();
    for (const path of paths) {
      const record = await resultOf(files.get(path));
      if (record && !isFolder(record)) throw new Refusal('not-folder', path);
      if (!record && !shipped[path]) files.put(folderRecord(path, now), path);
    }
  }

  async function stat(database, path) {
    return transact(database, 'readonly', async files => {
      const record = await resultOf(files.get(path));
      if (record) return JSON.stringify(describeRecord(path, record));
      const implied = await resultOf(files.getKey(inside(path)));
      return implied === undefined ? undefined : JSON.stringify(impliedFolder(path));
    });
  }

  async function has(database, path) {
    return transact(database, 'readonly', async files => {
      const keys = await Promise.all([path, inside(path)].map(key => resultOf(files.getKey(key))));
      return keys.some(key => key !== undefined);
    });
  }

  async function children(database, folder) {
    return transact(database, 'readonly', async files => {
      const keys = await resultOf(files.getAllKeys(folder ? inside(folder) : null));
      const start = folder ? folder.length + 1 : 0;
      const direct = new Set();
      const implied = new Set();
      for (const key of keys) {
        const end = key.indexOf('/', start);
        if (end < 0) direct.add(key);
        else implied.add(key.slice(0, end));
      }
      const descriptions = await describe(files, [...direct]);
      for (const path of implied) if (!direct.has(path)) descriptions.push(impliedFolder(path));
      return JSON.stringify(descriptions);
    });
  }

  /**
   * Describe records. The database returns them whole, so large ones are
   * read one by one and small ones many at a time.
   */
  async function describe(files, keys) {
    const descriptions = [];
    let atOnce = 1;
    for (let start = 0; start < keys.length; ) {
      const some = keys.slice(start, start + atOnce);
      start += some.length;
      const records = await Promise.all(some.map(key => resultOf(files.get(key))));
      let held = 0;
      records.forEach((record, index) => {
        if (!record) return;
        held += record.content?.length ?? 0;
        descriptions.push(describeRecord(some[index], record));
      });
      atOnce = held > MOST_IN_MEMORY ? 1 : Math.min(atOnce * 2, MOST_AT_ONCE);
    }
    return descriptions;
  }

  async function paths(database) {
    return transact(database, 'readonly', async files =>
      JSON.stringify(await resultOf(files.getAllKeys())));
  }

  async function measure(database) {
    const sizes = await transact(database, 'readonly', async files => {
      const entries = await describe(files, await resultOf(files.getAllKeys()));
      return entries.filter(entry => !entry.folder).map(entry => [entry.path, entry.size]);
    });
    const { usage, quota = null } = (await navigator.storage?.estimate?.()) ?? {};
    // Snapshots count as free: they are deleted for files.
    const used = usage === undefined ? null : Math.max(0, usage - (await snapshotsSize()));
    return JSON.stringify({ sizes, usage: used, quota });
  }

  async function snapshotsSize() {
    if (!(await globalThis.caches?.has(SNAPSHOTS))) return 0;
    const responses = await (await caches.open(SNAPSHOTS)).matchAll();
    return responses.reduce((sum, { headers }) => sum + Number(headers.get('Content-Length')), 0);
  }

  /** Read a file: its metadata, and its content to copy into Python. */
  async function read(database, path) {
    const record = await transact(database, 'readonly', files => resultOf(files.get(path)));
    if (!record) return undefined;
    if (isFolder(record)) throw new Refusal('folder', path);
    const entry = JSON.stringify(describeRecord(path, record));
    return { entry, content: new codec.Content(record.format, record.content) };
  }

  /** Files to write in one transaction. */
  class Batch {
    constructor() {
      this.files = [];
    }

    /** Add a file. Its bytes are encoded now. */
    add(path, mimetype, object) {
      const model = codec.largeModelOf(object) ?? codec.modelOf(path, object);
      this.files.push({ path, mimetype, ...model });
    }

    /**
     * Write the files, all or none.
     *
     * `options` is JSON: `isNew` refuses to replace a file; `expected` has the versions that
     * files must have, or null where there must be no file; `shipped` has the versions of
     * the site's own files on the paths, and `true` for its folders.
     */
    async write(database, options) {
      const { isNew, expected, shipped } = JSON.parse(options);
      const entries = await transact(database, 'readwrite', async files => {
        const written = [];
        await refuseIfClaimed(files);
        for (const [path, version] of Object.entries(expected)) {
          const there = versionAt(path, await resultOf(files.get(path)), shipped) ?? null;
          if (there === version) continue;
          throw new Refusal(there === null ? 'gone' : version === null ? 'exists' : 'changed', path);
        }
        for (const file of this.files) {
          const old = await resultOf(files.get(file.path));
          this.#check(file, old, isNew, shipped);
          if (!old && (await resultOf(files.getKey(inside(file.path)))) !== undefined) {
            throw new Refusal('folder', file.path);
          }
          await makeFolders(files, parentsOf(file.path), shipped);
          const record = recordOf(file, old);
          files.put(record, file.path);
          written.push(describeRecord(file.path, record));
        }
        return written;
      });
      return JSON.stringify(entries);
    }

    #check(file, old, isNew, shipped) {
      const there = versionAt(file.path, old, shipped);
      if ((old && isFolder(old)) || (!old && there === true)) throw new Refusal('folder', file.path);
      if (isNew && there !== undefined) throw new Refusal('exists', file.path);
    }
  }

  function recordOf({ path, mimetype, format, content, size }, old) {
    const now = after(old?.last_modified);
    return {
      name: nameOf(path),
      path,
      last_modified: now,
      created: old?.created ?? now,
      format,
      mimetype,
      content,
      size,
      writable: true,
      type: codec.isNotebook(path) ? 'notebook' : 'file',
    };
  }

  async function makeFolder(database, path, options) {
    const { shipped } = JSON.parse(options);
    await transact(database, 'readwrite', files =>
      makeFolders(files, [...parentsOf(path), path], shipped));
  }

  /**
   * Copy or move a file, or a folder with everything in it. The batch has the site's own
   * files of it, which are written in the same transaction.
   */
  async function transfer(batch, database, oldPath, newPath, options) {
    const { moves, replace, shipped, mimetype } = JSON.parse(options);
    await transact(database, 'readwrite', async (files, checkpoints) => {
      const source = await resultOf(files.get(oldPath));
      const below = await resultOf(files.getAllKeys(inside(oldPath)));
      const keys = source ? [oldPath, ...below] : below;
      if (keys.length === 0 && batch.files.length === 0) throw new Refusal('lost', oldPath);
      const there = await resultOf(files.getKey(newPath));
      if (!replace && (there !== undefined || shipped[newPath] !== undefined)) {
        throw new Refusal('exists', newPath);
      }
      await refuseIfClaimed(files);
      const targets = new Map(keys.map(key => [newPath + key.slice(oldPath.length), key]));
      const copies = batch.files.filter(({ path }) => !targets.has(path)); // or overwritten meanwhile
      const folders = [...targets.keys(), ...copies.map(({ path }) => path)].flatMap(parentsOf);
      await makeFolders(files, new Set(folders), shipped);
      for (const file of copies) files.put(recordOf(file), file.path);
      const now = new Date().toISOString();
      for (const [path, key] of targets) {
        const record = await resultOf(files.get(key));
        const file = key === oldPath && !isFolder(record);
        const typed = file ? { mimetype, type: codec.isNotebook(path) ? 'notebook' : 'file' } : {};
        const created = moves ? record.created : now;
        files.put({ ...record, ...typed, name: nameOf(path), path, created, last_modified: now }, path);
        if (moves) {
          files.delete(key);
          checkpoints?.delete(key);
        }
      }
    });
  }

  async function remove(database, path) {
    await transact(database, 'readwrite', async (files, checkpoints) => {
      for (const store of [files, checkpoints]) {
        store?.delete(path);
        store?.delete(inside(path));
      }
    });
  }

  /** Describe some records of a database; undefined if it does not exist or has no files. */
  async function sample(database) {
    // `open` would make a database that does not exist.
    if (!(await indexedDB.databases()).some(({ name }) => name === database)) return undefined;
    const connection = await connect(database);
    const isOurs = connection.objectStoreNames.contains(FILES);
    connection.close();
    if (!isOurs) return undefined;
    const entries = await transact(database, 'readonly', async files =>
      describe(files, await resultOf(files.getAllKeys(null, SAMPLE))));
    return JSON.stringify(entries);
  }

  /** Fetch a file of the site: undefined if it does not exist. Throws if that is unknown. */
  async function fetchFile(url, patience) {
    const signal = patience ? AbortSignal.timeout(patience) : undefined;
    const response = await fetch(url, { signal });
    if (codec.isMissing(response.status)) return undefined;
    if (!response.ok) throw new Error(`the site answered ${response.status}`);
    return codec.contentOf(new Uint8Array(await response.arrayBuffer()));
  }

  /** Throw plain errors: Pyodide does not convert every kind of DOMException. */
  function withPlainErrors(operation) {
    return async (...all) => {
      try {
        return await retryWhenFull(() => operation(...all));
      } catch (error) {
        if (error instanceof Refusal) throw error;
        const plain = new Error(String(error?.message ?? error));
        plain.name = String(error?.name ?? 'Error');
        throw plain;
      }
    };
  }

  const operations = {
    stat, has, children, paths, measure, read, makeFolder, transfer, remove, sample, fetchFile,
    write: (batch, database, options) => batch.write(database, options),
  };
  const plain = Object.entries(operations).map(([name, one]) => [name, withPlainErrors(one)]);
  return { batch: () => new Batch(), ...Object.fromEntries(plain) };
})
