// Put into the head of the site's pages: tells the service worker which files a page has loaded
// before it was under its control, as at a first visit, and shows in the console what it says.

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
  // What a page loads while it is controlled, the service worker sees by itself.
  if (serviceWorker.controller) {
    addEventListener('load', () => tell([]));
    return;
  }
  performance.setResourceTimingBufferSize(2000);
  serviceWorker.addEventListener('controllerchange', watch, { once: true });
})();
