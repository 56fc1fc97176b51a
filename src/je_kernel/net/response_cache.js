// Saves and finds copies of downloads in the browser's Cache API, for `response_cache.py`. Each copy
// is a response whose description, in JSON, is in a header.
//
// No promise of these is rejected: where storage is forbidden, broken or full, nothing is stored
// and no copy is found. These tasks run one after the other.

/**
 * @typedef {object} Description
 * @property {string} request_url the address of the request, without its fragment
 * @property {number} stored when it was stored, in seconds since 1970
 * @property {number} size the length of the body in bytes
 */

export default () => {
  const CACHE = 'je-kernel saved copies', HEADER = 'je-kernel-copy';
  const PRELOADED_BYTES = 64_000_000;
  const CAN_WAIT = 'Suspending' in WebAssembly; // stack switching (JSPI)

  /** Descriptions and bodies by the address of the request. */
  let preloaded = new Map();
  let last = Promise.resolve();

  /** Run a task after those that were queued before it. */
  function queued(task) {
    last = last.then(task).catch(error => console.debug(`je-kernel: the kept copies: ${error}`));
    return last;
  }

  const openCache = () => caches.open(CACHE);
  const textOf = response => response?.headers.get(HEADER);

  /** Return the descriptions of the copies, the newest first. */
  async function descriptions(cache) {
    const texts = (await cache.matchAll()).map(textOf).filter(Boolean);
    return texts.map(text => JSON.parse(text)).sort((a, b) => b.stored - a.stored);
  }

  async function preload(cache) {
    const copies = new Map();
    let room = PRELOADED_BYTES;
    for (const copy of await descriptions(cache)) {
      room -= copy.size;
      const response = room < 0 ? undefined : await cache.match(copy.request_url);
      if (response) {
        copies.set(copy.request_url, [textOf(response), await response.blob()]);
      }
    }
    preloaded = copies;
  }

  return {
    /** Return the descriptions of the copies. */
    descriptions: () => queued(async () => JSON.stringify(await descriptions(await openCache()))),

    /**
     * Store a copy, and delete the oldest that would exceed the limit.
     *
     * @param {string} description of the copy, in JSON, without its size
     * @param {Response} response its body
     * @param {number} limit bytes of all copies
     */
    store: (description, response, limit) => queued(async () => {
      const blob = await response.blob(), cache = await openCache();
      const copy = { ...JSON.parse(description), size: blob.size };
      let room = limit - copy.size;
      for (const other of await descriptions(cache)) {
        room -= other.request_url === copy.request_url ? 0 : other.size;
        if (room < 0) {
          await cache.delete(other.request_url);
        }
      }
      const headers = { [HEADER]: JSON.stringify(copy) };
      await cache.put(copy.request_url, new Response(blob, { headers }));
      if (!CAN_WAIT) {
        await preload(cache);
      }
    }),

    /** Return the description and the body of the copy for an address, or nothing. */
    find: url => queued(async () => {
      const response = await (await openCache()).match(url);
      return response && [textOf(response), await response.arrayBuffer()];
    }),

    /** Hold the newest copies for `findPreloaded`. */
    preload: () => queued(async () => preload(await openCache())),

    /** Return the description and a blob: address of the preloaded copy for an address. */
    findPreloaded(url) {
      const [text, blob] = preloaded.get(url) ?? [];
      return text && [text, URL.createObjectURL(blob)];
    },

    /** Delete all copies. */
    clear: () => queued(() => {
      preloaded = new Map();
      return caches.delete(CACHE);
    }),
  };
};
