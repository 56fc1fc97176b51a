// Reads JupyterLite's storage, which is an IndexedDB database.

/**
 * Turn a request of IndexedDB into a promise.
 *
 * @template T
 * @param {IDBRequest<T>} request
 * @returns {Promise<T>}
 */
export function resultOf(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/**
 * Return the record of a file; undefined where there is no such file, or no database.
 *
 * @param {string} database
 * @param {string} path
 */
export async function readRecord(database, path) {
  // To open a database that does not exist would create it.
  const databases = await indexedDB.databases();
  if (!databases.some(({ name }) => name === database)) return undefined;
  const connection = await resultOf(indexedDB.open(database));
  try {
    if (!connection.objectStoreNames.contains('files')) return undefined;
    return await resultOf(connection.transaction('files').objectStore('files').get(path));
  } finally {
    connection.close();
  }
}
