// Caches a site on the device, so that it works without a network. The service worker of the site
// runs this before JupyterLite's own, which still answers requests of the drive and of `input()`.
//
// The build lists the files of the site with their hashes: such a list is a version. A page and its
// kernels get all their files from one version, which is chosen when the page is opened. The key of
// a file is its path and hash, so that a new version shares the files that have not changed.

'use strict';

(() => {
  const ROOT = new URL('./', self.location.href).href;
  const FORMAT = 1;
  const BUCKET = `je-kernel-site-${FORMAT} ${ROOT}`;
  /** The file that states the server's version. */
  const LATEST = 'je-kernel-site.json';
  const LIST = /^static\/je-kernel\/site-([0-9a-f]+)\.json$/;
  const HASH = 'je-kernel';
  /** Returns what is cached (GET), and caches more first (POST). */
  const CONTROL = 'api/je-kernel/offline';
  const JUPYTERLITES = /\/api\/(drive|stdin\/|service-worker-heartbeat)/;
  /** Files that may change without a build: the network first, if the server has this version. */
  const SHIPPED = /^files\//;
  const CONFIG = /^([^/]+\/)?jupyter-lite\.(json|ipynb)$/;
  const HASHED_NAME = /[0-9a-f]{7,}/;

  const PATIENCE = 3000; // milliseconds to wait for the server, where a file is cached
  const HELD_UP = 10_000; // milliseconds to wait for the browser's storage, and for a first version
  const LATER = 10_000; // milliseconds of quiet before files are fetched ahead
  const BATCH = 1000; // milliseconds
  const STALLED = 240_000; // milliseconds; kernels give up after 300 s
  const AT_ONCE = 4; // requests; browsers make six, and some must be left to pages
  const SPARE = 20e6; // bytes that stay free for students' files
  const NEW_CLIENT = 60_000; // milliseconds in which a client may not be listed yet

  const bucket = () => caches.open(BUCKET);
  const addressOf = path => ROOT + encodeURI(path).replaceAll('?', '%3F').replaceAll('#', '%23');
  const keyOf = (path, hash) => `${addressOf(path)}?${HASH}=${hash}`;
  const within = (milliseconds, promise) =>
    Promise.race([promise, new Promise(resolve => setTimeout(resolve, milliseconds, null))]);

  // Requests of pages and kernels take precedence, which matters on a slow line.
  let loading = 0; // files that pages and kernels are still loading
  let quietSince = Date.now();

  async function untilQuiet() {
    for (let wait = LATER; wait > 0; wait = loading ? LATER : quietSince + LATER - Date.now()) {
      await new Promise(resolve => setTimeout(resolve, wait));
    }
  }

  async function whileLoading(work) {
    loading += 1;
    await work.finally(() => {
      loading -= 1;
      quietSince = Date.now();
    });
  }

  const json = value =>
    new Response(JSON.stringify(value), { headers: { 'Content-Type': 'application/json' } });

  /** The path of an address within the site, or null. */
  function pathOf(url) {
    const address = url.origin + url.pathname;
    if (!address.startsWith(ROOT)) return null;
    try {
      return decodeURIComponent(address.slice(ROOT.length));
    } catch {
      return null;
    }
  }

  async function digestOf(content) {
    const digest = await crypto.subtle.digest('SHA-256', content);
    const bytes = [...new Uint8Array(digest).subarray(0, 8)];
    return bytes.map(byte => byte.toString(16).padStart(2, '0')).join('');
  }

  let patience = HELD_UP;

  /** Limits the wait of a response for the browser's storage, versions and lists. */
  class StorageDeadline {
    constructor() {
      this.tooLong = new Promise(resolve => (this.giveUp = resolve));
    }

    async for(promise) {
      const timer = setTimeout(() => {
        // The next responses would wait for the same.
        patience = 0;
        this.giveUp();
      }, patience);
      try {
        const found = await promise;
        patience = HELD_UP;
        return found;
      } finally {
        clearTimeout(timer);
      }
    }
  }

  // State -------------------------------------------------------------------------------------

  const STATE = `${ROOT}?${HASH}=state`;
  let loadedState;
  let written = Promise.resolve();

  /**
   * `current` is the version that pages get, `pins` has that of each client, `versions` those of
   * which something is kept; `everything`: whether all files are wanted; `cache`: how they are
   * fetched.
   */
  function loadState() {
    loadedState ??= (async () => {
      const state = { current: null, pins: {}, versions: [], everything: false, cache: 'default' };
      const kept = await (await bucket()).match(STATE).catch(() => null);
      return Object.assign(state, await kept?.json());
    })();
    return loadedState;
  }

  async function saveState() {
    const state = await loadState();
    written = written.then(async () =>
      (await bucket()).put(STATE, json(state)).catch(() => {}),
    );
    return written;
  }

  const lists = new Map();

  /**
   * The files of a version: `{ version, python, always, companions, files }`, where `files` has
   * `[hash, size]` for each path.
   */
  function listOf(version) {
    if (!lists.has(version)) {
      const list = readList(version);
      lists.set(version, list);
      list.catch(() => lists.delete(version));
    }
    return lists.get(version);
  }

  async function readList(version) {
    const address = `${ROOT}static/je-kernel/site-${version}.json`;
    const cache = await bucket();
    let response = await cache.match(address);
    if (!response) {
      response = await fetch(address);
      if (!response.ok) throw new Error(`${address}: ${response.status}`);
      await cache.put(address, response.clone()).catch(() => {});
      const state = await loadState();
      state.versions = [...new Set([...state.versions, version])];
    }
    return { ...(await response.json()), version };
  }

  /** The version that the server has: null if it does not answer, '' if it has none. */
  async function latestVersion() {
    try {
      const response = await fetch(ROOT + LATEST, { cache: 'no-cache' });
      if (response.status >= 500) return null;
      const { version } = response.ok ? await response.json() : {};
      return /^[0-9a-f]+$/.test(version) ? version : '';
    } catch (error) {
      return error instanceof SyntaxError ? '' : null;
    }
  }

  let first;

  /** Adopt the server's version, if there is no version yet. */
  function adoptFirst() {
    first ??= (async () => {
      const latest = await latestVersion();
      if (latest) await adopt(latest);
      // A server without versions is not asked again for each file.
      if (latest !== '') first = undefined;
    })().catch(() => (first = undefined));
    return first;
  }

  async function adopt(version) {
    await listOf(version);
    const state = await loadState();
    state.current = version;
    await saveState();
  }

  /** What a client was given as it was opened: `{ version, isLatest }`. */
  async function pinOf(id) {
    const state = await loadState();
    if (id in state.pins) return state.pins[id];
    if (!state.current) await adoptFirst();
    return { version: state.current, isLatest: true };
  }

  const newClients = new Set();

  async function pin(event, id, version, isLatest) {
    if (!id) return;
    const state = await loadState();
    state.pins[id] = { version, isLatest };
    newClients.add(id);
    setTimeout(() => newClients.delete(id), NEW_CLIENT);
    event.waitUntil(saveState());
  }

  /** Delete versions that are neither the current one nor that of an open page. */
  async function sweep() {
    const state = await loadState();
    const open = new Set((await clients.matchAll({ type: 'all' })).map(client => client.id));
    for (const id of Object.keys(state.pins)) {
      if (!open.has(id) && !newClients.has(id)) delete state.pins[id];
    }
    const used = new Set([state.current, ...Object.values(state.pins).map(each => each.version)]);
    const gone = state.versions.filter(version => !used.has(version));
    if (gone.length === 0) return;
    const wanted = new Set([STATE]);
    for (const version of [...used].filter(Boolean)) {
      wanted.add(`${ROOT}static/je-kernel/site-${version}.json`);
      const { files } = await listOf(version);
      for (const [path, [hash]] of Object.entries(files)) wanted.add(keyOf(path, hash));
    }
    const cache = await bucket();
    for (const { url } of await cache.keys()) if (!wanted.has(url)) await cache.delete(url);
    for (const version of gone) lists.delete(version);
    state.versions = [...used].filter(Boolean);
    isFull = false;
    await saveState();
  }

  // The cache ---------------------------------------------------------------------------------

  let isFull = false;
  const keeping = new Map();
  const fetching = new Map();

  async function kept(path, hash) {
    return (await bucket()).match(keyOf(path, hash), { ignoreVary: true });
  }

  /** Cache a response, if there is room. */
  async function put(key, response, size) {
    if (isFull) return;
    try {
      // WebKit before Safari 17 has no estimate.
      const { quota = Infinity, usage = 0 } = (await navigator.storage?.estimate?.()) ?? {};
      if (quota - usage < size + SPARE) throw new DOMException('', 'QuotaExceededError');
      await (await bucket()).put(key, response);
    } catch (error) {
      if (error.name !== 'QuotaExceededError' || isFull) return;
      isFull = true;
      await notifyPages('this browser has no room to keep more of the site for when there is no network.');
    }
  }

  async function notifyPages(text) {
    for (const client of await clients.matchAll()) client.postMessage({ jeKernel: text });
  }

  /** Cache a response, if it has the right hash or `isSure`. */
  function keep(path, [hash, size], response, isSure = false) {
    const key = keyOf(path, hash);
    if (!keeping.has(key)) {
      const work = (async () => {
        const content = await response.arrayBuffer();
        if (!isSure && (await digestOf(content)) !== hash) return;
        const { status, headers } = response;
        await put(key, new Response(content, { status, headers }), size);
      })();
      keeping.set(key, work.catch(() => {}).finally(() => keeping.delete(key)));
    }
    return keeping.get(key);
  }

  /**
   * Fetch a file and keep it. Throws if the server cannot be reached, or is being updated: it has
   * another version, or still what `old` lists. What a host rewrites is kept as it is.
   */
  function fetchAndKeep(path, list, old) {
    const key = keyOf(path, list.files[path][0]);
    if (!fetching.has(key)) {
      const work = fetchMissing(path, list, old).finally(() => fetching.delete(key));
      fetching.set(key, work);
    }
    return fetching.get(key);
  }

  async function fetchMissing(path, list, old) {
    const entry = list.files[path];
    if (await kept(path, entry[0])) return;
    let response;
    let digest;
    for (const cache of [(await loadState()).cache, 'reload']) {
      response = await fetch(addressOf(path), { cache, priority: 'low' });
      if (response.status >= 500) throw new Error(`${path}: ${response.status}`);
      if (!response.ok) return;
      digest = await digestOf(await response.clone().arrayBuffer());
      if (digest === entry[0]) break;
    }
    if (digest !== entry[0]) {
      const isOld = digest === old?.files[path]?.[0];
      if (isOld || (await latestVersion()) !== list.version) throw new Error(`${path} is another.`);
    }
    await keep(path, entry, response, true);
  }

  /** Call a function with each item, a few at a time, until one fails or `until` has passed. */
  async function forEach(items, work, until = Infinity) {
    const waiting = [...items];
    const one = async () => {
      while (waiting.length && Date.now() < until) await work(waiting.shift());
    };
    await Promise.all(Array.from({ length: AT_ONCE }, one));
  }

  /** Return the paths of a list that are cached. */
  async function keptPaths({ files }) {
    const keys = new Set((await (await bucket()).keys()).map(({ url }) => url));
    return Object.keys(files).filter(path => keys.has(keyOf(path, files[path][0])));
  }

  // A new version -----------------------------------------------------------------------------

  /** A path without hashes and versions. */
  const stem = path => path.replace(/[0-9a-f]{7,}/g, '*').replace(/\d{1,9}\.\d[\d.]*/g, '*');
  const folder = path => path.slice(0, path.lastIndexOf('/') + 1);

  /** Return a new version's files in place of others: of the same name, or new in the folder. */
  function successors(old, next, paths) {
    const added = Object.keys(next.files).filter(path => !(path in old.files));
    const among = (part, path) => added.filter(other => part(stem(other)) === part(stem(path)));
    return new Set(
      paths.flatMap(path => {
        if (path in next.files) return [path];
        const same = among(name => name, path);
        return same.length ? same : among(folder, path);
      }),
    );
  }

  const preparing = new Map();

  /** Fetch a new version's files in place of those that are cached, and then adopt it. */
  function prepare(version) {
    if (!preparing.has(version)) {
      const work = (async () => {
        const state = await loadState();
        const [old, next] = [await listOf(state.current), await listOf(version)];
        const wanted = state.everything
          ? Object.keys(next.files)
          : [...next.always, ...successors(old, next, await keptPaths(old))];
        await forEach(new Set(wanted), path => fetchAndKeep(path, next, old));
        await adopt(version);
        return true;
      })();
      preparing.set(version, work.catch(() => false).finally(() => preparing.delete(version)));
    }
    return preparing.get(version);
  }

  // Responses ---------------------------------------------------------------------------------

  const REASON = 'is not on this device, and the site cannot be reached.';

  /** Return a network error, for which pages and kernels have their own messages. */
  async function unavailable(path) {
    await notifyPages(`${path} ${REASON}`);
    return Response.error();
  }

  function unavailablePage() {
    const page = `<!doctype html><meta charset="utf-8"><title>No network</title>
<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">
<body style="font:1.1rem/1.5 system-ui;max-width:34rem;margin:15vh auto;padding:0 1.5rem">
<h1>No network</h1><p>This page ${REASON} Connect to the network, and load it again.
Pages that you have used before are here.</p>`;
    return new Response(page, { status: 504, headers: { 'Content-Type': 'text/html' } });
  }

  async function openPage(event, path, waiting) {
    const answer = fetch(event.request).catch(() => null);
    const state = await waiting.for(loadState());
    const latest = await within(PATIENCE, latestVersion());
    const isNew = Boolean(latest) && latest !== state.current;
    if (isNew && !state.current) await waiting.for(adopt(latest)).catch(() => {});
    else if (isNew) {
      const ready = prepare(latest);
      event.waitUntil(ready.then(sweep));
      await within(PATIENCE, ready);
    } else event.waitUntil(sweep());

    let version = latest === '' ? null : state.current;
    if (!version) {
      await pin(event, event.resultingClientId, null, false);
      return (await answer) ?? Response.error();
    }
    let { files } = await waiting.for(listOf(version));
    if (`${path}/index.html` in files && !(await within(PATIENCE, answer))) {
      return Response.redirect(`${addressOf(path)}/${new URL(event.request.url).search}`);
    }
    const file = path === '' || path.endsWith('/') ? `${path}index.html` : path;
    const here = file in files ? await waiting.for(kept(file, files[file][0])) : undefined;
    let isLatest = version === latest;
    let response = null;
    if (isLatest) response = await (here ? within(PATIENCE, answer) : answer);
    else if (!here) {
      response = await answer;
      if (response && latest) {
        // A page of a version that is still being prepared.
        [version, isLatest] = [latest, true];
        ({ files } = await waiting.for(listOf(version)));
      }
    }
    await pin(event, event.resultingClientId, version, isLatest);
    if (response && (response.status < 500 || !here)) {
      if (response.ok && file in files) {
        const before = here ?? (await waiting.for(kept(FRONT, files[FRONT]?.[0])));
        await waiting.for(forgetOtherIsolation(response, before));
        event.waitUntil(keep(file, files[file], response.clone(), true));
      }
      return response;
    }
    return here ?? (file in files ? unavailablePage() : Response.error());
  }

  const FRONT = 'index.html';
  const ISOLATION = 'Cross-Origin-Embedder-Policy';

  /**
   * Delete files that were cached with other isolation headers: an isolated page rejects scripts
   * without them, and the other way round, also those of the browser's HTTP cache.
   */
  async function forgetOtherIsolation(response, here) {
    if (!here || here.headers.get(ISOLATION) === response.headers.get(ISOLATION)) return;
    const cache = await bucket();
    for (const { url } of await cache.keys()) {
      if (url.includes(`?${HASH}=`) && url !== STATE) await cache.delete(url);
    }
    (await loadState()).cache = 'reload';
    await saveState();
  }

  async function answerFor(event, path, waiting) {
    const { request } = event;
    const { version, isLatest } = await waiting.for(pinOf(event.clientId));
    await pin(event, event.resultingClientId, version, isLatest);
    if (path === LATEST && version) return json({ version });
    const list = version && (await waiting.for(listOf(version)).catch(() => null));
    if (LIST.test(path)) {
      const listed = await waiting.for(bucket().then(cache => cache.match(addressOf(path))));
      return listed ?? fetch(request);
    }
    const entry = list && Object.hasOwn(list.files, path) ? list.files[path] : null;
    if (!entry) return fetch(request);
    const here = await waiting.for(kept(path, entry[0]));
    const isFresh = isLatest && (SHIPPED.test(path) || CONFIG.test(path));
    if (request.headers.has('range')) return partOf(event, path, list, here, isFresh);
    if (here && !isFresh) {
      event.waitUntil(keepCompanions(path, list));
      return here;
    }
    const { cache } = await loadState();
    const anew = cache === 'reload' ? new Request(request, { cache }) : request;
    const asked = fetch(anew).catch(() => null);
    const response = await (here ? within(PATIENCE, asked) : asked);
    if (!response || (here && response.status >= 500)) return here ?? unavailable(path);
    if (!response.ok || isSame(response, here)) return response;
    if (SHIPPED.test(path) || HASHED_NAME.test(path)) {
      const keeping = whileLoading(keep(path, entry, response.clone(), SHIPPED.test(path)));
      event.waitUntil(keeping.then(() => keepCompanions(path, list)));
      return response;
    }
    const sure = checked(event, path, list, response, here);
    return here ? ((await within(PATIENCE, sure)) ?? here) : sure;
  }

  /** Cache files that users of a file may read later: the wheels of a snapshot. */
  async function keepCompanions(path, list) {
    const companions = list.companions[path];
    if (!companions) return;
    await untilQuiet();
    await forEach(companions, each => fetchAndKeep(each, list)).catch(() => {});
  }

  const isSame = (one, other) =>
    ['etag', 'last-modified'].some(
      name => other && one.headers.has(name) && one.headers.get(name) === other.headers.get(name),
    );

  /** Return a file of this version, not of a newer one that the server has by now. */
  async function checked(event, path, list, response, here) {
    const entry = list.files[path];
    const isRight = async () => (await digestOf(await response.clone().arrayBuffer())) === entry[0];
    let isSure = await isRight();
    if (!isSure && !CONFIG.test(path)) {
      // The HTTP cache may have an older one.
      const anew = await fetch(addressOf(path), { cache: 'reload' }).catch(() => null);
      if (anew?.ok) response = anew;
      isSure = await isRight();
    }
    if (!isSure) {
      const latest = await within(PATIENCE, latestVersion());
      if (latest && latest !== list.version) return here ?? outdated(path);
      if (latest === null) return response;
    }
    event.waitUntil(keep(path, entry, response.clone(), true));
    return response;
  }

  async function outdated(path) {
    await notifyPages(`the site has been updated, ${path} too, while this page was open. Reload the page.`);
    return new Response(null, { status: 503, statusText: 'Site updated: reload the page' });
  }

  /** Return a range of a file, as for video and audio. */
  async function partOf(event, path, list, here, isFresh) {
    const asked = here && !isFresh ? null : fetch(event.request).catch(() => null);
    const response = await (here ? within(PATIENCE, asked) : asked);
    if (response) {
      if (!here) event.waitUntil(fetchAndKeep(path, list).catch(() => {}));
      return response;
    }
    if (!here) return unavailable(path);
    const bytes = await here.blob();
    const [, begin, end] = /^bytes=(\d*)-(\d*)$/.exec(event.request.headers.get('range')) ?? [];
    if (!begin && !end) return new Response(bytes, { headers: here.headers });
    const from = begin ? Number(begin) : Math.max(0, bytes.size - Number(end));
    const to = begin && end ? Math.min(Number(end), bytes.size - 1) : bytes.size - 1;
    const headers = new Headers(here.headers);
    headers.delete('Content-Encoding');
    if (from > to) {
      headers.set('Content-Range', `bytes */${bytes.size}`);
      return new Response(null, { status: 416, headers });
    }
    headers.set('Content-Range', `bytes ${from}-${to}/${bytes.size}`);
    headers.set('Content-Length', String(to - from + 1));
    return new Response(bytes.slice(from, to + 1), { status: 206, headers });
  }

  // Caching the whole site, on request --------------------------------------------------------

  const total = (paths, files) => ({
    files: paths.length,
    bytes: paths.reduce((sum, path) => sum + files[path][1], 0),
  });

  /** Return what is cached; with `isMore`, cache more for a moment first. */
  async function control(event, isMore, waiting) {
    const { version } = await waiting.for(pinOf(event.clientId));
    if (!version) return json({ version: null });
    const state = await loadState();
    const list = await waiting.for(listOf(version));
    let isReached = true;
    if (isMore) {
      state.everything = true;
      isFull = false;
      await saveState();
      const there = new Set(await keptPaths(list));
      const missing = Object.keys(list.files).filter(path => !there.has(path) && !absent.has(path));
      const work = async path => {
        await fetchAndKeep(path, list);
        if (isFull) throw new Error('full');
        if (!(await kept(path, list.files[path][0]))) absent.add(path);
      };
      const batch = forEach(missing, work, Date.now() + BATCH).then(() => true, () => isFull);
      isReached = Boolean(await within(STALLED, batch));
    }
    const wanted = Object.keys(list.files).filter(path => !absent.has(path));
    return json({
      version,
      python: list.python,
      everything: state.everything,
      kept: total(await keptPaths(list), list.files),
      all: total(wanted, list.files),
      full: isFull,
      reached: isReached,
    });
  }

  /** Paths of the list that the server does not have. */
  const absent = new Set();

  // Events ------------------------------------------------------------------------------------

  addEventListener('fetch', (/** @type {FetchEvent} */ event) => {
    const { request } = event;
    const url = new URL(request.url);
    const isHere = url.origin === self.location.origin;
    if (isHere && JUPYTERLITES.test(url.pathname)) return; // JupyterLite's own answers
    event.stopImmediatePropagation();
    const path = isHere ? pathOf(url) : null;
    if (path === null) return;
    const waiting = new StorageDeadline();
    if (path === CONTROL) {
      const state = control(event, request.method === 'POST', waiting);
      const nothing = waiting.tooLong.then(() => json({ version: null }));
      event.respondWith(Promise.race([state, nothing]).catch(() => json({ version: null })));
    } else if (request.method === 'GET') {
      // Where the browser has no storage, or is slow, the response comes from the network.
      const answer = request.mode === 'navigate' ? openPage : answerFor;
      const ours = answer(event, path, waiting).catch(() => fetch(request));
      const direct = waiting.tooLong.then(() => fetch(request)).catch(() => ours);
      event.waitUntil(ours.catch(() => {}));
      event.respondWith(Promise.race([ours, direct]));
    }
  });

  /** A page reports the files that it loaded before the service worker controlled it. */
  addEventListener('message', (/** @type {ExtendableEvent & MessageEvent} */ event) => {
    if (!Array.isArray(event.data?.jeKernelLoaded)) return;
    event.waitUntil(keepLoaded(event, event.data.jeKernelLoaded).catch(() => {}));
  });

  async function keepLoaded(event, addresses) {
    const { id } = event.source;
    const { version, isLatest } = await pinOf(id);
    if (!version) return;
    await pin(event, id, version, isLatest);
    const list = await listOf(version);
    const paths = addresses.map(address => {
      const path = pathOf(new URL(address));
      return path === '' || path?.endsWith('/') ? `${path}index.html` : path;
    });
    const loaded = paths.filter(path => Object.hasOwn(list.files, path));
    await forEach(new Set(loaded), path => fetchAndKeep(path, list));
    await untilQuiet();
    await forEach(list.always, path => fetchAndKeep(path, list));
  }

  addEventListener('activate', (/** @type {ExtendableEvent} */ event) => {
    const obsolete = name => name.endsWith(` ${ROOT}`) && name !== BUCKET;
    const forget = async () => {
      for (const name of await caches.keys()) {
        if (name.startsWith('je-kernel-site-') && obsolete(name)) await caches.delete(name);
      }
    };
    event.waitUntil(forget());
  });
})();
