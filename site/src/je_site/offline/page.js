// Reports the files that a page has loaded before the service worker controlled it, as at a first
// visit, to the service worker, and logs the service worker's messages. A script of the pages.

(() => {
  const { serviceWorker } = navigator;
  if (!serviceWorker) return;
  serviceWorker.addEventListener('message', ({ data }) => {
    if (typeof data?.jeKernel === 'string') console.info(`je-kernel: ${data.jeKernel}`);
  });
  const tell = addresses => serviceWorker.controller?.postMessage({ jeKernelLoaded: addresses });
  const watch = () => {
    tell([location.href.split(/[?#]/)[0]]);
    new PerformanceObserver(list => tell(list.getEntries().map(({ name }) => name))).observe({
      type: 'resource',
      buffered: true,
    });
  };
  // The service worker itself sees the requests of a page that it controls.
  if (serviceWorker.controller) {
    addEventListener('load', () => tell([]));
    return;
  }
  performance.setResourceTimingBufferSize(2000);
  serviceWorker.addEventListener('controllerchange', watch, { once: true });
})();
