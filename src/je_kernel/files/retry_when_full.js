// Retries a write once when the browser's storage is full, after deleting caches of the site.
// Files come before caches: the memory snapshot that kernels start from, and, where there is a
// network, the site itself.

/**
 * @template T
 * @param {() => Promise<T>} operation
 * @returns {Promise<T>}
 */
export default async operation => {
  /** Delete what is cached; return whether there was anything. */
  async function deleteCaches() {
    let deleted = false;
    for (const name of (await globalThis.caches?.keys()) ?? []) {
      const isSite = name.startsWith('je-kernel-site-') && navigator.onLine;
      if (name !== 'je-kernel-memory' && !isSite) continue;
      // Not the cache itself: its content stays on the disk while any page has it open.
      const cache = await caches.open(name);
      for (const request of await cache.keys()) {
        deleted = (await cache.delete(request)) || deleted;
      }
    }
    return deleted;
  }

  try {
    return await operation();
  } catch (error) {
    const isFull = /quota/i.test(`${error?.name} ${error?.message}`);
    if (!isFull || !(await deleteCaches())) throw error;
    return operation();
  }
}
