// Retries a save when the browser's storage is full, after deleting caches of the site.
// Kernels write into the drive by the same function of JupyterLab.

import retryWhenFull from '../../../../src/je_kernel/files/retry_when_full.js';
import { whenJupyterLabStarts } from './jupyterlab.js';

whenJupyterLabStarts(({ serviceManager: { contents } }) => {
  const { save } = contents;
  contents.save = function (...request) {
    return retryWhenFull(() => save.apply(this, request));
  };
});
