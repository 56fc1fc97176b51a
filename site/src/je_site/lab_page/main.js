// The first script of JupyterLite's own pages. It runs before JupyterLite does.

import './isolation.js';
import './jupyterlab.js';
import './service_worker.js';
import './early_kernel.js';
import './storage.js';
import './stop_button.js';
