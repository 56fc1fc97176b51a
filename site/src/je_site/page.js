// Put first into the head of JupyterLite's own pages, before JupyterLite runs.

// In pages that are cross-origin isolated JupyterLite's Pyodide kernel (up to 0.8.6 at least)
// and its worker answer each other in shared memory, by coincident 1.x, in which two things go
// wrong:
//
// - An answer's first characters are also the mark that it is there. A worker that comes to
//   wait while the page is still writing reads half of it: "Bad control character in string
//   literal in JSON".
// - When the worker has answered before the page comes to wait, `Atomics.waitAsync` returns
//   no promise, and coincident takes it for one: "value.then is not a function".
//
// On a busy machine one or the other happened in two kernels of three, which then hung. A page
// that says it is not isolated has JupyterLite take the way it takes everywhere else: messages,
// and the service worker for files. The kernel's worker is isolated all the same.

if (globalThis.crossOriginIsolated) {
  Object.defineProperty(globalThis, 'crossOriginIsolated', { configurable: true, value: false });
}

/** Do something with JupyterLab, which puts itself there just before it starts. */
const whenJupyterLabStarts = (() => {
  const waiting = [];
  let application;
  Object.defineProperty(globalThis, 'jupyterapp', {
    configurable: true,
    enumerable: true,
    get: () => application,
    set(value) {
      application = value;
      if (value?.serviceManager) waiting.forEach(begin => begin(value));
    },
  });
  return begin => waiting.push(begin);
})();

// A kernel that starts before the service worker is there has no files, for as long as it
// lives: JupyterLite asks once. It is late in two cases. At the first visit it has yet to be
// installed. At the second, JupyterLite (0.8.6) takes a version that it never wrote down for
// a change, and unregisters the service worker to register it again, which takes as long as
// what the last page left unanswered. So no session starts before it answers, and it stays
// registered: what is new in it the browser fetches by itself.

(() => {
  const { serviceWorker } = navigator;
  if (!serviceWorker) return;
  const PATIENCE = 10_000; // milliseconds
  const { register } = ServiceWorkerContainer.prototype;
  let registered;

  serviceWorker.register = (...request) => (registered = register.apply(serviceWorker, request));

  const { unregister } = ServiceWorkerRegistration.prototype;
  ServiceWorkerRegistration.prototype.unregister = function () {
    const { scriptURL = '' } = this.active ?? this.waiting ?? this.installing ?? {};
    const isJupyterLites = scriptURL.split('?')[0].endsWith('/service-worker.js');
    return isJupyterLites ? Promise.resolve(false) : unregister.call(this);
  };

  /** Wait until the service worker answers this page, or cannot be had. */
  const answers = async () => {
    if (!serviceWorker.controller) {
      const controls = new Promise(resolve =>
        serviceWorker.addEventListener('controllerchange', resolve, { once: true }),
      );
      const registration = await registered;
      const installing = registration?.installing;
      const fails = new Promise(resolve => {
        installing?.addEventListener('statechange', () => {
          if (installing.state === 'redundant') resolve();
        });
      });
      if (!serviceWorker.controller) await Promise.race([controls, fails]);
    }
    // JupyterLite asked the same before, and has its answer before ours.
    await serviceWorker.getRegistration();
  };

  /** Have a session wait; a page that has no service worker gets its kernel all the same. */
  const patiently = startNew =>
    async function (...request) {
      const patience = new Promise(resolve => setTimeout(resolve, PATIENCE));
      await Promise.race([answers().catch(() => {}), patience]);
      return startNew.apply(this, request);
    };

  whenJupyterLabStarts(({ serviceManager: { sessions } }) => {
    sessions.startNew = patiently(sessions.startNew);
  });
})();

// The kernel of a notebook, console or REPL that the page's address names starts while JupyterLab
// is still being loaded, in a worker that JupyterLab gets when it asks for one. `entry.mjs` has
// the other half. It needs no file of the drive before that.

/** Return the worker that has been started early for one of JupyterLite's, if there is one. */
const takeEarlyWorker = (() => {
  const KERNEL = '@jupyterlite/pyodide-kernel-extension:kernel';
  const SCRIPT = /\/@jupyterlite\/pyodide-kernel-extension\/static\/comlink\.worker\.[^/]+$/;
  const ENTRY = /\/static\/je-kernel\/pyodide-[^/]+\/je-kernel-[^/]+$/;
  const PATIENCE = 60_000; // milliseconds that it waits for JupyterLab once that is there
  let worker;

  const { pathname, searchParams } = new URL(location.href);
  const path = searchParams.getAll('path').find(each => each.endsWith('.ipynb'));

  const start = ({ baseUrl, contentsStorageName, litePluginSettings }) => {
    const { pyodideUrl, loadPyodideOptions } = litePluginSettings?.[KERNEL] ?? {};
    const base = new URL(baseUrl, location.href);
    const entry = new URL(pyodideUrl ?? '', base);
    if (entry.origin !== location.origin || !ENTRY.test(entry.pathname)) return;
    // As JupyterLite makes them of its settings.
    const options = { indexURL: new URL('.', entry).href, ...loadPyodideOptions };
    for (const [name, value] of Object.entries(options)) {
      if (name.endsWith('URL')) options[name] = new URL(value, base).href;
    }
    const database = contentsStorageName || `JupyterLite Storage - ${baseUrl}`;
    const parts = path?.split('/').map(encodeURIComponent);
    const notebook = parts && { database, path, address: new URL(`files/${parts.join('/')}`, base).href };
    worker = new Worker(entry, { type: 'module' });
    worker.postMessage({ options, notebook });
    whenJupyterLabStarts(({ restored }) => restored.then(() => setTimeout(end, PATIENCE)));
  };

  const end = () => {
    worker?.terminate();
    worker = undefined;
  };

  // JupyterLite writes its whole configuration into the page, and then fetches JupyterLab.
  const whenConfigured = new MutationObserver((_, observer) => {
    const bundle = document.getElementById('jupyter-lite-main')?.href;
    if (!bundle || ![...document.scripts].some(({ src }) => src === bundle)) return;
    observer.disconnect();
    start(JSON.parse(document.getElementById('jupyter-config-data').textContent));
  });
  if (path || /\/(consoles|repl)\//.test(pathname)) {
    whenConfigured.observe(document, { childList: true, subtree: true });
  }

  return url => {
    const script = new URL(url, location.href);
    if (!worker || !SCRIPT.test(script.pathname)) return undefined;
    const taken = worker;
    worker = undefined;
    taken.postMessage({ script: script.href });
    return taken;
  };
})();

