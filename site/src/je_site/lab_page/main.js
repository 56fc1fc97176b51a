// Prepares JupyterLite's own pages for je-kernel: their first script, which runs before JupyterLite.

import './isolation.js';
import './jupyterlab.js';
import './service_worker.js';
import './early_kernel.js';
import './storage.js';
import './stop_button.js';
