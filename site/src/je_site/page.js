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

  // JupyterLab puts itself there just before it starts.
  let application;
  Object.defineProperty(globalThis, 'jupyterapp', {
    configurable: true,
    enumerable: true,
    get: () => application,
    set(value) {
      application = value;
      const sessions = value?.serviceManager?.sessions;
      if (sessions) sessions.startNew = patiently(sessions.startNew);
    },
  });
})();