// Files come first: a browser whose storage is full gives up the memory snapshot that it keeps (see
// `entry.mjs`) before it refuses one. What kernels write into the drive is saved here as well.

whenJupyterLabStarts(({ serviceManager: { contents } }) => {
  const { save } = contents;

  // A whole cache stays on the disk as long as a page knows it.
  const giveUp = async () => {
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
  };

  contents.save = async function (...request) {
    try {
      return await save.apply(this, request);
    } catch (error) {
      const isFull = /quota/i.test(`${error?.name} ${error?.message}`);
      if (!isFull || !(await giveUp())) throw error;
      return save.apply(this, request);
    }
  };
});

// The Stop button. A kernel's worker that runs Python hears nothing of its page; what it can do
// is ask for the address of a blob, which is answered until the page revokes it. So each worker
// gets a list of such addresses as its name, and `interrupts.js` in the kernel looks at the first
// that it has not found revoked. One that waits without blocking hears of it by the channel.

(() => {
  const PRESSES = 100; // that a kernel can be told of before it has to listen to the page
  const AGAIN = 5_000; // milliseconds within which a second press offers to restart
  const { Worker } = globalThis;
  const channel = new BroadcastChannel('je-kernel-interrupts');
  const workers = new Map(); // by the first of its addresses: those not revoked yet
  const workerOf = new Map(); // by the name of a client: the worker of its kernel
  const connections = new Set();
  const pressed = new Map(); // by kernel: when Stop was pressed for what it runs
  const cells = new Map(); // by kernel: the request that it is busy with
  const questions = new Map(); // by kernel: the header of the `input_request` to be answered

  const newDoors = () =>
    Array.from({ length: PRESSES }, () => URL.createObjectURL(new Blob()));

  globalThis.Worker = class extends Worker {
    constructor(url, options) {
      const early = takeEarlyWorker(url);
      if (early) return early;
      const doors = newDoors();
      super(url, { name: doors.join(' '), ...options });
      workers.set(doors[0], doors);
    }
  };

  channel.onmessage = ({ data: { client, worker } }) => {
    if (workers.has(worker)) workerOf.set(client, worker);
  };

  /** Interrupt what a kernel runs. */
  const interrupt = id => {
    const clients = [...connections].filter(connection => connection.id === id);
    for (const worker of new Set(clients.map(({ clientId }) => workerOf.get(clientId)))) {
      const doors = workers.get(worker);
      if (!doors?.length) continue;
      const door = doors.shift();
      URL.revokeObjectURL(door);
      const more = doors.length < PRESSES / 2 ? newDoors() : [];
      doors.push(...more);
      channel.postMessage({ door, cell: cells.get(id), worker, more });
    }
  };

  whenJupyterLabStarts(({ commands, serviceManager: { kernels }, shell }) => {
    const { connectTo } = kernels;

    /** Answer what `input` asks: its worker hears nothing before. */
    const answer = (connection, question) => {
      const [box] = [...shell.widgets('main')]
        .filter(({ sessionContext }) => sessionContext?.session?.kernel?.id === connection.id)
        .flatMap(({ node }) => node.querySelector('.jp-Stdin-input') ?? []);
      // In its own way, so that the box goes.
      if (box) box.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true }));
      else connection.sendInputReply({ status: 'ok', value: '' }, question);
    };

    kernels.connectTo = function (...request) {
      const connection = connectTo.apply(this, request);
      connections.add(connection);
      connection.disposed.connect(() => connections.delete(connection));
      connection.statusChanged.connect(() => pressed.delete(connection.id));
      connection.anyMessage.connect((_, { msg: { header, parent_header, content } }) => {
        if (content.execution_state === 'busy') cells.set(connection.id, parent_header.msg_id);
        if (header.msg_type === 'input_request') questions.set(connection.id, header);
        if (header.msg_type === 'input_reply') questions.delete(connection.id);
      });
      const stock = connection.interrupt;
      connection.interrupt = async function () {
        const { id, status } = this;
        interrupt(id);
        const question = questions.get(id);
        if (question) answer(this, question);
        const now = performance.now();
        if (status === 'busy' && now - pressed.get(id) < AGAIN) {
          await commands.execute('kernelmenu:restart');
          return;
        }
        pressed.set(id, now);
        await stock.call(this);
      };
      return connection;
    };
  });
})();
