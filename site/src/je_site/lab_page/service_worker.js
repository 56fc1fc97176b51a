// Delays the start of kernels until the service worker answers, which gives them their files.
//
// A kernel that starts before the service worker answers has no drive for as long as it lives:
// JupyterLite asks once. The service worker is late at the first visit, when it is being installed,
// and at the second: JupyterLite (0.8.6) compares its version with one that it has never stored,
// unregisters it and registers it again, which takes as long as the requests of the last page.
// So each session waits for an answer, and nothing unregisters the service worker: the browser
// itself fetches a new one.

import { whenJupyterLabStarts } from './jupyterlab.js';

const TIMEOUT = 10_000; // milliseconds
const { serviceWorker } = navigator;

if (serviceWorker) {
  const { register } = ServiceWorkerContainer.prototype;
  /** @type {Promise<ServiceWorkerRegistration> | undefined} */
  let registered;

  serviceWorker.register = (...request) => (registered = register.apply(serviceWorker, request));

  const { unregister } = ServiceWorkerRegistration.prototype;
  ServiceWorkerRegistration.prototype.unregister = function () {
    const { scriptURL = '' } = this.active ?? this.waiting ?? this.installing ?? {};
    const isJupyterLites = scriptURL.split('?')[0].endsWith('/service-worker.js');
    return isJupyterLites ? Promise.resolve(false) : unregister.call(this);
  };

  /** Wait until the service worker answers this page, or its installation fails. */
  const untilReady = async () => {
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
    // JupyterLite has sent the same request before, and gets its answer first.
    await serviceWorker.getRegistration();
  };

  whenJupyterLabStarts(({ serviceManager: { sessions } }) => {
    const { startNew } = sessions;
    sessions.startNew = async function (...request) {
      const timeout = new Promise(resolve => setTimeout(resolve, TIMEOUT));
      // Without a service worker the kernel starts all the same.
      await Promise.race([untilReady().catch(() => {}), timeout]);
      return startNew.apply(this, request);
    };
  });
}
